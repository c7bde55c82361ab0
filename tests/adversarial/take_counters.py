"""Takes as many as possible of the objects that the kernel counts per host or per user, and prints the counts as JSON.

`MOST`, if set, limits each kind. Everything taken is held.
"""

import ctypes
import json
import os
import signal

PROCESSES = 4
SYS_TIMER_CREATE = 222
SYS_IO_SETUP = 206
SYS_RT_SIGQUEUEINFO = 129
SIGRTMIN = 34
libc = ctypes.CDLL(None, use_errno=True)


def count(make, most):
    """Returns how many could be created, and the final error number (None if it reached `most`)."""
    for number in range(most):
        ctypes.set_errno(0)
        try:
            result = make()
        except OSError as error:
            return number, error.errno
        if result is not None and result < 0:
            return number, ctypes.get_errno()
    return most, None


def make_timer():
    return libc.syscall(SYS_TIMER_CREATE, 1, 0, ctypes.byref(ctypes.c_int()))


def queue_signal():
    info = (ctypes.c_int * 32)(SIGRTMIN, 0, -1)
    return libc.syscall(SYS_RT_SIGQUEUEINFO, os.getpid(), SIGRTMIN, info)


def set_up_aio():
    return libc.syscall(SYS_IO_SETUP, 16, ctypes.byref(ctypes.c_ulong()))


def open_queue():
    name = f'/caisson-{os.getpid()}-{os.urandom(4).hex()}'.encode()
    queue = real_time.mq_open(name, os.O_RDWR | os.O_CREAT, 0o600, ctypes.byref((ctypes.c_long * 8)(0, 1, 64)))
    if queue >= 0:
        real_time.mq_unlink(name)
    return queue


real_time = ctypes.CDLL('librt.so.1', use_errno=True)
signal.pthread_sigmask(signal.SIG_BLOCK, [SIGRTMIN])
KINDS = {
    'inotify': lambda: libc.inotify_init1(os.O_CLOEXEC),
    'terminals': lambda: open_terminal(),
    'timers': make_timer,
    'signals': queue_signal,
    'aio': set_up_aio,
    'queues': open_queue,
}


def open_terminal():
    # Without O_NOCTTY, and after setsid, it would become the process's own.
    os.open('/dev/ptmx', os.O_RDWR | os.O_NOCTTY)


def take(most):
    return {kind: count(make, most) for kind, make in KINDS.items()}


def take_all():
    """Uses several processes, because some kinds are limited per process."""
    reader, writer = os.pipe()
    for _ in range(PROCESSES):
        if os.fork() == 0:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            os.write(writer, json.dumps(take(1 << 20)).encode() + b'\n')
            while True:
                signal.pause()
    os.close(writer)
    with os.fdopen(reader) as lines:
        parts = [json.loads(lines.readline()) for _ in range(PROCESSES)]
    return {kind: sum(part[kind][0] for part in parts) for kind in KINDS}


if MOST is None:
    print(json.dumps(take_all()), flush=True)
    os.write(1, b'ready\n')
    while True:
        signal.pause()
print(json.dumps(take(MOST)))
