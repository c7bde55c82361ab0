import { z } from 'zod';

/** What a caller asks for. */
export const ISOLATIONS = ['container'] as const;
export type Isolation = (typeof ISOLATIONS)[number];

/** What offers it. */
export const RUNTIMES = ['crun', 'runc'] as const;
export type RuntimeName = (typeof RUNTIMES)[number];

/** How much a job has to itself: a whole sandbox, or a cell in a sandbox that its tenant alone uses. */
export const ISOLATION_SCOPES = ['cell', 'sandbox'] as const;
export type IsolationScope = (typeof ISOLATION_SCOPES)[number];

export const isolation = z.enum(ISOLATIONS).meta({ id: 'Isolation' });
export const isolationScope = z.enum(ISOLATION_SCOPES).meta({ id: 'IsolationScope' });
