"""Standard input, output and error of the steps."""

import io
import os
import sys


class Streams:
    def __init__(self, stdout, stderr, no_input):
        """Takes copies of stdout and stderr, because the code may close or redirect its own, and an empty input."""
        self._outputs = {1: stdout, 2: stderr}
        self._no_input = no_input
        self._stdin_used = False
        self._fflush = None

    def begin(self, stdin):
        self._reopen_outputs()
        if stdin:
            self._give(stdin)
        elif self._stdin_used or sys.stdin is None or sys.stdin.closed:
            self._give_nothing()

    def end(self, nonce):
        """Flushes everything that was written, and writes the marker behind it, by which the engine knows the end."""
        self.flush()
        marker = b'\0%s\n' % nonce.encode()
        for descriptor in self._outputs.values():
            write_all(descriptor, marker)
        if self._stdin_used:
            self._give_nothing()

    def flush(self):
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:
                # The code has replaced the stream by something else.
                pass
        self._flush_native()

    def _flush_native(self):
        """Flushes output of native code, which is in the buffers of the C library."""
        try:
            if self._fflush is None and 'ctypes' in sys.modules:
                self._fflush = sys.modules['ctypes'].CDLL(None).fflush
            if self._fflush is not None:
                self._fflush(None)
        except Exception:
            pass

    def close_in_child(self):
        for descriptor in self._outputs.values():
            os.close(descriptor)
        self._outputs = {}

    def _reopen_outputs(self):
        for descriptor, copy in self._outputs.items():
            try:
                os.fstat(descriptor)
            except OSError:
                os.dup2(copy, descriptor)
        if is_closed(sys.stdout):
            sys.stdout = open_text(1, 'strict')
        if is_closed(sys.stderr):
            sys.stderr = open_text(2, 'backslashreplace')

    def _give(self, text):
        # A file, not a pipe, which would have to be filled while the code reads.
        source = os.memfd_create('stdin')
        write_all(source, text.encode('utf-8', 'surrogatepass'))
        os.lseek(source, 0, os.SEEK_SET)
        self._take(source)
        os.close(source)
        self._stdin_used = True

    def _give_nothing(self):
        self._take(self._no_input)
        self._stdin_used = False

    def _take(self, source):
        os.dup2(source, 0)
        sys.stdin = open(0, encoding='utf-8', errors='surrogateescape', closefd=False)


def is_closed(stream):
    return stream is None or getattr(stream, 'closed', False) is True


def open_text(descriptor, errors):
    raw = io.FileIO(descriptor, 'w', closefd=False)
    return io.TextIOWrapper(raw, encoding='utf-8', errors=errors, write_through=True)


def write_all(descriptor, data):
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            # A child has made the pipe non-blocking for everyone.
            os.set_blocking(descriptor, True)
        except OSError:
            return
