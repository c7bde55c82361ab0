"""System calls that Python's `os` lacks, bound once before any fork. The numbers are from Linux's headers."""

import ctypes
import os
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18

PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_SECUREBITS = 28
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
SECBIT_NOROOT = 1
SECCOMP_MODE_FILTER = 2
CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)
_mount = _libc.mount
_mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
_unshare = _libc.unshare
_unshare.argtypes = (ctypes.c_int,)
_setns = _libc.setns
_setns.argtypes = (ctypes.c_int, ctypes.c_int)
_prctl = _libc.prctl
_prctl.argtypes = (ctypes.c_int,) + (ctypes.c_ulong,) * 4
_capset = _libc.capset
_capset.argtypes = (ctypes.c_void_p, ctypes.c_void_p)


def _check(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def mount(source, target, kind, flags, options=None):
    """All but `flags` are bytes or None."""
    _check(_mount(source, target, kind, flags, options), target)


def unshare(flags):
    _check(_unshare(flags), f'unshare {flags:#x}')


def setns(descriptor, kind):
    _check(_setns(descriptor, kind), f'setns {kind:#x}')


def prctl(option, first=0, second=0):
    _check(_prctl(option, first, second, 0, 0), f'prctl {option}')


class Capabilities:
    """All capabilities that the kernel knows, so that each can be dropped from the bounding set."""

    def __init__(self):
        with open('/proc/sys/kernel/cap_last_cap') as file:
            self._all = range(int(file.read()) + 1)
        self._header = ctypes.create_string_buffer(struct.pack('<Ii', CAPABILITY_VERSION_3, 0), 8)
        self._none = ctypes.create_string_buffer(24)

    def drop_all(self):
        for capability in self._all:
            prctl(PR_CAPBSET_DROP, capability)
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
        _check(_capset(self._header, self._none), 'capset')


class SeccompFilter:
    """A compiled filter in the form that the kernel expects."""

    def __init__(self, program):
        self._code = ctypes.create_string_buffer(program, len(program))
        head = struct.pack('@HP', len(program) // 8, ctypes.addressof(self._code))
        self._program = ctypes.create_string_buffer(head, len(head))

    def install(self):
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(self._program))
