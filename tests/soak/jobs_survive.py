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
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
#: One scan in so many kills its child every time.
POISON_EVERY = 25
#: A job that has not ended by then never will.
SECONDS_PER_JOB, LEAST_SECONDS = 4.0, 120.0
SHOTS_BETWEEN_COUNTS = 4


@dataclass
class Killed:
    """What was killed, and how often."""

    times: Counter[str] = field(default_factory=Counter)


class Installation:
    """A database, a storage, perhaps a Redis, and worker processes."""

    def __init__(self, folder: Path, workers: int, *, embedded: bool) -> None:
        self.folder, self.count, self.embedded = folder, workers, embedded
        self.workers: list[subprocess.Popen[bytes]] = []
        self.redis: subprocess.Popen[bytes] | None = None
        self.redis_port = _free_port()
        self.database = f"soak_{uuid.uuid4().hex[:8]}"
        self.log = (folder / "workers.log").open("ab")
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.soak.settings",
            "LUNGTREND_HOME": str(folder / "home"),
            "SOAK_MEDIA": str(folder / "media"),
            "SOAK_TEMPLATE": str(folder / "template"),
            "PYTHONPATH": str(REPOSITORY),
        }
        for variable in ("LUNGTREND_TEST_POSTGRES", "LUNGTREND_TEST_REDIS"):
            self.environment.pop(variable, None)
        (folder / "home").mkdir()
        if not embedded:
            self.environment["LUNGTREND_TEST_POSTGRES"] = self.database
            self.environment["LUNGTREND_TEST_REDIS"] = f"redis://127.0.0.1:{self.redis_port}/0"
            _administer(f'CREATE DATABASE "{self.database}"')
            self.start_redis()

    def start_redis(self) -> None:
        """A Redis of our own, which keeps nothing."""
        command = ["redis-server", "--port", str(self.redis_port), "--bind", "127.0.0.1", "--save", ""]
        self.redis = subprocess.Popen(command, cwd=self.folder, stdout=self.log, stderr=self.log)

    def start_workers(self) -> None:
        """As many as there should be."""
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < self.count:
            command = [sys.executable, "manage.py", "runworker", "inference"]
            self.workers.append(
                subprocess.Popen(command, cwd=REPOSITORY, env=self.environment, stdout=self.log, stderr=self.log)
            )

    def kill_something(self, killed: Killed) -> None:
        """A worker, a child of a worker, all messages, or Redis itself."""
        what = random.choices(["worker", "child", "messages", "redis"], [4, 4, 1, 1])[0]
        if what == "worker" and self.workers:
            random.choice(self.workers).kill()
        elif what == "child":
            if not _kill_a_child(self.workers):
                return
        elif self.embedded or self.redis is None:
            return
        elif what == "messages":
            subprocess.run(["redis-cli", "-p", str(self.redis_port), "flushall"], stdout=self.log, check=False)
        else:
            self.redis.kill()
            self.redis.wait()
            self.start_redis()
        killed.times[what] += 1

    def close(self) -> None:
        """End everything and leave nothing behind."""
        for worker in self.workers:
            worker.kill()
            worker.wait()
        if self.redis is not None:
            self.redis.kill()
            self.redis.wait()
        self.log.close()
        if not self.embedded:
            _administer(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _administer(statement: str) -> None:
    command = ["psql", "-h", "127.0.0.1", "-U", "postgres", "-d", "postgres", "-qc", statement]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


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


@contextmanager
def installation(workers: int, *, embedded: bool) -> Iterator[Installation]:
    """One in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="lungtrend-soak-") as name:
        place = Installation(Path(name), workers, embedded=embedded)
        try:
            yield place
        finally:
            place.close()


def soak(*, jobs: int, workers: int, embedded: bool, kill_seconds: float = 0.5) -> dict[str, Any]:
    """Run so many jobs under fire; what became of them, for `problems` and for reading."""
    killed = Killed()
    with installation(workers, embedded=embedded) as place:
        _prepare(place, jobs)
        started = time.monotonic()
        until = started + max(LEAST_SECONDS, SECONDS_PER_JOB * jobs)
        outcome: dict[str, Any] = {"open": jobs}
        while outcome["open"] and time.monotonic() < until:
            for _ in range(SHOTS_BETWEEN_COUNTS):
                place.start_workers()
                time.sleep(random.uniform(0.1, 2 * kill_seconds))
                # Towards the end there is peace, so that the last jobs show whether anything is stuck.
                if outcome["open"] > jobs // 10:
                    place.kill_something(killed)
            outcome = _ask(place, "count")
        seconds = time.monotonic() - started
        outcome = _ask(place, "inspect")
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


def _prepare(place: Installation, jobs: int) -> None:
    run = [sys.executable, "manage.py", "migrate", "-v0"]
    subprocess.run(run, cwd=REPOSITORY, env=place.environment, check=True)
    _ask(place, "fill", str(jobs), str(POISON_EVERY))


def _ask(place: Installation, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.soak.inside", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, env=place.environment, check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


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
