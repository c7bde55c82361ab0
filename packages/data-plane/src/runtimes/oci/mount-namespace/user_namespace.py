"""Makes the user namespace of a container."""

import ctypes
import errno
import os

CLONE_NEWUSER = 0x10000000
MS_BIND = 4096
MNT_DETACH = 2
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2

_libc = ctypes.CDLL(None, use_errno=True)


def make_user_namespace(path, owner, ids, limits):
    """Bound to a new file at `path`. Made by the user `owner`: the kernel charges the maker for what is made in it."""
    made_reader, made = os.pipe()
    mapped_reader, mapped = os.pipe()
    child = os.fork()
    if child == 0:
        become_namespace(owner, limits, made, mapped_reader, mapped)
    os.close(made)
    os.close(mapped_reader)
    try:
        # Nothing where it has failed: its status says so.
        if os.read(made_reader, 1):
            for kind in ('uid', 'gid'):
                write(f'/proc/{child}/{kind}_map', f'0 {ids[0]} {ids[1]}')
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            source = f'/proc/{child}/ns/user'.encode()
            check(_libc.mount(source, os.fsencode(path), None, ctypes.c_ulong(MS_BIND), None), path)
            os.write(mapped, b'x')
    finally:
        for descriptor in (made_reader, mapped):
            os.close(descriptor)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status != 0:
        _libc.umount2(os.fsencode(path), MNT_DETACH)
        raise OSError(status, os.strerror(max(status, 0)), 'user namespace')


def become_namespace(owner, limits, made, mapped_reader, mapped):
    """In a child of this process; never returns."""
    status = errno.EIO
    try:
        os.close(mapped)
        # Else it would lose its capabilities with its user.
        check(_libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0), 'securebits')
        os.seteuid(owner)
        check(_libc.unshare(CLONE_NEWUSER), 'unshare')
        os.write(made, b'x')
        if os.read(mapped_reader, 1):
            for name, value in limits.items():
                try:
                    write(f'/proc/sys/user/{name}', str(value))
                except FileNotFoundError:
                    # Of a newer kernel; what is not counted cannot be used up.
                    pass
            status = 0
    except OSError as error:
        status = error.errno
    finally:
        os._exit(status)


def check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def write(path, text):
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
