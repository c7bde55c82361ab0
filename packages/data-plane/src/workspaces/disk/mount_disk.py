"""Mounts a file system of a fixed size that lies on disk, in the mount namespace in which this is started.

Arguments: a directory to mount it on; a directory of the disk; the size of the image in bytes; the number of files that it can
hold; user and group id that own it. Ends with 0 when it is mounted, else standard error says why not.

The image never has a name, and its loop device is cleared with its last use: when the mount goes, nothing is left, however it
goes. Its blocks are set aside beforehand, so that the disk cannot run full under it.
"""

import ctypes
import errno
import fcntl
import os
import stat
import subprocess
import struct
import sys

MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_NOATIME = 1024
MNT_DETACH = 2

LOOP_CONFIGURE = 0x4C0A
LOOP_SET_DIRECT_IO = 0x4C08
LOOP_CTL_GET_FREE = 0x4C82
LO_FLAGS_AUTOCLEAR = 4
LOOP_MAJOR = 7
# struct loop_config: descriptor and block size, then struct loop_info64 up to its flags, then the rest of both.
LOOP_CONFIG = struct.Struct('=II40xIIII160x16x64x')
# Others look for a free device at the same time.
ATTEMPTS = 64

FORMAT_TIMEOUT = 30
ENVIRONMENT = {'PATH': '/usr/sbin:/sbin:/usr/bin:/bin', 'LC_ALL': 'C'}
# The file system goes with the sandbox, so there is nothing to recover: no journal. Nothing ever grows it. What lies on the disk is
# set aside already and must stay so: no discard.
FEATURES = '^has_journal,^resize_inode'

_libc = ctypes.CDLL(None, use_errno=True)


def main(path, directory, size, files, uid, gid):
    image = make_image(directory, int(size))
    make_file_system(image, files, f'{uid}:{gid}')
    # On top of the place itself, for a moment: a file system in which devices can be opened.
    mount('caisson-device', path, 'tmpfs', MS_NOSUID | MS_NOEXEC, 'mode=0700,size=4k')
    try:
        loop = attach(image, os.path.join(path, 'loop'))
    finally:
        check(_libc.umount2(os.fsencode(path), MNT_DETACH), path)
    os.close(image)
    mount(f'/proc/self/fd/{loop}', path, 'ext4', MS_NOSUID | MS_NODEV | MS_NOATIME, 'errors=remount-ro')
    os.rmdir(os.path.join(path, 'lost+found'))


def make_image(directory, size):
    image = os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    os.posix_fallocate(image, 0, size)
    return image


def make_file_system(image, files, owner):
    extended = f'nodiscard,lazy_itable_init=1,root_owner={owner}'
    command = ['mke2fs', '-q', '-F', '-t', 'ext4', '-b', '4096', '-I', '256', '-m', '0', '-O', FEATURES]
    command += ['-N', files, '-E', extended, f'/proc/self/fd/{image}']
    subprocess.run(
        command, check=True, env=ENVIRONMENT, pass_fds=(image,), stdin=subprocess.DEVNULL, timeout=FORMAT_TIMEOUT
    )


def attach(image, node):
    """A descriptor of a loop device of the image, by a device file of our own: not every /dev gets one for a new device."""
    with open('/dev/loop-control', 'rb') as control:
        for _ in range(ATTEMPTS):
            number = fcntl.ioctl(control, LOOP_CTL_GET_FREE)
            os.mknod(node, stat.S_IFBLK | 0o600, os.makedev(LOOP_MAJOR, number))
            loop = os.open(node, os.O_RDWR | os.O_CLOEXEC)
            os.unlink(node)
            try:
                fcntl.ioctl(loop, LOOP_CONFIGURE, LOOP_CONFIG.pack(image, 0, number, 0, 0, LO_FLAGS_AUTOCLEAR))
                break
            except OSError as error:
                os.close(loop)
                if error.errno != errno.EBUSY:
                    raise
        else:
            raise OSError(errno.EBUSY, 'no loop device is free')
    try:
        # Else everything would be cached twice. Not every disk can do it.
        fcntl.ioctl(loop, LOOP_SET_DIRECT_IO, 1)
    except OSError:
        pass
    return loop


def mount(source, target, kind, flags, options):
    arguments = [os.fsencode(text) for text in (source, target, kind)]
    check(_libc.mount(*arguments, ctypes.c_ulong(flags), options.encode()), target)


def check(result, path):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)


main(*sys.argv[1:])
