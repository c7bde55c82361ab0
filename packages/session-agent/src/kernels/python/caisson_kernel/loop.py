"""From the first frame to the end of the channel."""

import os
import sys

from caisson_kernel.channel import Channel
from caisson_kernel.interrupts import Interrupts
from caisson_kernel.namespace import make_main_module
from caisson_kernel.sources import Sources
from caisson_kernel.step import Kernel, run_step
from caisson_kernel.streams import Streams


def run_kernel():
    channel = Channel()
    streams = Streams()
    interrupts = Interrupts()
    os.environ.setdefault('MPLBACKEND', 'Agg')
    sys.argv = ['']
    sys.path.insert(0, os.getcwd())
    kernel = Kernel(channel, streams, interrupts, Sources(), make_main_module())
    kernel.offer_display()
    os.register_at_fork(after_in_child=kernel.forget_in_child)
    channel.send('{"type":"ready"}')
    for frame in channel.frames():
        run_step(kernel, frame)
