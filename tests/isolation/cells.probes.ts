import { LOWEST_OOM_SCORE_ADJ, MASKED_PROC } from './host-facts.ts';

/** What code in a cell tries, and the required result. Each prints one line. */
export interface Probe {
  readonly name: string;
  readonly code: string;
  readonly prints: RegExp;
}

/** `attempt(f)` prints the result of `f`, or the name of the error; `call(n, …)` makes a system call by its x86-64 number. */
export const PROBE_PRELUDE = `
import ctypes, errno, gc, glob, os, signal, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def attempt(function):
    try:
        print(function())
    except OSError as error:
        print(errno.errorcode.get(error.errno, type(error).__name__))
def result(value):
    return value if value >= 0 else errno.errorcode[ctypes.get_errno()]
def call(name, *arguments):
    return result(getattr(libc, name)(*arguments))
`;

/** Holds one of everything and says so; when interrupted, prints whether all of it is unchanged. */
export const NEIGHBOUR = `${PROBE_PRELUDE}
import fcntl, time
from multiprocessing import shared_memory
paths = ['/tmp/secret', '/workspace/secret', '/dev/shm/secret']
for path in paths:
    open(path, 'w').write('mine')
abstract = socket.socket(socket.AF_UNIX)
abstract.bind('\\0neighbour')
abstract.listen()
tcp = socket.create_server(('127.0.0.1', 4444))
system_v = [libc.shmget(0x1234, 4096, 0o1666), libc.semget(0x1234, 1, 0o1666), libc.msgget(0x1234, 0o1666)]
posix = shared_memory.SharedMemory('neighbour', create=True, size=64)
# The objects that a probe must not reach exist: their owner reaches them in the same way.
socket.socket(socket.AF_UNIX).connect('\\0neighbour')
socket.create_connection(('127.0.0.1', 4444), 1).close()
assert (libc.shmget(0x1234, 4096, 0), libc.semget(0x1234, 1, 0), libc.msgget(0x1234, 0)) == tuple(system_v)
shared_memory.SharedMemory('neighbour')
child = os.fork()
if child == 0:
    while True: time.sleep(1)
os.kill(child, 0)
try:
    # In one write, which no interrupt cuts.
    os.write(1, b'ready\\n')
    while True: time.sleep(1)
except KeyboardInterrupt:
    alive = os.waitpid(child, os.WNOHANG) == (0, 0)
    same = all(open(path).read() == 'mine' for path in paths)
    objects = all(identifier >= 0 for identifier in system_v)
    print('whole' if alive and same and objects else f'harmed {alive} {same} {objects}')
`;

export const PROBES: readonly Probe[] = [
  {
    name: 'files of a neighbour are not there',
    code: 'print([path for directory in ("/tmp", "/workspace", "/dev/shm", "/run") for path in glob.glob(directory + "/*")])',
    prints: /^\[\]$/,
  },
  {
    name: 'only its own processes are there',
    code: 'print(sorted(int(name) for name in os.listdir("/proc") if name.isdigit()) == [1, os.getpid()])',
    prints: /^True$/,
  },
  {
    name: 'no other process can be signalled',
    code: `
def strike(pid):
    try:
        os.kill(pid, signal.SIGKILL)
        return 'struck'
    except OSError as error:
        return errno.errorcode[error.errno]
print({strike(pid) for pid in range(2, 5000) if pid != os.getpid()}, strike(1))`,
    prints: /^\{'ESRCH'\} EPERM$/,
  },
  {
    name: 'an abstract socket of a neighbour cannot be reached',
    code: 'attempt(lambda: socket.socket(socket.AF_UNIX).connect("\\0neighbour"))',
    prints: /^ECONNREFUSED$/,
  },
  {
    name: 'a port of a neighbour cannot be reached',
    code: 'attempt(lambda: socket.create_connection(("127.0.0.1", 4444), 1))',
    prints: /^ECONNREFUSED$/,
  },
  {
    name: 'memory, semaphores and queues of System V are its own',
    code: 'print(call("shmget", 0x1234, 4096, 0), call("semget", 0x1234, 1, 0), call("msgget", 0x1234, 0))',
    prints: /^ENOENT ENOENT ENOENT$/,
  },
  {
    name: 'named shared memory is its own',
    code: 'from multiprocessing import shared_memory\nattempt(lambda: shared_memory.SharedMemory("neighbour"))',
    prints: /^ENOENT$/,
  },
  {
    name: 'there are no keyrings',
    code: 'import re\nprint(call("syscall", 250, 0, -3, 1), call("syscall", 248, b"user", b"a", b"b", 1, -3), open("/proc/keys").read())',
    prints: /^(EPERM|ENOSYS) (EPERM|ENOSYS)\s*$/,
  },
  {
    name: 'process 1 tells nothing',
    code: `
for path in ('environ', 'maps', 'mem', 'root', 'cwd', 'fd', 'exe'):
    try:
        os.readlink(f'/proc/1/{path}') if path in ('root', 'cwd', 'exe') else os.listdir('/proc/1/fd') if path == 'fd' else open(f'/proc/1/{path}').read()
        print('read', path, end=' ')
    except PermissionError:
        pass
print('done')`,
    prints: /^done$/,
  },
  {
    name: 'process 1 has no capabilities, and cannot get any',
    code: `
fields = dict(line.split(':\\t') for line in open('/proc/1/status').read().splitlines() if ':\\t' in line)
print(fields['CapEff'], fields['CapPrm'], fields['CapAmb'], fields['NoNewPrivs'], fields['Seccomp'])`,
    prints: /^0{16} 0{16} 0{16} 1 2$/,
  },
  {
    name: 'neither the cgroup file system nor the sockets of the server can be named',
    code: `
mounts = open('/proc/self/mountinfo').read()
print(' - cgroup' in mounts, os.listdir('/run'), end=' ')
attempt(lambda: socket.socket(socket.AF_UNIX).connect('/run/cells.sock'))`,
    prints: /^False \[\] ENOENT$/,
  },
  {
    name: 'what covers the runner cannot be taken away',
    code: 'print(call("umount2", b"/run", 2), call("umount2", b"/proc", 2), call("mount", b"t", b"/tmp", b"tmpfs", 0, None))',
    prints: /^EPERM EPERM EPERM$/,
  },
  {
    name: 'no namespace can be made or entered',
    code: 'print({call("unshare", flag) for flag in (0x20000, 0x10000000, 0x40000000)}, call("setns", 0, 0), call("syscall", 56, 0x10000011, 0, 0, 0, 0), call("syscall", 435, 0, 0))',
    prints: /^\{'EPERM'\} EPERM EPERM ENOSYS$/,
  },
  {
    name: 'it can become no other user',
    code: 'attempt(lambda: os.setuid(0))\n',
    prints: /^(EPERM|EINVAL)$/,
  },
  {
    name: 'it has no descriptor that leads out',
    code: `
links = sorted(os.readlink(f'/proc/self/fd/{name}') for name in os.listdir('/proc/self/fd') if os.path.lexists(f'/proc/self/fd/{name}'))
print({link.split(':')[0] for link in links} - {'pipe', 'socket', '/dev/null'}, sum(link.startswith('socket') for link in links))`,
    prints: /^set\(\) 1$/,
  },
  {
    name: 'no frame and no object of the server is left in its memory',
    code: `
frame, files = sys._getframe(), set()
while frame is not None:
    files.add(frame.f_code.co_filename.split('/')[-1])
    frame = frame.f_back
gc.unfreeze()
objects = {type(each).__qualname__ for each in gc.get_objects() if type(each).__module__.startswith('caisson_fork_server')}
sockets = [each for each in gc.get_objects() if isinstance(each, socket.socket)]
print(sorted(files - {'<step 1>', 'loop.py', 'step.py', 'code.py', 'fork_server.py'}), objects, sockets)`,
    prints: /^\[\] set\(\) \[\]$/,
  },
  {
    name: 'devices and kernel settings cannot be changed',
    code: `
paths = ('/proc/sys/kernel/shmmax', '/proc/sys/net/ipv4/ip_forward', '/proc/sysrq-trigger', '/dev/x', '/usr/x', '/x', '/etc/x')
print([path for path in paths if os.access(path, os.W_OK) and not os.path.samefile(path, '/dev/null')], end=' ')
attempt(lambda: os.mknod('/tmp/disk', 0o60666, os.makedev(8, 0)))`,
    prints: /^\[\] EPERM$/,
  },
  {
    name: 'masked files and directories of /proc are empty',
    code: `${MASKED_PROC}print('done')`,
    prints: /^done$/,
  },
  {
    name: 'no mount tells of a path of the host',
    code: `
mounts = open('/proc/self/mountinfo').read()
print([path for path in (${JSON.stringify(process.cwd())}, '/run/caisson', '/instances/') if path in mounts])`,
    prints: /^\[\]$/,
  },
  {
    name: 'its oom_score_adj can be lowered to 0 and no further',
    code: LOWEST_OOM_SCORE_ADJ,
    prints: /^0$/,
  },
  {
    name: 'threads, subprocesses, terminals, semaphores and its own loopback work',
    code: `
import multiprocessing, pty, subprocess, threading
thread = threading.Thread(target=lambda: print('thread', end=' '))
thread.start(); thread.join()
pty.openpty()
multiprocessing.Lock()
open('/tmp/run.sh', 'w').write('#!/bin/sh\\nprintf "script "')
os.chmod('/tmp/run.sh', 0o755)
sys.stdout.flush()
subprocess.run(['/tmp/run.sh'])
server = socket.create_server(('127.0.0.1', 0))
socket.create_connection(server.getsockname(), 1)
print('loopback')`,
    prints: /^thread script loopback$/,
  },
];
