"""Runs the steps of a session: `python3 -I -S -u kernel.py`. Reads frames from descriptor 3 and writes to 4."""

import os
import sys

# For these imports only: our modules must never hide those of the caller.
sys.path.insert(0, __file__.rpartition('/')[0])
from caisson_kernel.channel import Channel, move_high  # noqa: E402
from caisson_kernel.loop import make_kernel, run_kernel  # noqa: E402
from caisson_kernel.packages import offer_packages  # noqa: E402
from caisson_kernel.streams import Streams  # noqa: E402

del sys.path[0]
FROM_ENGINE, TO_ENGINE = 3, 4
offer_packages()
channel = Channel(move_high(FROM_ENGINE), move_high(TO_ENGINE))
os.close(FROM_ENGINE)
os.close(TO_ENGINE)
no_input = os.open('/dev/null', os.O_RDONLY | os.O_CLOEXEC)
run_kernel(make_kernel(channel, Streams(move_high(1), move_high(2), no_input)))
