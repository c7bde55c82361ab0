"""From what a kernel is made of to the end of its channel."""

import os
import sys

from caisson_kernel.interrupts import Interrupts
from caisson_kernel.namespace import make_main_module
from caisson_kernel.sources import Sources
from caisson_kernel.step import Kernel, run_step


def make_kernel(channel, streams):
    """Nothing is done yet with descriptors, so that it can be made before the process that it is for is forked."""
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
