"""Uploads under fire: connections cut at any byte, the server killed, two senders of one series.

    python -m tests.soak.uploads_survive --series 100

What was acknowledged is there, nothing half is visible, every series becomes one scan with one job, and what the
kills left behind is found and removed by the sweep. A web server on PostgreSQL, or on SQLite (`--embedded`).
"""

import argparse
import hashlib
import http.client
import json
import random
import socket
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.samples import dicom_folder
from tests.soak.installation import Installation, installation

#: Files a request, slices a series.
BATCH, SLICES = 3, 8
PATIENCE_SECONDS = 60
#: Of a hundred batches so many are cut off; of a hundred series so many see the server die, or have a second sender.
CUTS, KILLS, TWINS = 35, 20, 20


class Cut(Exception):
    """The connection was broken on purpose."""


@dataclass
class Ledger:
    """What the server has promised, and what was done to it."""

    acknowledged: set[tuple[str, str]] = field(default_factory=set)
    scans: dict[str, set[str]] = field(default_factory=dict)
    events: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Sender:
    """A client that does not give up."""

    def __init__(self, port: int, token: str, ledger: Ledger, *, seed: int = 0, cuts: int = CUTS) -> None:
        self.port, self.token, self.ledger = port, token, ledger
        self.rng, self.cuts = random.Random(seed), cuts

    def send(self, series: str, files: dict[str, bytes], *, kill: Any = None) -> None:
        """A series from beginning to end; `kill` ends the server once on the way."""
        upload = self._ask("POST", "/api/v1/uploads/")["id"]
        address = f"/api/v1/uploads/{upload}"
        kill_at = self.rng.choice(("sending", "completing")) if kill else ""
        while missing := self._missing(address, files):
            batch = dict(list(missing.items())[:BATCH])
            if kill_at == "sending":
                kill_at = ""
                killer = threading.Timer(self.rng.uniform(0, 0.05), kill)
                killer.start()
                self._try(address, batch, upload)
                killer.join()
            else:
                self._try(address, batch, upload, cut=self.rng.randrange(100) < self.cuts)
        if kill_at == "completing":
            killer = threading.Timer(self.rng.uniform(0, 0.2), kill)
            killer.start()
            self._ask("POST", f"{address}/complete/", b"{}")
            killer.join()
        answers = [self._ask("POST", f"{address}/complete/", b"{}") for _ in range(2)]
        if answers[0] != answers[1]:
            self.ledger.complaints.append(f"{series}: completed twice, answered differently")
        with self.ledger.lock:
            self.ledger.scans.setdefault(series, set()).update(scan["id"] for scan in answers[0]["scans"])

    def _missing(self, address: str, files: dict[str, bytes]) -> dict[str, bytes]:
        """As the upload page does after a broken connection: ask what has arrived."""
        there = {file["sha256"] for file in self._ask("GET", f"{address}/")["files"]}
        return {name: content for name, content in files.items() if _sha256(content) not in there}

    def _try(self, address: str, batch: dict[str, bytes], upload: str, *, cut: bool = False) -> None:
        body, kind = _multipart(batch)
        try:
            if cut:
                self._cut(f"{address}/files/", body, kind)
            answer = self._once("POST", f"{address}/files/", body, kind)
        except (Cut, OSError, http.client.HTTPException):
            return
        with self.ledger.lock:
            self.ledger.acknowledged |= {
                (upload, file["sha256"]) for file in answer["files"] if file["status"] != "refused"
            }
            self.ledger.events["files refused"] += sum(file["status"] == "refused" for file in answer["files"])

    def _cut(self, address: str, body: bytes, kind: str) -> None:
        head = (
            f"POST {address} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Token {self.token}\r\n"
            f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        whole = head + body
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(whole[: self.rng.randrange(len(whole))])
        with self.ledger.lock:
            self.ledger.events["connections cut"] += 1
        raise Cut

    def _ask(self, method: str, address: str, body: bytes | None = None) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self._once(method, address, body, "application/json")
            except (OSError, http.client.HTTPException):
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def _once(self, method: str, address: str, body: bytes | None, kind: str) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            headers = {"Authorization": f"Token {self.token}", "Content-Type": kind}
            connection.request(method, address, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 500:
            self.ledger.complaints.append(f"{method} {address}: {answer.status}")
        if answer.status >= 400:
            raise OSError(f"{answer.status}: {content[:200]!r}")
        result: dict[str, Any] = json.loads(content)
        return result


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _multipart(files: dict[str, bytes]) -> tuple[bytes, str]:
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n".encode()
        + content
        + b"\r\n"
        for name, content in files.items()
    ]
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def survive(*, series: int, embedded: bool, seed: int = 1) -> dict[str, Any]:
    """Send so many series under fire; what became of them, with `problems`."""
    rng = random.Random(seed)
    ledger = Ledger()
    with tempfile.TemporaryDirectory() as samples, installation(0, embedded=embedded) as place:
        token = place.ask("person")["token"]
        place.start_web()
        (port,) = place.web
        sender = Sender(port, token, ledger, seed=seed)
        for number in range(series):
            name = f"series-{number}"
            folder = dicom_folder(Path(samples) / name, mrn=f"U-{number}", seed=1 + number % 3, size=32, slices=SLICES)
            files = {path.name: path.read_bytes() for path in folder}
            if rng.randrange(100) < TWINS:
                ledger.events["series with two senders"] += 1
                twin = Sender(port, token, ledger, seed=seed + number)
                both = [threading.Thread(target=one.send, args=(name, files)) for one in (sender, twin)]
                for thread in both:
                    thread.start()
                for thread in both:
                    thread.join()
            elif rng.randrange(100) < KILLS:
                ledger.events["servers killed"] += 1
                sender.send(name, files, kill=lambda: _restart(place, port))
            else:
                sender.send(name, files)
        acknowledged = Path(samples) / "acknowledged.json"
        acknowledged.write_text(json.dumps(sorted(ledger.acknowledged)))
        found = place.ask("uploads", str(acknowledged))
    problems = [*ledger.complaints]
    problems += [f"{name} became {len(scans)} scans" for name, scans in ledger.scans.items() if len(scans) != 1]
    for what in ("lost", "changed", "missing", "left_after_sweep", "half_visible", "without_job"):
        if found[what]:
            problems.append(f"{found[what]} {what.replace('_', ' ')}")
    if found["scans"] != series:
        problems.append(f"{found['scans']} scans of {series} series")
    return {
        "series": series,
        "acknowledged": len(ledger.acknowledged),
        "events": dict(ledger.events),
        **found,
        "problems": problems,
    }


def _restart(place: Installation, port: int) -> None:
    place.kill_web(port)
    place.start_web(port)


def main() -> int:
    """Run, print what became of it, and fail when something must not be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=100)
    parser.add_argument("--embedded", action="store_true", help="on SQLite")
    options = parser.parse_args()
    outcome = survive(series=options.series, embedded=options.embedded)
    print(json.dumps(outcome, indent=1))
    return 1 if outcome["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
