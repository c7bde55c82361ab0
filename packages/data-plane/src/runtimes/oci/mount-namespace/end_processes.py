"""Ends all processes of a cgroup whose server has died, such that none of them can go on, fork or hide."""

import os
import signal
import time

LIMIT_SECONDS = 30
PAUSE_SECONDS = 0.01
# A program that was being started may come to be in the cgroup a moment after it was found empty.
EMPTY_LOOKS = 3


def end_processes(pids_directory, freezer_directory):
    """The directories of one cgroup in the hierarchies of two controllers, which are one on v2."""
    # Counts for all cgroups below it as well, so a fork bomb cannot outrun the kills.
    write(pids_directory, 'pids.max', b'0')
    deadline = time.monotonic() + LIMIT_SECONDS
    empty = 0
    while empty < EMPTY_LOOKS and time.monotonic() < deadline:
        alive = processes_below(pids_directory)
        empty = 0 if alive else empty + 1
        # One write for all of them, where the kernel has it: v2, from Linux 5.14 on.
        if alive and not write(pids_directory, 'cgroup.kill', b'1'):
            for pid in alive:
                kill(pid)
            # What is paused takes its SIGKILL once it is thawed, and before it runs.
            for directory in directories_below(freezer_directory):
                write(directory, 'freezer.state', b'THAWED') or write(directory, 'cgroup.freeze', b'0')
        time.sleep(PAUSE_SECONDS)


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def processes_below(directory):
    pids = []
    for each in directories_below(directory):
        try:
            with open(os.path.join(each, 'cgroup.procs')) as file:
                pids.extend(int(line) for line in file)
        except OSError:
            # Removed meanwhile.
            pass
    return pids


def directories_below(directory):
    """With itself; empty where it does not exist."""
    return [path for path, _, _ in os.walk(directory)]


def write(directory, name, value):
    """Says whether there was such a file that takes the value."""
    try:
        descriptor = os.open(os.path.join(directory, name), os.O_WRONLY)
    except OSError:
        return False
    try:
        os.write(descriptor, value)
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
