"""Runs the steps of a session. `python3 -I -u kernel.py`, with the control channel on descriptor 3."""

import sys

# For this one import: a module of ours must never stand in the way of one of the caller's.
sys.path.insert(0, __file__.rpartition('/')[0])
from caisson_kernel.loop import run_kernel  # noqa: E402

del sys.path[0]
run_kernel()
