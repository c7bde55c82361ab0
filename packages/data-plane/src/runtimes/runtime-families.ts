import { OCI_FAMILY } from './oci/open.ts';
import type { RuntimeFamily } from './runtime-family.ts';

/** Every runtime that there is, one line for each folder. Of two families of the same isolation, the first that works is used. */
export const RUNTIME_FAMILIES: readonly RuntimeFamily[] = [OCI_FAMILY];
