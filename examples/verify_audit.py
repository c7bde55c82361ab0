"""Checks events of `GET /api/v1/audit` (its answer, on standard input) against their hashes and against each other."""

import hashlib
import json
import sys


def hash_of(event):
    rest = {name: value for name, value in event.items() if name != "hash"}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


last = None
for event in reversed(json.load(sys.stdin)["items"]):
    place = event["sequence"]
    if hash_of(event) != event["hash"]:
        sys.exit(f"{place}: it was changed")
    if last and place != last["sequence"] + 1:
        sys.exit(f"{place}: one is missing before it, or it is out of place")
    before = last["hash"] if last else "0" * 64
    # The first of a page goes on from one that is not there.
    if (last or place == 1) and event["previous_hash"] != before:
        sys.exit(f"{place}: the one before was replaced")
    last = event
print(f"whole up to {last['sequence']}: {last['hash']}" if last else "no events")
