"""Holds the mount namespace of a data plane: makes mounts and pipes in it, and starts programs in it.

For this small process that takes far less time than for the large one that it works for, which would have to copy its page
tables for each program, and to start a second one only to get here.

Arguments: a directory, which gets a file system in memory; how many mount points to leave out, and these; then pairs of a
source and a target to bind, read-only.
Standard input, lines of JSON, each with an `id` of the asker's choice; when it closes, this process ends.
  {"mount": path, "options": [...]}, {"unmount": path}, {"fifos": [path, ...]}, {"start": program}, {"kill": true} for a
  program by its id
Standard output, lines of JSON
  {"ready": true} once; {"id": ...} when it is done, with "error" where it is not; {"id": ..., "exited": code} for a program

A program is {"argv": [...], "files": [[path, flags], ...]}: it finds the files open from descriptor 0 on, and nothing else.
Its code is negative where a signal ended it.
"""

import ctypes
import json
import os
import select
import signal
import sys

MS_RDONLY = 1
MS_REMOUNT = 32
MS_BIND = 4096
MNT_DETACH = 2
FLAGS = {'nosuid': 2, 'nodev': 4}
KEPT_FLAGS = 2 | 4 | 8
MAX_LINE = 65536
# Python ignores these, and what is ignored is inherited.
DEFAULT_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ)

_libc = ctypes.CDLL(None, use_errno=True)


def main(directory, count, *paths):
    # What the server was started with is not for the programs.
    os.closerange(3, 1 << 20)
    left_out, binds = paths[: int(count)], paths[int(count) :]
    for path in left_out:
        unmount(path, 0)
    for source, target in zip(binds[::2], binds[1::2]):
        mount(source, target, None, MS_BIND, None)
        # A new flag takes the place of those that were there, which have the numbers of statvfs(3).
        kept = os.statvfs(target).f_flag & KEPT_FLAGS
        mount(None, target, None, MS_BIND | MS_REMOUNT | MS_RDONLY | kept, None)
    mount('caisson', directory, 'tmpfs', FLAGS['nosuid'] | FLAGS['nodev'], 'mode=0711')
    os.chdir('/')
    os.umask(0o022)
    NamespaceHelper().run()


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


class NamespaceHelper:
    def __init__(self):
        self._poll = select.epoll()
        self._partial = b''
        # By the pidfd: the id that it was asked for by, and its pid, which is its own until it is waited for.
        self._programs = {}

    def run(self):
        self._poll.register(0, select.EPOLLIN)
        say({'ready': True})
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor in self._programs:
                    self._reap(descriptor)
                else:
                    self._read()

    def _read(self):
        data = os.read(0, MAX_LINE)
        if not data:
            os._exit(0)
        *lines, self._partial = (self._partial + data).split(b'\n')
        for line in lines:
            self._obey(json.loads(line))

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
        elif 'unmount' in message:
            unmount(message['unmount'], MNT_DETACH)
        else:
            for path in message['fifos']:
                os.mkfifo(path, 0o600)
        say({'id': message['id']})

    def _start(self, number, program):
        argv, files = program['argv'], program['files']
        actions = [(os.POSIX_SPAWN_OPEN, at, path, flags, 0) for at, (path, flags) in enumerate(files)]
        pid = os.posix_spawnp(
            argv[0], argv, os.environ, file_actions=actions, setsid=True, setsigdef=DEFAULT_SIGNALS
        )
        descriptor = os.pidfd_open(pid)
        self._programs[descriptor] = (number, pid)
        self._poll.register(descriptor, select.EPOLLIN)

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


main(*sys.argv[1:])
