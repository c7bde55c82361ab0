"""The walls of a cell, in the order of building. Each step drops what no later step needs."""

import _socket
import fcntl
import os
import resource
import stat
import struct

from caisson_fork_server import linux
from caisson_fork_server.linux import MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REMOUNT

NEW_NAMESPACES = (
    linux.CLONE_NEWNS
    | linux.CLONE_NEWNET
    | linux.CLONE_NEWIPC
    | linux.CLONE_NEWUTS
    # Made after the cgroups are entered, so that the code sees them as its root.
    | linux.CLONE_NEWCGROUP
)
SAFE = MS_NOSUID | MS_NODEV
SIOCSIFFLAGS = 0x8914
# `struct ifreq` with IFF_UP and IFF_RUNNING.
LOOPBACK_UP = struct.pack('16sH22x', b'lo', 0x1 | 0x40)
# In the runner's root, which is read-only.
EMPTY_DIRECTORY = b'/home'
# Killed before the runner's own processes.
OOM_SCORE_ADJ = b'500'


class Walls:
    """Everything that is the same for all cells of a runner, prepared before the first fork."""

    def __init__(self, config, seccomp_program):
        self._masked = [path.encode() for path in config['masked_paths'] if can_be_read(path)]
        self._read_only = [path.encode() for path in config['read_only_paths'] if os.path.exists(path)]
        self._directories = {path for path in self._masked if os.path.isdir(path)}
        settings = config['network_settings']
        self._network_settings = [(f'/proc/sys/{path}', value.encode()) for path, value in settings]
        self._devpts_options = config['devpts_options'].encode()
        self._user = config['user']
        self._capabilities = linux.Capabilities()
        self._seccomp = linux.SeccompFilter(seccomp_program)

    def build(self, params, outer_id):
        """`outer_id`: the cell's own user and group id in the runner."""
        linux.unshare(NEW_NAMESPACES)
        self._mount_proc()
        mount_files(params, outer_id, self._devpts_options)
        bring_loopback_up()
        resource.setrlimit(resource.RLIMIT_FSIZE, (params['file_size_bytes'],) * 2)
        write('/proc/self/oom_score_adj', OOM_SCORE_ADJ)
        os.setsid()
        os.umask(0o022)
        self._become_nobody_special(outer_id)

    def seal(self):
        """The last wall: refuses the system calls that built the others."""
        self._seccomp.install()

    def _mount_proc(self):
        linux.mount(b'proc', b'/proc', b'proc', SAFE | MS_NOEXEC)
        for path, value in self._network_settings:
            write(path, value)
        for path in self._read_only:
            linux.mount(path, path, None, MS_BIND)
            linux.mount(None, path, None, MS_BIND | MS_REMOUNT | MS_RDONLY | SAFE | MS_NOEXEC)
        for path in self._masked:
            # A separate file system for each would take five times as long.
            linux.mount(EMPTY_DIRECTORY if path in self._directories else b'/dev/null', path, None, MS_BIND)

    def _become_nobody_special(self, outer_id):
        os.setgroups([])
        os.setresgid(outer_id, outer_id, outer_id)
        os.setresuid(outer_id, outer_id, outer_id)
        # Else /proc/self belongs to root, and neither the id maps nor /dev/stdout can be opened.
        linux.prctl(linux.PR_SET_DUMPABLE, 1)
        # It owns none of the namespaces made so far, so its capabilities are useless even before they are dropped.
        linux.unshare(linux.CLONE_NEWUSER)
        write('/proc/self/setgroups', b'deny')
        write('/proc/self/uid_map', b'%d %d 1' % (self._user['uid'], outer_id))
        write('/proc/self/gid_map', b'%d %d 1' % (self._user['gid'], outer_id))
        self._capabilities.drop_all()
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)


def can_be_read(path):
    """Whether users other than root can read it: a cell has no root, and masking a file costs time in each cell."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(mode) or mode & stat.S_IRWXO != 0


def mount_files(params, owner, devpts_options):
    def tmpfs(path, flags, options):
        linux.mount(b'tmpfs', path, b'tmpfs', flags, options.encode())

    tmpfs(b'/tmp', SAFE, f'mode=1777,{params["tmp"]}')
    tmpfs(b'/workspace', SAFE, f'mode=0755,uid={owner},gid={owner},{params["workspace"]}')
    tmpfs(b'/dev/shm', SAFE | MS_NOEXEC, f'mode=1777,{params["shm"]}')
    linux.mount(b'devpts', b'/dev/pts', b'devpts', MS_NOSUID | MS_NOEXEC, devpts_options)
    # Covers the sockets of the server.
    tmpfs(b'/run', SAFE | MS_NOEXEC | MS_RDONLY, 'mode=0755,size=4k,nr_inodes=2')


def bring_loopback_up():
    any_socket = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    try:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, LOOPBACK_UP)
    finally:
        any_socket.close()


def write(path, value):
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, value)
    finally:
        os.close(descriptor)
