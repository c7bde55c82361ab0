"""Runs one step: its environment, its code and its outcome."""

import builtins
import os
import sys

from caisson_kernel.channel import quote
from caisson_kernel.code import run_code
from caisson_kernel.interrupts import main_thread_only


class Kernel:
    """The state that lasts from step to step."""

    def __init__(self, channel, streams, interrupts, sources, main):
        self.channel = channel
        self.streams = streams
        self.interrupts = interrupts
        self.sources = sources
        self.main = main
        self.process = None
        self.event_loop = None

    def begin(self):
        """Call it in the process that runs the steps."""
        self.process = os.getpid()
        os.register_at_fork(after_in_child=self.forget_in_child)

    def offer_display(self):
        def display(*values):
            """Shows values as results of the step, in all their forms."""
            from caisson_kernel.display import bundle_of

            for value in values:
                self.send_result(bundle_of(value))

        builtins.display = display

    def send_result(self, bundle):
        if bundle is None:
            return
        with main_thread_only(self.interrupts):
            self.channel.send('+' + bundle)

    def forget_in_child(self):
        self.channel.close_in_child()
        self.streams.close_in_child()
        self.interrupts.forbid()


class Outcome:
    def __init__(self):
        self.exit_code = 0
        # Name, message and traceback.
        self.error = None
        # JSON, if a handler returned a value.
        self.return_value = None

    def encode(self):
        parts = ['"type":"done"', f'"exit_code":{self.exit_code}']
        if self.error is not None:
            name, message, traceback = self.error
            lines = ','.join(map(quote, traceback))
            parts.append(
                f'"error":{{"name":{quote(name)},"message":{quote(message)},"traceback":[{lines}]}}'
            )
        frame = '{' + ','.join(parts) + '}'
        return frame if self.return_value is None else f'={self.return_value}\n{frame}'


def run_step(kernel, frame):
    kernel.interrupts.reclaim()
    kernel.streams.begin(frame['stdin'])
    adopted = int(frame['adopted'])
    set_environment(frame['env'][:adopted])
    restore = set_environment(frame['env'][adopted:])
    outcome = Outcome()
    try:
        try:
            kernel.interrupts.allow()
            run_code(kernel, frame, outcome)
        finally:
            kernel.interrupts.forbid()
    except BaseException as exception:
        fail(kernel, outcome, exception)
    if os.getpid() != kernel.process:
        leave_child(outcome)
    kernel.interrupts.reclaim()
    restore_environment(restore)
    kernel.streams.end(frame['nonce'])
    kernel.channel.send(outcome.encode())


def fail(kernel, outcome, exception):
    from caisson_kernel.failure import describe, exit_code_of

    outcome.return_value = None
    if isinstance(exception, SystemExit):
        outcome.exit_code = exit_code_of(exception)
    else:
        outcome.exit_code = 1
        outcome.error = describe(exception, kernel.sources)


def leave_child(outcome):
    """Ends a process that the code forked and that returned from the code."""
    if outcome.error is not None:
        sys.stderr.write(''.join(outcome.error[2]))
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    os._exit(outcome.exit_code)


def set_environment(pairs):
    """Sets the variables and returns their previous values."""
    before = []
    for name, value in zip(pairs[::2], pairs[1::2]):
        before.append((name, os.environ.get(name)))
        os.environ[name] = value
    return before


def restore_environment(before):
    for name, value in before:
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
