"""Lines of JSON to and from the engine."""

import _json
import _thread
import fcntl
import os

# Above what code reaches that counts descriptors by hand.
LOWEST_DESCRIPTOR = 200
READ_BYTES = 65536


class _Scan:
    """What the decoder of the json module is made of; importing that module takes longer than the rest of the start."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo = {}


def move_high(descriptor):
    """A copy of `descriptor` that children do not inherit and that code does not meet by accident."""
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, LOWEST_DESCRIPTOR)
    except OSError:
        # A low limit of open files.
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, descriptor + 1)


def crash():
    """The code closed the channel. By a signal, so that the end is told apart from an exit that the code asked for."""
    os.kill(os.getpid(), 9)


class Channel:
    def __init__(self, reader, writer):
        """Two descriptors, or one twice. Nothing is done with them before the first frame."""
        self._reader = reader
        self._writer = writer
        self._scan = _json.make_scanner(_Scan)
        # Threads of the caller may call `display`.
        self._lock = _thread.allocate_lock()

    def receive(self):
        """The next frame; None at the end. The engine sends one and waits, so nothing of another is read."""
        chunks = []
        while True:
            try:
                chunk = os.read(self._reader, READ_BYTES)
            except OSError:
                crash()
            if not chunk:
                return None
            chunks.append(chunk)
            if chunk.endswith(b'\n'):
                return self._scan(b''.join(chunks).decode(), 0)[0]

    def send(self, text):
        """Sends lines; does nothing in a child that was forked from the kernel."""
        data = memoryview(text.encode() + b'\n')
        with self._lock:
            while data and self._writer != -1:
                try:
                    data = data[os.write(self._writer, data) :]
                except OSError:
                    crash()

    def close_in_child(self):
        # A child's child finds it closed.
        for descriptor in {self._reader, self._writer} - {-1}:
            os.close(descriptor)
        self._reader = self._writer = -1
        self._lock = _thread.allocate_lock()


quote = _json.encode_basestring_ascii
