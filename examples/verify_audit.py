"""Checks events of `GET /api/v1/audit` (its answer, on standard input) against their hashes and against each other."""

import hashlib
import json
import sys


def hash_of(event):
    rest = {name: value for name, value in event.items() if name != "hash"}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


answer = json.load(sys.stdin)
events = list(reversed(answer["items"]))
# What the first event goes on from: nothing, or the newest of those that were removed for their age.
begin = answer.get("checkpoint") or {"sequence": 0, "hash": "0" * 64}
last = None
for event in events:
    place = event["sequence"]
    if hash_of(event) != event["hash"]:
        sys.exit(f"{place}: it was changed")
    if last and place != last["sequence"] + 1:
        sys.exit(f"{place}: one is missing before it, or it is out of place")
    # The first of a page may go on from one that is on the next page.
    before = last or (begin if place == begin["sequence"] + 1 else None)
    if before and event["previous_hash"] != before["hash"]:
        sys.exit(f"{place}: the one before was replaced")
    last = event
removals = [event["details"] for event in events if event["action"] == "audit.trimmed"]
if events and begin["sequence"] > 0 and begin not in removals:
    print(f"the event that tells of the removal up to {begin['sequence']} is not among these")
print(f"whole up to {last['sequence']}: {last['hash']}" if last else "no events")
