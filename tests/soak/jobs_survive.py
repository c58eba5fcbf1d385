"""Workers, children and Redis are killed at random while jobs run: every job ends, once, in a result or a reason.

    python -m tests.soak.jobs_survive --jobs 400 --workers 3

Needs a PostgreSQL that lets the user `postgres` in on 127.0.0.1, and `redis-server`; it starts a Redis of its own.
Without them it runs one worker process on SQLite (`--embedded`).
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.soak.installation import Installation, installation

#: One scan in so many kills its child every time.
POISON_EVERY = 25
#: A job that has not ended by then never will.
SECONDS_PER_JOB, LEAST_SECONDS = 4.0, 120.0
SHOTS_BETWEEN_COUNTS = 4


@dataclass
class Killed:
    """What was killed, and how often."""

    times: Counter[str] = field(default_factory=Counter)


def kill_something(place: Installation, killed: Killed) -> None:
    """A worker, a child of a worker, all messages, or Redis itself."""
    what = random.choices(["worker", "child", "messages", "redis"], [4, 4, 1, 1])[0]
    if what == "worker" and place.workers:
        random.choice(place.workers).kill()
    elif what == "child":
        if not _kill_a_child(place.workers):
            return
    elif place.embedded or place.redis is None:
        return
    elif what == "messages":
        subprocess.run(["redis-cli", "-p", str(place.redis_port), "flushall"], stdout=place.log, check=False)
    else:
        place.redis.kill()
        place.redis.wait()
        place.start_redis()
    killed.times[what] += 1


def _kill_a_child(workers: list["subprocess.Popen[bytes]"]) -> bool:
    parents = {str(worker.pid) for worker in workers}
    children = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = stat.read_text().rsplit(")", 1)[1].split()[1]
        except (OSError, IndexError):
            continue
        if parent in parents:
            children.append(int(stat.parent.name))
    if not children:
        return False
    try:
        os.kill(random.choice(children), signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def soak(*, jobs: int, workers: int, embedded: bool, kill_seconds: float = 0.5) -> dict[str, Any]:
    """Run so many jobs under fire; what became of them, for `problems` and for reading."""
    killed = Killed()
    with installation(workers, embedded=embedded) as place:
        place.ask("fill", str(jobs), str(POISON_EVERY))
        started = time.monotonic()
        until = started + max(LEAST_SECONDS, SECONDS_PER_JOB * jobs)
        outcome: dict[str, Any] = {"open": jobs}
        while outcome["open"] and time.monotonic() < until:
            for _ in range(SHOTS_BETWEEN_COUNTS):
                place.start_workers()
                time.sleep(random.uniform(0.1, 2 * kill_seconds))
                # Towards the end there is peace, so that the last jobs show whether anything is stuck.
                if outcome["open"] > jobs // 10:
                    kill_something(place, killed)
            outcome = place.ask("count")
        seconds = time.monotonic() - started
        outcome = place.ask("inspect")
    return {"jobs": jobs, "workers": workers, "seconds": round(seconds, 1), "killed": dict(killed.times), **outcome}


def problems(outcome: dict[str, Any]) -> list[str]:
    """What must not be."""
    found = []
    if outcome["open"]:
        found.append(f"{outcome['open']} jobs never ended")
    if outcome["double"]:
        found.append(f"{outcome['double']} scans have two results of one pipeline")
    if outcome["without_result"]:
        found.append(f"{outcome['without_result']} jobs succeeded without a result")
    if outcome["without_reason"]:
        found.append(f"{outcome['without_reason']} jobs failed without a reason")
    if outcome["missing_files"]:
        found.append(f"{outcome['missing_files']} files are missing")
    if outcome["poison_not_failed"]:
        found.append(f"{outcome['poison_not_failed']} poisoned scans did not fail")
    return found


def main() -> int:
    """Run, print what became of it, and fail when something must not be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=400)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--embedded", action="store_true", help="SQLite, and one worker process")
    options = parser.parse_args()
    embedded = options.embedded or not shutil.which("redis-server")
    outcome = soak(jobs=options.jobs, workers=1 if embedded else options.workers, embedded=embedded)
    print(json.dumps({**outcome, "problems": problems(outcome)}, indent=1))
    return 1 if problems(outcome) else 0


if __name__ == "__main__":
    sys.exit(main())
