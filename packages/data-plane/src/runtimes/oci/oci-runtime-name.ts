/** In order of preference: crun starts a container in about a third of runc's time. */
export const OCI_RUNTIMES = ['crun', 'runc'] as const;
export type OciRuntimeName = (typeof OCI_RUNTIMES)[number];
