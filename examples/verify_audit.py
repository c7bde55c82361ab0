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
    # Between two events of one tenant there may be events of others, which this tenant cannot see.
    if last and place == last["sequence"] + 1 and event["previous_hash"] != last["hash"]:
        sys.exit(f"{place}: the one before was replaced")
    if last and place <= last["sequence"]:
        sys.exit(f"{place}: it is out of place")
    last = event
print(f"whole up to {last['sequence']}: {last['hash']}" if last else "no events")
