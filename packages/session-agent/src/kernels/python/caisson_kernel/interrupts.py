"""SIGINT ends the caller's code and nothing else. Uses `_signal`, because `signal` makes an enumeration of every result."""

import _signal
import sys


class Interrupts:
    def __init__(self):
        self._allowed = False
        self._held = 0
        self._came = False
        self.reclaim()

    def reclaim(self):
        """Takes the signal back from code that has installed its own handler."""
        if _signal.getsignal(_signal.SIGINT) != self._on_signal:
            _signal.signal(_signal.SIGINT, self._on_signal)
            _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (_signal.SIGINT,))

    def allow(self):
        self._came = False
        self._allowed = True

    def forbid(self):
        self._allowed = False

    def __enter__(self):
        """Delays interrupts: half a frame must never be sent."""
        self._held += 1

    def __exit__(self, *_):
        self._held -= 1
        if self._came and self._held == 0:
            self._came = False
            raise KeyboardInterrupt

    def _on_signal(self, _number, _frame):
        if not self._allowed:
            return
        # Once only: a second one could interrupt the handling of the first.
        self._allowed = False
        if self._held:
            self._came = True
        else:
            raise KeyboardInterrupt


def main_thread_only(interrupts):
    """`interrupts` in the main thread, which handles signals; else a context that does nothing."""
    threading = sys.modules.get('threading')
    if threading is None or threading.current_thread() is threading.main_thread():
        return interrupts
    return _Nothing()


class _Nothing:
    def __enter__(self):
        pass

    def __exit__(self, *_):
        pass
