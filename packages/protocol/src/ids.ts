import { z } from 'zod';

declare const brand: unique symbol;
export type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** The prefix of each kind of id. */
const PREFIXES = {
  tenant: 'ten',
  apiKey: 'key',
  session: 'ses',
  execution: 'exe',
  sandbox: 'sbx',
  request: 'req',
} as const;

type IdKind = keyof typeof PREFIXES;

export type TenantId = Branded<string, 'tenant'>;
export type ApiKeyId = Branded<string, 'apiKey'>;
export type SessionId = Branded<string, 'session'>;
export type ExecutionId = Branded<string, 'execution'>;
export type SandboxId = Branded<string, 'sandbox'>;
export type RequestId = Branded<string, 'request'>;
/** A machine with sandboxes: one data plane, under a name from its configuration. */
export type NodeId = Branded<string, 'node'>;
/** A control plane, under a name from its configuration; no two that run have the same. */
export type ReplicaId = Branded<string, 'replica'>;

/** Crockford's base 32 in lower case: without i, l, o and u, and in the order of the bytes. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const TIME_BYTES = 6;
const RANDOM_BYTES = 14;
const TEXT_LENGTH = ((TIME_BYTES + RANDOM_BYTES) * 8) / 5;

/** Source of the two parts of an id; tests pass a fixed one. */
export interface IdSource {
  nowMs(): number;
  random(bytes: number): Uint8Array;
}

const systemSource: IdSource = {
  nowMs: () => Date.now(),
  random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
};

/** 48 bits of time in milliseconds, then 112 random bits: ids sort by creation time and cannot be guessed. */
function newId(kind: IdKind, source: IdSource): string {
  const bytes = new Uint8Array(TIME_BYTES + RANDOM_BYTES);
  let timeMs = source.nowMs();
  for (let at = TIME_BYTES - 1; at >= 0; at -= 1) {
    bytes[at] = timeMs % 256;
    timeMs = Math.floor(timeMs / 256);
  }
  bytes.set(source.random(RANDOM_BYTES), TIME_BYTES);
  return `${PREFIXES[kind]}_${base32(bytes)}`;
}

function base32(bytes: Uint8Array): string {
  let text = '';
  let pending = 0;
  let bits = 0;
  for (const byte of bytes) {
    pending = ((pending << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET.charAt((pending >>> bits) & 31);
    }
  }
  return text;
}

function idSchema<Id extends string>(kind: IdKind): z.ZodType<Id, string> {
  const pattern = new RegExp(`^${PREFIXES[kind]}_[${ALPHABET}]{${TEXT_LENGTH}}$`);
  return z
    .string()
    .regex(pattern, `must be ${PREFIXES[kind]}_ and ${TEXT_LENGTH} characters of 0-9 and a-z`)
    .meta({ example: `${PREFIXES[kind]}_${'0'.repeat(TEXT_LENGTH)}` }) as unknown as z.ZodType<Id, string>;
}

export const tenantId = idSchema<TenantId>('tenant');
export const apiKeyId = idSchema<ApiKeyId>('apiKey');
export const sessionId = idSchema<SessionId>('session');
export const executionId = idSchema<ExecutionId>('execution');
export const sandboxId = idSchema<SandboxId>('sandbox');
export const requestId = idSchema<RequestId>('request');

/** Names that a configuration sets: they go into paths, log lines and metrics as they are. */
function nameSchema<Name extends string>(): z.ZodType<Name, string> {
  return z
    .string()
    .regex(/^[a-zA-Z0-9._-]{1,64}$/, 'must be 1 to 64 characters of a-z, A-Z, 0-9, ".", "_" and "-"')
    .refine((name) => name !== '.' && name !== '..', 'must not be "." or ".."') as unknown as z.ZodType<
    Name,
    string
  >;
}

export const nodeId = nameSchema<NodeId>();
export const replicaId = nameSchema<ReplicaId>();

export const newTenantId = (source = systemSource): TenantId => newId('tenant', source) as TenantId;
export const newApiKeyId = (source = systemSource): ApiKeyId => newId('apiKey', source) as ApiKeyId;
export const newSessionId = (source = systemSource): SessionId => newId('session', source) as SessionId;
export const newExecutionId = (source = systemSource): ExecutionId =>
  newId('execution', source) as ExecutionId;
export const newSandboxId = (source = systemSource): SandboxId => newId('sandbox', source) as SandboxId;
export const newRequestId = (source = systemSource): RequestId => newId('request', source) as RequestId;
