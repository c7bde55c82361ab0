"""A child of the server from its fork to the moment where the kernel takes over.

A page that a child writes to is copied first, and to use an object is to write to it: the pages are most of what a cell costs. So
what can be done before the fork is done there, and the rest by short ways.
"""

import _socket
import os

from caisson_fork_server.fresh import start_afresh
from caisson_kernel.channel import LOWEST_DESCRIPTOR, Channel
from caisson_kernel.loop import make_kernel
from caisson_kernel.streams import Streams

CHANNEL, STDOUT, STDERR, NO_INPUT, FRAMES = range(LOWEST_DESCRIPTOR, LOWEST_DESCRIPTOR + 5)
# The ids of a runner's cells begin where those of its template's users end.
FIRST_OUTER_ID = 2000


def prepare_kernel():
    """The kernel of every cell to come, by descriptors that each of them will open for itself."""
    streams = Streams(STDOUT, STDERR, NO_INPUT)
    # Finds what it needs for it.
    streams.flush()
    return make_kernel(Channel(CHANNEL, FRAMES), streams)


def build_cell(kernel, connection, number, slots, walls):
    """From here on the process is the job's; what fails ends it, and the server's log says why. Returns the kernel."""
    os.dup2(connection, CHANNEL, inheritable=False)
    channel = kernel.channel
    params = channel.receive() or leave()
    # First of all, so that all that follows is counted and limited. Written by the one thread there is.
    for descriptor in slots[params['slot']]:
        os.write(descriptor, b'0')
    # The /proc of the runner is still there: this is the number by which the data plane finds the process.
    pid = os.readlink('/proc/self')
    os.closerange(3, CHANNEL)
    os.closerange(CHANNEL + 1, 1 << 20)
    walls.build(params, FIRST_OUTER_ID + number)
    ends = open_pipes()
    walls.seal()
    os.chdir('/workspace')
    start_afresh(params['env'])
    pipes = ','.join(f'"{name}":{describe(end)}' for name, end in zip(('stdout', 'stderr', 'frames'), ends))
    os.write(CHANNEL, f'{{"type":"cell","cell":{number},"pid":{pid},{pipes}}}\n'.encode())
    # The data plane has opened the ends that it reads, or does not want the cell any more.
    channel.receive() or leave()
    for end in ends:
        os.close(end)
    close_for_writing(CHANNEL)
    return kernel


def close_for_writing(descriptor):
    """By a socket, code could send the data plane open files, which that one would have to close: frames go through a pipe."""
    connection = _socket.socket(fileno=descriptor)
    connection.shutdown(_socket.SHUT_WR)
    connection.detach()


def leave():
    os._exit(0)


def open_pipes():
    """The reading ends of output and frames. Made by the user that the code runs as, so that it can open /dev/stdout by name."""
    stdout, stdout_writer = os.pipe()
    stderr, stderr_writer = os.pipe()
    frames, frames_writer = os.pipe()
    null = os.open('/dev/null', os.O_RDONLY)
    os.dup2(frames_writer, FRAMES, inheritable=False)
    os.close(frames_writer)
    for descriptor, number, copy in ((null, 0, NO_INPUT), (stdout_writer, 1, STDOUT), (stderr_writer, 2, STDERR)):
        os.dup2(descriptor, copy, inheritable=False)
        os.dup2(descriptor, number)
        os.close(descriptor)
    return stdout, stderr, frames


def describe(descriptor):
    """By its inode the data plane knows that it has opened this very pipe."""
    return f'{{"fd":{descriptor},"inode":{os.fstat(descriptor).st_ino}}}'
