import type { CgroupFiles } from './cgroup.ts';

const MIB = 2 ** 20;
/** What the sockets of one sandbox or cell may hold beside its memory where cgroup v1 counts memory. */
export const SOCKET_MEMORY_BYTES = 16 * MIB;

/**
 * Limits the buffers of TCP and UDP sockets. On v1 they are in no count before this is written; on v2 they count as the memory of
 * processes does, and there is no such file. To be called before any socket is made: one that is there already stays uncounted.
 * @throws Error where memory is counted by v1 and this is refused
 */
export function limitSocketMemory(cgroup: CgroupFiles): void {
  if (cgroup.isV2) return;
  if (!cgroup.write('memory', 'memory.kmem.tcp.limit_in_bytes', String(SOCKET_MEMORY_BYTES)))
    throw new Error(
      'the memory of sockets cannot be limited: this kernel has no memory.kmem.tcp.limit_in_bytes',
    );
}
