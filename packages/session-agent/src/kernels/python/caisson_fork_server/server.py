"""The fork server of a runner. It reads nothing that a job can write, and holds no secrets.

Its one argument is JSON: `preload` (names of modules), `slots` (how many descriptors of cgroups each slot has, from 3 on),
`init` (path of the program that is process 1 of a cell), `masked_paths`, `read_only_paths`, `network_settings` (pairs of a path
below /proc/sys and a value), `devpts_options`, `user`, `seccomp` (base64) and `environment` (of all cells).

cells.sock    one connection is one cell, see `cell.py`.
control.sock  one connection, of the data plane; lines of JSON. In: {"type":"kill"|"interrupt","cell":number}.
              Out: {"type":"gone","cell":number,"status":wait status of the job} when no process of the cell is left.
              When it closes, the server ends, and with it, being process 1 of the runner, every cell.
"""

import _socket
import base64
import gc
import json
import os
import select
import signal

from caisson_fork_server import linux
from caisson_fork_server.cell import prepare_kernel
from caisson_fork_server.preload import preload
from caisson_fork_server.walls import Walls
from caisson_kernel.packages import offer_packages

DIRECTORY = '/run'
FIRST_SLOT_DESCRIPTOR = 3


def serve(text):
    """Returns in each child, with everything it needs to become a cell."""
    server, slots, walls, kernel = prepare(json.loads(text))
    # The collector would write to every object, and so copy the memory that cells share.
    gc.collect()
    gc.disable()
    gc.freeze()
    os.write(1, b'ready\n')
    connection, number = server.run()
    return kernel, connection, number, slots, walls


def prepare(config):
    require_seccomp()
    offer_packages()
    preload(config['preload'])
    slots = take_slots(config['slots'])
    walls = Walls(config, base64.b64decode(config['seccomp']))
    # Programs that root starts get no capabilities: those are for the walls, not for the init of a cell.
    linux.prctl(linux.PR_SET_SECUREBITS, linux.SECBIT_NOROOT)
    os.environ.clear()
    os.environ.update(config['environment'])
    return Server(config['init']), slots, walls, prepare_kernel()


def require_seccomp():
    """Cells add only a second filter: the first must be the one that the runtime installed."""
    with open('/proc/self/status') as status:
        if 'Seccomp:\t2\n' not in status:
            raise RuntimeError('the fork server is under no seccomp list')


def take_slots(counts):
    slots = []
    first = FIRST_SLOT_DESCRIPTOR
    for count in counts:
        slots.append(range(first, first + count))
        first += count
    for descriptor in range(FIRST_SLOT_DESCRIPTOR, first):
        os.set_inheritable(descriptor, False)
    return slots


class Cell:
    """`awaited` is the process to wait for: first the job, then the init."""

    __slots__ = ('number', 'job', 'init', 'awaited', 'status')

    def __init__(self, number, job, init):
        self.number = number
        self.job = job
        self.init = init
        self.awaited = job
        self.status = None


class Server:
    def __init__(self, init):
        self._init = (init, '-P')
        self._poll = select.epoll()
        self._cells = self._listen('cells.sock')
        self._controls = self._listen('control.sock')
        self._control = None
        self._partial = b''
        self._own_pid_namespace = os.open('/proc/self/ns/pid', os.O_RDONLY | os.O_CLOEXEC)
        self._by_pidfd = {}
        self._by_number = {}
        self._count = 0

    def run(self):
        cells = self._cells.fileno()
        controls = self._controls.fileno()
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor == cells:
                    connection = self._fork()
                    if connection is not None:
                        return connection, self._count
                elif descriptor in self._by_pidfd:
                    self._reap(descriptor)
                elif descriptor == controls:
                    self._accept_control()
                else:
                    self._read_control()

    def _listen(self, name):
        # Not `socket.socket`, which is slower and one more module.
        listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        path = f'{DIRECTORY}/{name}'
        listener.bind(path)
        os.chmod(path, 0o600)
        listener.listen(128)
        self._poll.register(listener.fileno(), select.EPOLLIN)
        return listener

    def _fork(self):
        """The descriptor of the connection in the child, None in the server."""
        connection = self._cells._accept()[0]
        self._count += 1
        # A process can make only one pid namespace for its children, unless it returns to its own in between.
        linux.setns(self._own_pid_namespace, linux.CLONE_NEWPID)
        linux.unshare(linux.CLONE_NEWPID)
        # A trusted process 1, so that the job is an ordinary process, with the usual signals and exit codes.
        init = os.posix_spawn(self._init[0], self._init, {})
        job = os.fork()
        if job == 0:
            self._leave()
            return connection
        os.close(connection)
        cell = Cell(self._count, job, init)
        self._by_number[cell.number] = cell
        self._watch(cell)
        return None

    def _leave(self):
        """In the child: descriptors are closed by number later, and objects must not close them again."""
        self._cells.detach()
        self._controls.detach()
        if self._control is not None:
            self._control.detach()
        self._poll.close()

    def _watch(self, cell):
        descriptor = os.pidfd_open(cell.awaited)
        self._by_pidfd[descriptor] = cell
        self._poll.register(descriptor, select.EPOLLIN)

    def _reap(self, pidfd):
        cell = self._by_pidfd.pop(pidfd)
        self._poll.unregister(pidfd)
        os.close(pidfd)
        status = os.waitpid(cell.awaited, 0)[1]
        if cell.awaited == cell.job:
            cell.status = status
            cell.awaited = cell.init
            os.kill(cell.init, signal.SIGKILL)
            self._watch(cell)
            return
        # Process 1 can be reaped only when its namespace is otherwise empty.
        del self._by_number[cell.number]
        self._say(b'{"type":"gone","cell":%d,"status":%d}\n' % (cell.number, cell.status))

    def _accept_control(self):
        self._control = _socket.socket(fileno=self._controls._accept()[0])
        self._poll.register(self._control.fileno(), select.EPOLLIN)
        # There is only one data plane.
        self._poll.unregister(self._controls.fileno())

    def _read_control(self):
        data = self._control.recv(65536)
        if not data:
            os._exit(0)
        *lines, self._partial = (self._partial + data).split(b'\n')
        for line in lines:
            self._obey(json.loads(line))

    def _obey(self, message):
        cell = self._by_number.get(message['cell'])
        if cell is None:
            return
        # Neither has been reaped while it is awaited, so its number still belongs to it.
        if message['type'] == 'kill':
            os.kill(cell.init, signal.SIGKILL)
        elif message['type'] == 'interrupt' and cell.awaited == cell.job:
            os.kill(cell.job, signal.SIGINT)

    def _say(self, line):
        if self._control is not None:
            self._control.sendall(line)
