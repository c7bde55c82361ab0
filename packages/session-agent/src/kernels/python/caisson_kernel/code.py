"""Compiles and runs the code of a step, as a notebook does."""

import _ast
import atexit
import sys
import time

ALLOW_TOP_LEVEL_AWAIT = _ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
IS_COROUTINE = 0x80
MISSING = object()


def run_code(kernel, frame, outcome):
    try:
        run_cell(kernel, frame, outcome)
    except KeyboardInterrupt:
        raise
    except BaseException:
        if not frame['session_id']:
            finish_job()
        raise
    if not frame['session_id']:
        finish_job()


def run_cell(kernel, frame, outcome):
    deadline = time.monotonic() + int(frame['remaining_ms']) / 1000
    filename = kernel.sources.add(frame['code'])
    namespace = kernel.main.__dict__
    handler_before = namespace.get('handler', MISSING)
    body, last = compile_code(frame['code'], filename)
    evaluate(kernel, body, namespace)
    if last is not None:
        value = evaluate(kernel, last, namespace)
        if value is not None:
            from caisson_kernel.display import bundle_of

            namespace['_'] = value
            kernel.send_result(bundle_of(value))
    if 'handler' in body.co_names and callable(namespace.get('handler')):
        from caisson_kernel import handler

        if namespace['handler'] is not handler_before or handler.binds_name(body, 'handler'):
            outcome.return_value = handler.call(kernel, namespace['handler'], frame, deadline)
    if 'matplotlib.pyplot' in sys.modules:
        from caisson_kernel.display import figure_bundles

        for bundle in figure_bundles():
            kernel.send_result(bundle)


def compile_code(text, filename):
    """Splits off the last expression: the code before it, and the expression (or None)."""
    tree = compile(text, filename, 'exec', _ast.PyCF_ONLY_AST | ALLOW_TOP_LEVEL_AWAIT, True)
    last = None
    if tree.body and isinstance(tree.body[-1], _ast.Expr):
        expression = _ast.Expression(tree.body.pop().value)
        last = compile(expression, filename, 'eval', ALLOW_TOP_LEVEL_AWAIT, True)
    return compile(tree, filename, 'exec', ALLOW_TOP_LEVEL_AWAIT, True), last


def evaluate(kernel, code, namespace):
    result = eval(code, namespace)
    return run_coroutine(kernel, result) if code.co_flags & IS_COROUTINE else result


def run_coroutine(kernel, coroutine):
    """Runs it in the one event loop of the session, so that tasks continue with the next `await`."""
    import asyncio

    if kernel.event_loop is None or kernel.event_loop.is_closed():
        kernel.event_loop = asyncio.new_event_loop()
    loop = kernel.event_loop
    asyncio.set_event_loop(loop)
    task = loop.create_task(coroutine)
    try:
        return loop.run_until_complete(task)
    except BaseException:
        if not task.done():
            task.cancel()
            loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        raise


def finish_job():
    """Ends a job as a program ends: waits for threads, then calls `atexit` functions."""
    threading = sys.modules.get('threading')
    if threading is not None:
        threading._shutdown()
    atexit._run_exitfuncs()
