"""Decides whether code in a sandbox may make one more netlink socket.

What waits in such a socket is counted by no cgroup, so their number is kept small: the seccomp list of every container lets the kernel
ask here for each (seccomp_unotify(2)). By its socket an OCI runtime hands over, for each process that it starts, the descriptor by
which the kernel asks about that process and all that comes of it.
"""

import array
import ctypes
import errno
import fcntl
import os
import resource
import select
import signal
import socket
import struct
import time

# With what one holds at most, 0.4 MB, a few MB for each network namespace: a sandbox or a cell has one.
MOST_SOCKETS = 16
# Each sandbox is answered once in that time, so none can keep this process, or a processor, busy.
ROUND_SECONDS = 0.002
# Lower than what sandboxes run at.
NICENESS = 5
# As many runtimes as may come at the same moment.
BACKLOG = 1024
MAX_MESSAGE = 65536
PR_SET_PDEATHSIG = 1
PROTOCOL = 'NETLINK'
# `struct seccomp_notif` is 80 bytes: the id, the thread, flags, and the call. `struct seccomp_notif_resp`: id, value, error, flags.
NOTIFICATION_BYTES = 80
RESPONSE = struct.Struct('QqiI')
RECEIVE = 0xC0502100
SEND = 0xC0182101
CONTINUE = 1


def start_gate(path):
    """Begins to listen at `path`, in a process of its own: nobody who floods it keeps this one from its work. It ends with this one.

    Returns its pidfd.
    """
    gate = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o077)
    directory = os.open('.', os.O_PATH)
    # By its name alone: the whole path may be longer than the name of a socket can be.
    os.chdir(os.path.dirname(path))
    gate.bind(os.path.basename(path))
    os.fchdir(directory)
    os.close(directory)
    os.umask(before)
    gate.listen(BACKLOG)
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0 and os.getppid() == parent:
                # Its pipes are the parent's alone: whoever waits for their end waits for that of the parent.
                null = os.open('/dev/null', os.O_RDWR)
                for descriptor in (0, 1):
                    os.dup2(null, descriptor)
                Gate(gate).run()
        finally:
            os._exit(1)
    gate.close()
    return os.pidfd_open(child)


class Gate:
    """`listener`: a socket that listens for OCI runtimes."""

    def __init__(self, listener):
        self._listener = listener
        self._poll = select.epoll()
        # Of runtimes that have not handed anything over yet, by their descriptors.
        self._connections = {}

    def run(self):
        os.nice(NICENESS)
        # One descriptor for each process that a runtime has started.
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self._listener.setblocking(False)
        self._poll.register(self._listener.fileno(), select.EPOLLIN)
        while True:
            for descriptor, events in self._poll.poll():
                if descriptor == self._listener.fileno():
                    self._accept()
                elif descriptor in self._connections:
                    self._poll.unregister(descriptor)
                    self._take(self._connections.pop(descriptor))
                elif events & select.EPOLLIN:
                    answer(descriptor)
                else:
                    # Nobody is left who could ask.
                    self._poll.unregister(descriptor)
                    os.close(descriptor)
            time.sleep(ROUND_SECONDS)

    def _accept(self):
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                # None is waiting, or there is no descriptor left: then the next round tries again.
                return
            # Of the host's own root: nobody else can enter the directory.
            connection.setblocking(False)
            self._take(connection)

    def _take(self, connection):
        """Takes what a runtime hands over, if it has; else waits for it, however long a busy host makes it wait for a processor.

        A connection that was closed too early would end the container: its first process dies if it cannot hand over.
        """
        try:
            ancillary = connection.recvmsg(MAX_MESSAGE, socket.CMSG_SPACE(16 * 4))[1]
        except BlockingIOError:
            self._connections[connection.fileno()] = connection
            self._poll.register(connection.fileno(), select.EPOLLIN)
            return
        except OSError:
            ancillary = []
        # What it says of the container is of no use here.
        connection.close()
        for descriptor in descriptors_in(ancillary):
            self._poll.register(descriptor, select.EPOLLIN)


def descriptors_in(ancillary):
    found = array.array('i')
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    return found


def answer(descriptor):
    """Never raises: a caller that has ended meanwhile is nobody's concern."""
    notification = ctypes.create_string_buffer(NOTIFICATION_BYTES)
    try:
        fcntl.ioctl(descriptor, RECEIVE, notification)
        identifier, thread = struct.unpack_from('QI', notification)
        few = count_sockets(thread) < MOST_SOCKETS
        error, flags = (0, CONTINUE) if few else (-errno.EMFILE, 0)
        fcntl.ioctl(descriptor, SEND, RESPONSE.pack(identifier, 0, error, flags))
    except OSError:
        pass


def count_sockets(thread):
    """In its network namespace. `/proc/net/netlink` would tell of bound ones only: code could make many first and bind them later."""
    with open(f'/proc/{thread}/net/protocols') as table:
        for line in table:
            name, _, sockets, *_ = line.split()
            if name == PROTOCOL:
                return int(sockets)
    # Nobody can tell, so there is no room for one more.
    return MOST_SOCKETS
