"""Starts and awaits processes as fast as it goes, and tells how long each took.

Reads one request per line, {"argv": [...], "count": n, "max_ms": n, "workers": n}, and answers each with a line,
{"times_us": [...], "wall_us": n, "failed": n}, or {"error": "why nothing could be started"}. It stays between the requests, so that its own start counts nowhere.
"""

import json
import os
import sys
import time

ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": os.environ.get("HOME", "/")}


def run(argv, count, max_ms, workers):
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    streams = [(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)]
    clock = time.perf_counter_ns
    times, failed, begun, started = [], 0, 0, {}
    begin = clock()
    end = begin + max_ms * 1_000_000
    while True:
        while len(started) < workers and begun < count and clock() < end:
            begun += 1
            at = clock()
            started[os.posix_spawn(argv[0], argv, ENVIRONMENT, file_actions=streams)] = at
        if not started:
            break
        pid, status = os.wait()
        took = clock() - started.pop(pid)
        if status == 0:
            times.append(took // 1000)
        else:
            failed += 1
    wall = clock() - begin
    os.close(null)
    return {"times_us": times, "wall_us": wall // 1000, "failed": failed}


for line in sys.stdin:
    try:
        answer = run(**json.loads(line))
    except OSError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
