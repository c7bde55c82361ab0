"""Lines of JSON to and from the engine."""

import _json
import _thread
import fcntl
import os

# Above the descriptors that code usually opens or guesses.
LOWEST_DESCRIPTOR = 200
READ_BYTES = 65536


class _Scan:
    """The settings of the json module's decoder; importing that module takes longer than the rest of the start."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo = {}


def move_high(descriptor):
    """A copy of `descriptor` that children do not inherit and that code does not hit by accident."""
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, LOWEST_DESCRIPTOR)
    except OSError:
        # The limit of open files is low.
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, descriptor + 1)


def crash():
    """Ends a kernel whose channel the code closed. By a signal, unlike an exit that the code asked for."""
    os.kill(os.getpid(), 9)


class Channel:
    def __init__(self, reader, writer):
        """Takes two descriptors, or one twice. They are not used before the first frame."""
        self._reader = reader
        self._writer = writer
        self._scan = _json.make_scanner(_Scan)
        # Threads of the code may call `display`.
        self._lock = _thread.allocate_lock()

    def receive(self):
        """The next frame; None at the end. The engine sends one frame and waits, so no other is read with it."""
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
        # In a grandchild it is closed already.
        for descriptor in {self._reader, self._writer} - {-1}:
            os.close(descriptor)
        self._reader = self._writer = -1
        self._lock = _thread.allocate_lock()


quote = _json.encode_basestring_ascii
