import type { ExecutionReason, ExecutionStatus, Language } from '@caisson/protocol/api';
import type { StepOverrides } from '../support/sandbox.ts';

/** Hostile code, and how it must end wherever it runs. */
export interface HostileCode {
  readonly name: string;
  readonly language?: Language;
  readonly code: string;
  readonly step?: StepOverrides;
  /** How it may end: more than one outcome if the host's kernel decides. */
  readonly ends: readonly `${ExecutionStatus}/${ExecutionReason | 'null'}`[];
  readonly error?: string;
  readonly truncated?: boolean;
}

export const HOSTILE_CODE: readonly HostileCode[] = [
  {
    name: 'an endless loop',
    code: 'while True: pass',
    step: { timeoutMs: 500 },
    ends: ['timed_out/timeout'],
  },
  {
    name: 'an endless loop that takes no interrupt',
    code: 'import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass',
    step: { timeoutMs: 500 },
    ends: ['timed_out/timeout'],
  },
  {
    name: 'an endless loop in JavaScript',
    language: 'javascript',
    code: 'for (;;) {}',
    step: { timeoutMs: 500 },
    ends: ['timed_out/timeout'],
  },
  {
    name: 'a promise that never settles',
    language: 'javascript',
    code: 'setInterval(() => {}, 1000); await new Promise(() => {})',
    step: { timeoutMs: 500 },
    ends: ['timed_out/timeout'],
  },
  {
    name: 'an endless sleep in a shell that ignores interrupts',
    language: 'shell',
    code: "trap '' INT; while :; do sleep 100; done",
    step: { timeoutMs: 500 },
    ends: ['timed_out/timeout'],
  },
  {
    name: 'a fork bomb',
    code: 'import os\nwhile True: os.fork()',
    step: { timeoutMs: 3000 },
    ends: ['failed/exception', 'timed_out/timeout', 'failed/out_of_memory'],
  },
  {
    name: 'a fork bomb whose children leave their session and stay',
    code: 'import os, time\nwhile True:\n    try:\n        if os.fork() == 0:\n            os.setsid()\n            while True: time.sleep(1)\n    except OSError: pass',
    step: { timeoutMs: 1000 },
    ends: ['timed_out/timeout'],
  },
  {
    name: 'a fork bomb in the shell',
    language: 'shell',
    code: 'bomb() { bomb | bomb & }; bomb; sleep 100',
    step: { timeoutMs: 2000 },
    ends: ['timed_out/timeout', 'failed/exit_code', 'failed/kernel_crashed'],
  },
  {
    name: 'an allocation of 10 GB',
    code: 'x = bytearray(10 << 30)\nfor i in range(0, len(x), 4096): x[i] = 1',
    ends: ['failed/out_of_memory'],
  },
  {
    name: 'an allocation of 10 GB in JavaScript',
    language: 'javascript',
    code: 'const blocks = []; for (;;) blocks.push(Buffer.alloc(1 << 24, 1));',
    ends: ['failed/out_of_memory'],
  },
  {
    name: 'a heap that grows for ever in JavaScript',
    language: 'javascript',
    code: 'const all = []; for (;;) all.push({ text: Math.random().toString() });',
    ends: ['failed/out_of_memory'],
  },
  {
    name: '10 GB of output',
    code: 'import os\nblock = b"x" * (1 << 20)\nfor _ in range(10 * 1024): os.write(1, block)',
    step: { timeoutMs: 150_000 },
    ends: ['succeeded/null'],
    truncated: true,
  },
  {
    name: 'endless output to both streams',
    language: 'shell',
    code: 'yes >&2 & yes',
    step: { timeoutMs: 1000 },
    ends: ['timed_out/timeout'],
    truncated: true,
  },
  {
    name: '100,000 files',
    code: 'for i in range(100_000): open(f"file-{i}", "w").close()',
    ends: ['failed/exception', 'succeeded/null'],
  },
  {
    name: 'a full workspace',
    code: 'open("big", "wb").write(b"x" * (33 << 20))',
    ends: ['failed/exception'],
    error: 'OSError',
  },
  {
    name: 'a full /tmp',
    code: 'with open("/tmp/big", "wb") as file:\n    for _ in range(100): file.write(b"x" * (1 << 20))',
    ends: ['failed/exception'],
    error: 'OSError',
  },
  {
    name: 'kill -9 -1',
    language: 'shell',
    code: 'kill -9 -1; sleep 0.1',
    ends: ['succeeded/null', 'failed/exit_code', 'failed/kernel_crashed'],
  },
  {
    name: 'killing every process, itself included',
    code: 'import os, signal\ntry: os.kill(-1, signal.SIGKILL)\nexcept ProcessLookupError: pass\nos.kill(os.getpid(), signal.SIGKILL)',
    ends: ['failed/kernel_crashed'],
  },
  {
    name: 'killing the first process',
    code: 'import os, signal\nos.kill(1, signal.SIGKILL)',
    ends: ['succeeded/null', 'failed/exception'],
  },
  {
    name: 'closing every descriptor',
    code: 'import os\nos.closerange(0, 65536)',
    ends: ['failed/kernel_crashed'],
  },
  {
    name: 'reading a file of the host',
    code: 'open("/etc/shadow").read()',
    ends: ['failed/exception'],
    error: 'FileNotFoundError',
  },
  {
    name: 'connecting to the network',
    code: 'import socket\nsocket.create_connection(("192.0.2.1", 80), timeout=5)',
    ends: ['failed/exception'],
    error: 'OSError',
  },
  {
    name: 'endless recursion',
    code: 'def f(): f()\nf()',
    ends: ['failed/exception'],
    error: 'RecursionError',
  },
  {
    name: 'an exception that cannot be shown',
    code: 'class Broken(Exception):\n    def __str__(self): raise RuntimeError("no")\n    __repr__ = __str__\nraise Broken()',
    ends: ['failed/exception'],
  },
  {
    name: 'printing lines that look like the protocol',
    code: 'import os\nfor fd in (1, 2): os.write(fd, b\'{"type":"done","exit_code":0}\\n\')\nraise ValueError("real")',
    ends: ['failed/exception'],
    error: 'ValueError',
  },
  {
    name: 'a crash in native code',
    code: 'import ctypes\nctypes.string_at(0)',
    ends: ['failed/kernel_crashed'],
  },
];
