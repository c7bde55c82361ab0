"""A child of the server, from the fork until the kernel takes over.

Using an object writes to its page, and the first write to a page copies it: most of the cost of a cell. So everything that can be
done before the fork is done there, and the rest with as few objects as possible.
"""

import _socket
import os

from caisson_fork_server.fresh import start_afresh
from caisson_kernel.channel import LOWEST_DESCRIPTOR, Channel
from caisson_kernel.loop import make_kernel
from caisson_kernel.streams import Streams

CHANNEL, STDOUT, STDERR, NO_INPUT, FRAMES = range(LOWEST_DESCRIPTOR, LOWEST_DESCRIPTOR + 5)
# User ids of cells begin above those of the template's users.
FIRST_OUTER_ID = 2000


def prepare_kernel():
    """The kernel of every later cell, with descriptor numbers that each cell opens for itself."""
    streams = Streams(STDOUT, STDERR, NO_INPUT)
    # Looks up what later flushes need.
    streams.flush()
    return make_kernel(Channel(CHANNEL, FRAMES), streams)


def build_cell(kernel, connection, number, slots, walls):
    """Turns the process into that of the job and returns the kernel. A failure ends it; the server's log says why."""
    os.dup2(connection, CHANNEL, inheritable=False)
    channel = kernel.channel
    params = channel.receive() or leave()
    # First, so that everything that follows is counted and limited. There is only one thread.
    for descriptor in slots[params['slot']]:
        os.write(descriptor, b'0')
    # This is still the /proc of the runner: the data plane finds the process by this number.
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
    # Waits until the data plane has opened its ends, or no longer wants the cell.
    channel.receive() or leave()
    for end in ends:
        os.close(end)
    close_for_writing(CHANNEL)
    return kernel


def close_for_writing(descriptor):
    """Over a socket, code could send open files, which the data plane would have to close: frames go through a pipe."""
    connection = _socket.socket(fileno=descriptor)
    connection.shutdown(_socket.SHUT_WR)
    connection.detach()


def leave():
    os._exit(0)


def open_pipes():
    """The reading ends of output and frames. Made as the user of the code, so that it can open /dev/stdout by name."""
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
    """The inode lets the data plane check that it has opened this pipe."""
    return f'{{"fd":{descriptor},"inode":{os.fstat(descriptor).st_ino}}}'
