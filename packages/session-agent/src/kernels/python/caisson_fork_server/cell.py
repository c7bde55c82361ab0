"""A child of the server from its fork to the moment where the kernel takes over."""

import json
import os

from caisson_fork_server.fresh import start_afresh

CHANNEL = 3
MAX_LINE = 65536
# The ids of a runner's cells begin where those of its template's users end.
FIRST_OUTER_ID = 2000


def build_cell(connection, number, slots, walls):
    """From here on the process is the job's; what fails ends it, and the server's log says why."""
    params = json.loads(read_line(connection))
    # First of all, so that all that follows is counted and limited. Written by the one thread there is.
    for descriptor in slots[params['slot']]:
        os.write(descriptor, b'0')
    # The /proc of the runner is still there: this is the number by which the data plane finds the process.
    pid = int(os.readlink('/proc/self'))
    os.dup2(connection, CHANNEL, inheritable=False)
    os.closerange(CHANNEL + 1, 1 << 20)
    walls.build(params, FIRST_OUTER_ID + number)
    stdout, stderr = open_streams()
    walls.seal()
    os.chdir('/workspace')
    start_afresh(params['env'])
    streams = {'stdout': describe(stdout), 'stderr': describe(stderr)}
    write_line(CHANNEL, {'type': 'cell', 'cell': number, 'pid': pid, **streams})
    # The data plane has opened the ends that it reads.
    read_line(CHANNEL)
    os.close(stdout)
    os.close(stderr)


def open_streams():
    """Made by the user that the code runs as, so that it can open /dev/stdout by name."""
    stdout, stdout_writer = os.pipe()
    stderr, stderr_writer = os.pipe()
    null = os.open('/dev/null', os.O_RDONLY)
    for number, descriptor in enumerate((null, stdout_writer, stderr_writer)):
        os.dup2(descriptor, number)
        os.close(descriptor)
    return stdout, stderr


def describe(descriptor):
    """By its inode the data plane knows that it has opened this very pipe."""
    return {'fd': descriptor, 'inode': os.fstat(descriptor).st_ino}


def read_line(descriptor):
    """The other side sends one line and waits, so nothing of a next one is read."""
    line = b''
    while not line.endswith(b'\n'):
        chunk = os.read(descriptor, MAX_LINE)
        if not chunk or len(line) > MAX_LINE:
            # The data plane has gone, or does not want the cell any more.
            os._exit(0)
        line += chunk
    return line


def write_line(descriptor, value):
    data = json.dumps(value, separators=(',', ':')).encode() + b'\n'
    while data:
        data = data[os.write(descriptor, data) :]
