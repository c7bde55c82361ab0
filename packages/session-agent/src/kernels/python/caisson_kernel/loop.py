"""Makes a kernel, and runs its steps until its channel ends."""

import os
import sys

from caisson_kernel.interrupts import Interrupts
from caisson_kernel.namespace import make_main_module
from caisson_kernel.sources import Sources
from caisson_kernel.step import Kernel, run_step


def make_kernel(channel, streams):
    """Does not use the descriptors yet, so that a fork server can make it before it forks."""
    os.environ.setdefault('MPLBACKEND', 'Agg')
    sys.argv = ['']
    kernel = Kernel(channel, streams, Interrupts(), Sources(), make_main_module())
    kernel.offer_display()
    return kernel


def run_kernel(kernel):
    sys.path.insert(0, os.getcwd())
    kernel.begin()
    kernel.channel.send('{"type":"ready"}')
    while (frame := kernel.channel.receive()) is not None:
        run_step(kernel, frame)
