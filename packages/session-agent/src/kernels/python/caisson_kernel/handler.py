"""Calls `handler(event)` or `handler(event, context)` as AWS Lambda does."""

import json
import time

from caisson_kernel.code import run_coroutine
from caisson_kernel.json_value import check_json

MAX_RETURN_VALUE = 8 * 1024 * 1024
# `inspect.CO_VARARGS`
VARIABLE_ARGUMENTS = 0x04


class Context:
    def __init__(self, frame, deadline):
        limit = frame['memory_limit_bytes']
        self._deadline = deadline
        self.execution_id = frame['execution_id']
        self.aws_request_id = self.execution_id
        self.session_id = frame['session_id'] or None
        self.memory_limit_in_mb = int(limit) // 2**20 if limit else None
        self.function_name = 'handler'

    def get_remaining_time_in_millis(self):
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def call(kernel, handler, frame, deadline):
    """JSON of what the handler returns."""
    event = json.loads(frame['event'])
    if takes_context(handler):
        value = handler(event, Context(frame, deadline))
    else:
        value = handler(event)
    if hasattr(value, '__await__'):
        value = run_coroutine(kernel, wait_for(value))
    check_json(value)
    text = json.dumps(value, allow_nan=False)
    if len(text) > MAX_RETURN_VALUE:
        raise ValueError(f'handler returned {len(text)} characters of JSON; at most {MAX_RETURN_VALUE} are kept')
    return text


async def wait_for(awaitable):
    return await awaitable


def takes_context(handler):
    """Whether it takes two arguments. Without `inspect`, whose import takes longer than most jobs."""
    if type(handler) is not type(takes_context) or handler.__dict__:
        return takes_two(handler)
    code = handler.__code__
    required = code.co_argcount - len(handler.__defaults__ or ())
    has_room = code.co_argcount >= 2 or bool(code.co_flags & VARIABLE_ARGUMENTS)
    return has_room and required <= 2 and code.co_kwonlyargcount == len(handler.__kwdefaults__ or ())


def takes_two(handler):
    """The same for callables other than plain functions, and for decorated functions."""
    import inspect

    try:
        signature = inspect.signature(handler)
    except (TypeError, ValueError):
        return False
    try:
        signature.bind(None, None)
    except TypeError:
        return False
    return True


def binds_name(code, name):
    """Whether the top level of `code` binds `name`, even to the same value as before."""
    from opcode import opmap

    stores = {opmap['STORE_NAME'], opmap['STORE_GLOBAL']}
    extended = opmap['EXTENDED_ARG']
    argument = 0
    for operation, low in zip(code.co_code[::2], code.co_code[1::2]):
        argument = argument << 8 | low
        if operation in stores and code.co_names[argument] == name:
            return True
        if operation != extended:
            argument = 0
    return False
