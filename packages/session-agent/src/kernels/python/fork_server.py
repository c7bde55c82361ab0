"""Forks cells, each of which runs the kernel for one job: `python3 -I -S -u -X utf8 fork_server.py CONFIG`.

CONFIG is described in `caisson_fork_server/server.py`.
"""

import sys

# For these imports only: our modules must never hide those of the caller.
sys.path.insert(0, __file__.rpartition('/')[0])
from caisson_fork_server.cell import build_cell  # noqa: E402
from caisson_fork_server.server import serve  # noqa: E402
from caisson_kernel.loop import run_kernel  # noqa: E402

del sys.path[0]
# Returns in each child, out of all frames of the server, so that the code finds none of its objects.
run_kernel(build_cell(*serve(sys.argv[1])))
