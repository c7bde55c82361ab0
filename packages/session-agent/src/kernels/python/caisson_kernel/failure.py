"""Describes exceptions to the caller."""

import sys
import traceback

MAX_FRAMES = 100
MAX_MESSAGE = 16 * 1024
MAX_NAME = 256
# For all lines together: in JSON, a character takes at most twelve bytes, and a frame at most a mebibyte.
MAX_TRACEBACK = 64 * 1024


def describe(exception, sources):
    """Name, message and traceback of an exception, with only the caller's own frames."""
    try:
        name = type(exception).__name__[:MAX_NAME]
        message = message_of(exception)
        return name, cut(message), traceback_of(exception, sources)
    except BaseException:
        # Methods of the exception itself fail.
        return type(exception).__name__[:MAX_NAME], '', []


def message_of(exception):
    try:
        return str(exception)
    except BaseException:
        return '<unprintable>'


def traceback_of(exception, sources):
    hide_frames_of_kernel(exception, sources)
    lines = traceback.format_exception(
        type(exception), exception, exception.__traceback__, limit=-MAX_FRAMES
    )
    return newest(cut(line) for line in lines)


def newest(lines):
    """As many lines from the end as fit: the last ones say most."""
    kept = []
    room = MAX_TRACEBACK
    for line in reversed(list(lines)):
        room -= len(line)
        if room < 0:
            break
        kept.insert(0, line)
    return kept


def hide_frames_of_kernel(exception, sources):
    """The kernel's frames are the outermost: all before the first frame of a step."""
    frames = exception.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename not in sources:
        frames = frames.tb_next
    exception.__traceback__ = frames


def cut(text):
    return text if len(text) <= MAX_MESSAGE else f'{text[:MAX_MESSAGE]}…\n'


def exit_code_of(exit):
    """The exit code that Python itself would use at the end of a program."""
    code = exit.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1
