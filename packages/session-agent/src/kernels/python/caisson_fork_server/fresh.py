"""Renews for a cell what an interpreter decides at its start and a module at its import.

The seed of `hash()` and the address layout cannot be renewed: all cells of one runner share them.
"""

import gc
import os
import sys
import time


def start_afresh(environment):
    """`environment`: the variables of the cell beyond those of its server."""
    if environment:
        os.environ.update(environment)
    modules = sys.modules
    if 'random' in modules:
        modules['random'].seed()
    if 'numpy.random' in modules:
        modules['numpy.random'].seed()
    if 'logging' in modules:
        modules['logging']._startTime = time.time()
    if 'tempfile' in modules:
        modules['tempfile']._name_sequence = None
        modules['tempfile'].tempdir = None
    if 'uuid' in modules:
        modules['uuid']._last_timestamp = None
        modules['uuid']._node = None
    if 'multiprocessing.process' in modules:
        modules['multiprocessing.process'].current_process().authkey = os.urandom(32)
    gc.enable()
