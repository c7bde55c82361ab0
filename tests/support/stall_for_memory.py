"""Creates memory pressure: reads a file over and over in a cgroup that is too small for it.

    python3 stall_for_memory.py CGROUP PERCENT

Joins CGROUP, a directory that has a memory limit, and keeps the `some avg10` of /proc/pressure/memory at PERCENT or a
little above, until its standard input is closed. The file has no blocks and no name: it uses neither disk space nor disk
time, and leaves nothing behind.
"""

import mmap
import os
import re
import select
import sys
import tempfile
import time

FILE_BYTES = 1 << 30
CHUNK_BYTES = 1 << 20
BURST_SECONDS = 0.1
LEAST_NICE = 19
# Enough that even on a busy host one of them is waiting half of the time.
READERS = 4


def stall_percent():
    with open("/proc/pressure/memory", encoding="ascii") as file:
        return float(re.match(r"some avg10=([\d.]+)", file.read()).group(1))


def is_closed(wait_seconds):
    return bool(select.select([sys.stdin], [], [], wait_seconds)[0])


def main(cgroup, percent):
    os.nice(LEAST_NICE)
    with open(os.path.join(cgroup, "cgroup.procs"), "w", encoding="ascii") as file:
        file.write(str(os.getpid()))
    # Not /tmp: in a file system in memory the pages could not be taken back.
    with tempfile.TemporaryFile(dir="/var/tmp") as file:
        file.truncate(FILE_BYTES)
        pages = mmap.mmap(file.fileno(), FILE_BYTES, prot=mmap.PROT_READ)
        # Page by page: with pages read ahead, less of the time goes into getting room for them.
        pages.madvise(mmap.MADV_RANDOM)
        readers = [fork_reader(pages, percent) for _ in range(READERS)]
        for pid in readers:
            os.waitpid(pid, 0)


def fork_reader(pages, percent):
    pid = os.fork()
    if pid != 0:
        return pid
    offset = wait_seconds = 0
    while not is_closed(wait_seconds):
        is_calm = stall_percent() < percent
        wait_seconds = 0 if is_calm else 0.2
        if is_calm:
            offset = touch(pages, offset)
    os._exit(0)


def touch(pages, offset):
    """Reads from offset for a moment, and returns the new offset."""
    end = time.monotonic() + BURST_SECONDS
    while time.monotonic() < end:
        # One byte of each page, in one call: the less is computed, the more of the time is waiting.
        pages[offset : offset + CHUNK_BYTES : mmap.PAGESIZE]
        offset = (offset + CHUNK_BYTES) % FILE_BYTES
    return offset


main(sys.argv[1], float(sys.argv[2]))
