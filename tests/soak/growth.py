"""Two web servers, one to three workers, PostgreSQL, Redis and object storage: throughput rises with workers.

    python -m tests.soak.growth --jobs 60

Scans come over HTTP through both web servers and lie in the object storage; every process has its own folder of copies,
as on machines of their own. The pipeline only waits, as one that keeps a GPU busy does, so that two cores are enough to
see how the rest of the system grows. Then so many browsers follow one job live (`--sockets`).
"""

import argparse
import asyncio
import itertools
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from websockets.asyncio.client import connect

from tests.samples import dicom_folder
from tests.soak.installation import installation
from tests.soak.uploads_survive import Ledger, Sender

T = TypeVar("T")
WEB_SERVERS, SENDERS = 2, 4
#: What an analysis takes.
WORK_SECONDS = 1.5
PATIENCE_SECONDS = 240


def grow(*, jobs: int, most_workers: int = 3, sockets: int = 200) -> dict[str, Any]:
    """Throughput in jobs a minute for every number of workers, and how fast browsers hear of changes."""
    figures: dict[str, Any] = {"jobs_each": jobs, "work_seconds": WORK_SECONDS, "web_servers": WEB_SERVERS}
    problems: list[str] = []
    rates: list[float] = []
    for workers in range(1, most_workers + 1):
        with tempfile.TemporaryDirectory() as samples, installation(workers, objects=True) as place:
            place.environment |= {"SOAK_SECONDS": str(WORK_SECONDS), "SOAK_SLOTS": "1"}
            place.ask("template")
            person = place.ask("person")
            for _ in range(WEB_SERVERS):
                place.start_web()
            ports = list(place.web)
            sent = _send(jobs, ports, person["token"], Path(samples))
            place.start_workers()
            found = _wait(place, jobs)
            rates.append(60 * jobs / found["seconds"] if found["seconds"] else 0.0)
            figures[f"jobs_a_minute_{workers}_workers"] = round(rates[-1], 1)
            figures["uploads_seconds"] = round(sent, 1)
            wrong = [what for what in ("open", "double", "missing_files") if found[what]]
            problems += [f"{workers} workers: {found[what]} {what}" for what in wrong]
            if found["ended"] != jobs:
                problems.append(f"{workers} workers: {found['ended']} of {jobs} jobs ended")
            if workers == most_workers and sockets:
                figures |= alone(_follow(sockets, ports, person, Path(samples)))
                if figures["sockets_told"] != sockets:
                    problems.append(f"{figures['sockets_told']} of {sockets} browsers heard of the job")
    for fewer, more in itertools.pairwise(rates):
        if more < 1.2 * fewer:
            problems.append(f"throughput did not rise: {fewer:.1f} then {more:.1f} jobs a minute")
    return {**figures, "problems": problems}


def alone(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end in a thread of its own: where Playwright is at work, this one has a running event loop."""
    with ThreadPoolExecutor(1) as lane:
        return lane.submit(asyncio.run, work).result()


def _send(jobs: int, ports: list[int], token: str, samples: Path) -> float:
    """Seconds until all scans have arrived, from several senders through all web servers."""
    ledger = Ledger()
    everything = [
        {path.name: path.read_bytes() for path in dicom_folder(samples / f"{n}", mrn=f"G-{n}", size=32, slices=6)}
        for n in range(jobs)
    ]
    started = time.monotonic()

    def run(lane: int) -> None:
        sender = Sender(ports[lane % len(ports)], token, ledger, cuts=0)
        for number in range(lane, jobs, SENDERS):
            sender.send(f"series-{number}", everything[number])

    lanes = [threading.Thread(target=run, args=(lane,)) for lane in range(SENDERS)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    return time.monotonic() - started


def _wait(place: Any, jobs: int) -> dict[str, Any]:
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        found: dict[str, Any] = place.ask("ended")
        if found["ended"] >= jobs or time.monotonic() > until:
            return found
        time.sleep(1)


async def _follow(sockets: int, ports: list[int], person: dict[str, str], samples: Path) -> dict[str, Any]:
    """Seconds from the end of a job to the news in each of so many browsers."""
    told: list[float] = []
    ready = asyncio.Semaphore(0)
    headers = {"Cookie": f"sessionid={person['session']}"}

    async def browse(number: int) -> None:
        port = ports[number % len(ports)]
        address = f"ws://127.0.0.1:{port}/ws/jobs/"
        own = {"additional_headers": headers, "origin": f"http://127.0.0.1:{port}", "open_timeout": 60}
        async with connect(address, **own) as line:
            ready.release()
            async for text in line:
                job = json.loads(text)["job"]
                if job["state"] == "succeeded":
                    told.append(time.time() - datetime.fromisoformat(job["finished_at"]).timestamp())
                    return

    browsers = [asyncio.create_task(browse(number)) for number in range(sockets)]
    opened = time.monotonic()
    for _ in browsers:
        await ready.acquire()
    opened = time.monotonic() - opened
    files = {path.name: path.read_bytes() for path in dicom_folder(samples / "live", mrn="LIVE", size=32, slices=6)}
    sender = Sender(ports[0], person["token"], Ledger(), cuts=0)
    await asyncio.to_thread(sender.send, "live", files)
    await asyncio.wait(browsers, timeout=60)
    for browser in browsers:
        browser.cancel()
    await asyncio.gather(*browsers, return_exceptions=True)
    told.sort()
    return {
        "sockets": sockets,
        "sockets_opened_seconds": round(opened, 1),
        "sockets_told": len(told),
        "told_after_median_ms": round(1000 * statistics.median(told)) if told else None,
        "told_after_most_ms": round(1000 * told[-1]) if told else None,
    }


def main() -> int:
    """Run, print the figures, and fail when something must not be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=60)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--sockets", type=int, default=200)
    options = parser.parse_args()
    outcome = grow(jobs=options.jobs, most_workers=options.workers, sockets=options.sockets)
    print(json.dumps(outcome, indent=1))
    return 1 if outcome["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
