import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cellSeccomp, forkServerSeccomp, loadSeccomp } from './seccomp.ts';
import { compileSeccomp } from './compile-seccomp.ts';

const signal = new AbortController().signal;
const ALLOW = 0x7fff0000;
const ASK = 0x7fc00000;
const KILL_PROCESS = 0x80000000;
const errno = (number: number) => 0x00050000 | number;
const AUDIT_ARCH_X86_64 = 0xc000003e;

/** Runs a program of classic BPF on a system call, as the kernel does, for the instructions that seccomp programs hold. */
function decide(program: Buffer, call: { nr: number; arch?: number; args?: readonly bigint[] }): number {
  const data = Buffer.alloc(64);
  data.writeInt32LE(call.nr, 0);
  data.writeUInt32LE(call.arch ?? AUDIT_ARCH_X86_64, 4);
  for (const [index, value] of (call.args ?? []).entries()) data.writeBigUInt64LE(value, 16 + index * 8);
  let accumulator = 0;
  for (let at = 0; ; at++) {
    const code = program.readUInt16LE(at * 8);
    const [ifTrue, ifFalse] = [program.readUInt8(at * 8 + 2), program.readUInt8(at * 8 + 3)];
    const operand = program.readUInt32LE(at * 8 + 4);
    const branch = (condition: boolean) => (at += condition ? ifTrue : ifFalse);
    if (code === 0x20) accumulator = data.readUInt32LE(operand);
    else if (code === 0x54) accumulator = (accumulator & operand) >>> 0;
    else if (code === 0x05) at += operand;
    else if (code === 0x15) branch(accumulator === operand);
    else if (code === 0x25) branch(accumulator > operand);
    else if (code === 0x35) branch(accumulator >= operand);
    else if (code === 0x45) branch((accumulator & operand) !== 0);
    else if (code === 0x06) return operand;
    else throw new Error(`unknown instruction ${code}`);
  }
}

test(
  'the program decides as the list says',
  { skip: process.arch !== 'x64' && 'numbers of x86-64' },
  async () => {
    const program = await compileSeccomp(loadSeccomp('/run/gate.sock'), signal);
    for (const [name, nr, args, action] of [
      ['read', 0, [], ALLOW],
      ['mount', 165, [], errno(1)],
      ['unshare', 272, [], errno(1)],
      ['setns', 308, [], errno(1)],
      ['clone of a thread', 56, [0x3d0f00n], ALLOW],
      ['clone of a user namespace', 56, [0x10000000n], errno(1)],
      ['clone3', 435, [], errno(38)],
      ['io_uring_setup', 425, [], errno(38)],
      ['keyctl', 250, [], errno(1)],
      ['socket of IPv4', 41, [2n], ALLOW],
      ['socket of packets', 41, [17n], errno(1)],
      ['socket of IPv4 with high bits', 41, [0x100000002n], errno(1)],
      ['socket of IPv4 for TCP', 41, [2n, 1n, 6n], ALLOW],
      ['socket of IPv4 for SCTP', 41, [2n, 1n, 132n], errno(1)],
      ['socket of IPv6 for UDP', 41, [10n, 2n, 17n], ALLOW],
      ['socket of IPv6 for MPTCP', 41, [10n, 1n, 262n], errno(1)],
      ['netlink of routes', 41, [16n, 3n, 0n], ASK],
      ['netlink of users', 41, [16n, 3n, 2n], errno(1)],
      ['option SO_REUSEADDR', 54, [3n, 1n, 2n], ALLOW],
      ['option SO_RCVBUF', 54, [3n, 1n, 8n], errno(0)],
      ['option SO_ATTACH_FILTER', 54, [3n, 1n, 26n], errno(1)],
      ['option TCP_NODELAY', 54, [3n, 6n, 1n], ALLOW],
      ['option TCP_ULP', 54, [3n, 6n, 31n], errno(1)],
      ['option UDP_CORK', 54, [3n, 17n, 1n], errno(1)],
      ['sendto', 44, [3n, 0n, 1n, 0x4000n], ALLOW],
      ['sendto with MSG_MORE', 44, [3n, 0n, 1n, 0xc000n], errno(1)],
      ['sendmsg with MSG_MORE', 46, [3n, 0n, 0x8000n], errno(1)],
      ['sendmmsg with MSG_MORE', 307, [3n, 0n, 1n, 0x8000n], errno(1)],
      ['io_setup', 206, [], errno(38)],
      ['mq_open', 240, [], errno(38)],
      ['personality of Linux', 135, [0n], ALLOW],
      ['personality without random addresses', 135, [0x40000n], errno(1)],
      ['a call that nobody knows', 9999, [], errno(1)],
    ] as const) {
      assert.equal(decide(program, { nr, args }) >>> 0, action, name);
    }
  },
);

test('what a cell adds to the list of its fork server makes it the list itself again', async () => {
  const list = loadSeccomp('/run/gate.sock');
  const [whole, server, added] = await Promise.all(
    [list, forkServerSeccomp(list), cellSeccomp(list)].map(async (each) => compileSeccomp(each, signal)),
  );
  assert.ok(whole !== undefined && server !== undefined && added !== undefined);
  for (let nr = 0; nr < 600; nr++) {
    for (const value of [0n, 1n, 2n, 17n, 0x10000000n, 0x3d0f00n, 0x5401n, 0xffffffffffffffffn]) {
      const call = { nr, args: [value, value, value] };
      // The strictest counts; as numbers with a sign, stricter actions are smaller.
      const together = Math.min(decide(server, call) | 0, decide(added, call) | 0);
      assert.equal(together, decide(whole, call) | 0, `call ${nr} with ${value}`);
    }
  }
});

test('a call by the table of another architecture ends the process', async () => {
  const program = await compileSeccomp(loadSeccomp('/run/gate.sock'), signal);
  assert.equal(decide(program, { nr: 0, arch: 0x40000003 }) >>> 0, KILL_PROCESS);
});

test('a list that libseccomp does not take is an error', async () => {
  const broken = {
    ...loadSeccomp('/run/gate.sock'),
    syscalls: [{ names: ['read'], action: 'SCMP_ACT_NONE' }],
  };
  await assert.rejects(compileSeccomp(broken, signal), /could not be compiled: KeyError/);
});
