"""How late this process is ended when memory runs out, which it has from the server; see proc_pid_oom_score_adj(5)."""

import contextlib

PATH = '/proc/self/oom_score_adj'


class OomScore:
    def __init__(self):
        with open(PATH) as file:
            self._own = file.read()

    @contextlib.contextmanager
    def raised(self):
        """What is started meanwhile cannot lower its own to less than 0, whatever it does."""
        if int(self._own) >= 0:
            yield
            return
        write('0')
        try:
            yield
        finally:
            write(self._own)


def write(text):
    with open(PATH, 'w') as file:
        file.write(text)
