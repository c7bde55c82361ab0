"""Holds the mount namespace of a data plane: makes mounts and pipes in it, and starts programs in it.

For this small process that takes far less time than for the large one that it works for, which would have to copy its page
tables for each program, and to start a second one only to get here.

It is also the guardian of the sandboxes. When the server dies, however it dies, its standard input closes: then it kills every
process of the instance, and ends, and with it the namespace and all its mounts.

Its one argument is JSON: `directory` (gets a file system in memory), `unmount` (cgroup hierarchies to leave out), `bind` (pairs of a
source and a target, read-only), `cgroup` (null, or the instance's cgroup: its directories in the hierarchies of `pids` and
`freezer`).
Standard input, lines of JSON, each with an `id` of the asker's choice.
  {"mount": path, "options": [...]}, {"unmount": path}, {"fifos": [path, ...]}, {"start": program}, {"kill": true} for a
  program by its id, {"watch": pid} for a process of the host,
  {"user_namespace": path, "owner": user, "ids": [first, count], "limits": {name of a file of /proc/sys/user: value, ...}}
Standard output, lines of JSON
  {"ready": true} once; {"id": ...} when it is done, with "error" where it is not; {"id": ..., "exited": code} for a program;
  {"id": ..., "ended": true} for a process that is watched
netlink-gate.sock in the directory: see netlink_gate.py.

A program is {"argv": [...], "files": [[path, flags], ...]}: it finds the files open from descriptor 0 on, and nothing else.
Its code is negative where a signal ended it.
"""

import ctypes
import fcntl
import json
import os
import select
import signal
import sys
import time

# For these imports: the interpreter is isolated.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from end_processes import end_processes, kill  # noqa: E402
from netlink_gate import start_gate  # noqa: E402
from oom_score import OomScore  # noqa: E402
from user_namespace import make_user_namespace  # noqa: E402

MS_RDONLY = 1
MS_REMOUNT = 32
MS_BIND = 4096
MS_MOVE = 8192
MNT_DETACH = 2
FLAGS = {'nosuid': 2, 'nodev': 4}
KEPT_FLAGS = 2 | 4 | 8
MAX_LINE = 65536
# Whoever stops the server may tell all that it has started: it ends when its work is done.
OUTLIVED_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# What is ignored is inherited; Python itself ignores the first two.
DEFAULT_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ, *OUTLIVED_SIGNALS)
PROGRAMS_END_SECONDS = 1

_libc = ctypes.CDLL(None, use_errno=True)


def main(text):
    for number in OUTLIVED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    # What the server was started with is not for the programs.
    os.closerange(3, 1 << 20)
    preparation = json.loads(text)
    helper = NamespaceHelper(prepare(preparation))
    try:
        helper.run()
    finally:
        # The server has died, or there is nobody to serve it any more.
        helper.end_programs()
        if preparation['cgroup'] is not None:
            end_processes(preparation['cgroup']['pids'], preparation['cgroup']['freezer'])


def prepare(preparation):
    """Returns the pidfd of the gate."""
    for path in preparation['unmount']:
        leave_out(path, preparation['directory'])
    for source, target in preparation['bind']:
        mount(source, target, None, MS_BIND, None)
        # A new flag takes the place of those that were there, which have the numbers of statvfs(3).
        kept = os.statvfs(target).f_flag & KEPT_FLAGS
        mount(None, target, None, MS_BIND | MS_REMOUNT | MS_RDONLY | kept, None)
    mount('caisson', preparation['directory'], 'tmpfs', FLAGS['nosuid'] | FLAGS['nodev'], 'mode=0711')
    gate = start_gate(os.path.join(preparation['directory'], 'netlink-gate.sock'))
    os.chdir('/')
    os.umask(0o022)
    return gate


def leave_out(path, scratch):
    """Unmounts it and leaves no directory of that name: in one crun would make a directory for each sandbox, and remove none."""
    above = os.path.dirname(path)
    if above != '/sys/fs/cgroup':
        unmount(path, 0)
        return
    mount('caisson', scratch, 'tmpfs', FLAGS['nosuid'] | FLAGS['nodev'], 'mode=0755')
    for entry in os.scandir(above):
        place = os.path.join(scratch, entry.name)
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), place)
        elif entry.is_dir() and entry.path != path:
            os.mkdir(place)
            mount(entry.path, place, None, MS_BIND, None)
    unmount(above, MNT_DETACH)
    mount(scratch, above, None, MS_MOVE, None)


def mount(source, target, kind, flags, options):
    arguments = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    source, place, kind, options = arguments
    check(_libc.mount(source, place, kind, ctypes.c_ulong(flags), options), target)


def unmount(path, flags):
    check(_libc.umount2(os.fsencode(path), flags), path)


def check(result, path):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)


def open_above(lowest, path, flags):
    """A descriptor of `lowest` at least. Never waits: a pipe whose other end has died with the server would wait for ever."""
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    try:
        if not flags & os.O_NONBLOCK:
            os.set_blocking(descriptor, True)
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, lowest)
    finally:
        os.close(descriptor)


class NamespaceHelper:
    def __init__(self, gate):
        """`gate`: pidfd of the netlink gate, without which no sandbox can be kept as it should be."""
        self._gate = gate
        self._poll = select.epoll()
        self._partial = b''
        self._score = OomScore()
        # By the pidfd: the id that it was asked for by, and its pid, which is its own until it is waited for.
        self._programs = {}
        # By the pidfd: the id that it was asked for by.
        self._watched = {}

    def run(self):
        """Serves until the server is gone."""
        self._poll.register(0, select.EPOLLIN)
        self._poll.register(self._gate, select.EPOLLIN)
        say({'ready': True})
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor in self._programs:
                    self._reap(descriptor)
                elif descriptor in self._watched:
                    self._tell_end(descriptor)
                elif descriptor == self._gate:
                    # The server lives, and ends the sandboxes itself: it has to know why before they are gone.
                    os.write(2, b'the netlink gate has ended')
                    os._exit(1)
                elif not self._read():
                    return

    def end_programs(self):
        """Before the sandboxes: a runtime that still runs would put another process into one."""
        running = {pid for _, pid in self._programs.values()}
        for pid in running:
            kill(pid)
        deadline = time.monotonic() + PROGRAMS_END_SECONDS
        while running and time.monotonic() < deadline:
            running = {pid for pid in running if os.waitpid(pid, os.WNOHANG)[0] == 0}
            time.sleep(0.001)

    def _read(self):
        data = os.read(0, MAX_LINE)
        *lines, self._partial = (self._partial + data).split(b'\n')
        for line in lines:
            self._obey(json.loads(line))
        return data != b''

    def _obey(self, message):
        try:
            self._do(message)
        except OSError as error:
            say({'id': message['id'], 'error': str(error)})

    def _do(self, message):
        if 'kill' in message:
            self._kill(message['id'])
            return
        if 'start' in message:
            self._start(message['id'], message['start'])
        elif 'mount' in message:
            flags = sum(FLAGS.get(option, 0) for option in message['options'])
            options = ','.join(option for option in message['options'] if option not in FLAGS)
            mount('caisson-workspace', message['mount'], 'tmpfs', flags, options)
        elif 'watch' in message:
            self._watch(message['id'], message['watch'])
        elif 'user_namespace' in message:
            make_user_namespace(message['user_namespace'], message['owner'], message['ids'], message['limits'])
        elif 'unmount' in message:
            try:
                unmount(message['unmount'], MNT_DETACH)
            except FileNotFoundError:
                # Somebody has removed the directory, and the mount with it.
                pass
        else:
            for path in message['fifos']:
                os.mkfifo(path, 0o600)
        say({'id': message['id']})

    def _start(self, number, program):
        argv, files = program['argv'], program['files']
        opened = []
        try:
            for path, flags in files:
                opened.append(open_above(len(files), path, flags))
            actions = [(os.POSIX_SPAWN_DUP2, descriptor, at) for at, descriptor in enumerate(opened)]
            with self._score.raised():
                pid = os.posix_spawnp(
                    argv[0], argv, os.environ, file_actions=actions, setsid=True, setsigdef=DEFAULT_SIGNALS
                )
        finally:
            for descriptor in opened:
                os.close(descriptor)
        descriptor = os.pidfd_open(pid)
        self._programs[descriptor] = (number, pid)
        self._poll.register(descriptor, select.EPOLLIN)

    def _watch(self, number, pid):
        descriptor = os.pidfd_open(pid)
        self._watched[descriptor] = number
        self._poll.register(descriptor, select.EPOLLIN)

    def _tell_end(self, descriptor):
        number = self._watched.pop(descriptor)
        self._poll.unregister(descriptor)
        os.close(descriptor)
        say({'id': number, 'ended': True})

    def _kill(self, number):
        for each, pid in self._programs.values():
            if each == number:
                os.kill(pid, signal.SIGKILL)

    def _reap(self, descriptor):
        number, pid = self._programs.pop(descriptor)
        self._poll.unregister(descriptor)
        os.close(descriptor)
        say({'id': number, 'exited': os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])})


def say(value):
    data = json.dumps(value).encode() + b'\n'
    while data:
        data = data[os.write(1, data) :]


main(sys.argv[1])
