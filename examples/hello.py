"""Runs in a sandbox: `make run`, or `./caisson run examples/hello.py`."""

import os
import platform


def handler(event):
    print(f"hello from Python {platform.python_version()}, as user {os.getuid()}, in {os.getcwd()}")
    return {"result": "hello world"}
