import { z } from 'zod';

/** The kinds of isolation that a caller can request. */
export const ISOLATIONS = ['container'] as const;
export type Isolation = (typeof ISOLATIONS)[number];

/** The runtimes that provide it. */
export const RUNTIMES = ['crun', 'runc'] as const;
export type RuntimeName = (typeof RUNTIMES)[number];

/** What a job has to itself: a sandbox, or a cell in a sandbox that only its tenant uses. */
export const ISOLATION_SCOPES = ['cell', 'sandbox'] as const;
export type IsolationScope = (typeof ISOLATION_SCOPES)[number];

export const isolation = z.enum(ISOLATIONS).meta({ id: 'Isolation' });
export const isolationScope = z.enum(ISOLATION_SCOPES).meta({ id: 'IsolationScope' });
