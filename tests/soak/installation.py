"""A whole installation as processes of this machine: database, Redis, object storage, web servers, workers."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError

REPOSITORY = Path(__file__).resolve().parents[2]
START_SECONDS = 60
BUCKET = "lungtrend-soak"


class Installation:
    """PostgreSQL and Redis, or SQLite and no Redis (`embedded`); files on disk, or in object storage (`objects`)."""

    def __init__(self, folder: Path, workers: int, *, embedded: bool = False, objects: bool = False) -> None:
        self.folder, self.count, self.embedded = folder, workers, embedded
        self.workers: list[subprocess.Popen[bytes]] = []
        self.web: dict[int, subprocess.Popen[bytes]] = {}
        self.redis: subprocess.Popen[bytes] | None = None
        self.redis_port = free_port()
        self.database = f"soak_{uuid.uuid4().hex[:8]}"
        self.log = (folder / "processes.log").open("ab")
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
        self.objects = self._start_objects() if objects else None
        if not embedded:
            self.environment["LUNGTREND_TEST_POSTGRES"] = self.database
            self.environment["LUNGTREND_TEST_REDIS"] = f"redis://127.0.0.1:{self.redis_port}/0"
            _administer(f'CREATE DATABASE "{self.database}"')
            self.start_redis()
        self.manage("migrate", "-v0")

    def manage(self, *arguments: str) -> None:
        """`manage.py ...` with the settings of this installation."""
        command = [sys.executable, "manage.py", *arguments]
        subprocess.run(command, cwd=REPOSITORY, env=self.environment, check=True)

    def ask(self, *arguments: str) -> dict[str, Any]:
        """One of the questions of `tests.soak.inside`."""
        command = [sys.executable, "-m", "tests.soak.inside", *arguments]
        done = subprocess.run(command, cwd=REPOSITORY, env=self.environment, check=True, stdout=subprocess.PIPE)
        answer: dict[str, Any] = json.loads(done.stdout.decode().splitlines()[-1])
        return answer

    def start_redis(self) -> None:
        """A Redis of our own, which keeps nothing."""
        command = ["redis-server", "--port", str(self.redis_port), "--bind", "127.0.0.1", "--save", ""]
        self.redis = subprocess.Popen(command, cwd=self.folder, stdout=self.log, stderr=self.log)

    def start_workers(self, **environment: str) -> None:
        """As many as there should be; each machine has copies of its own where files are in object storage."""
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < self.count:
            own = self._machine(f"worker-{len(self.workers)}") | environment
            self.workers.append(self._start([sys.executable, "manage.py", "runworker", "inference"], own))

    def stop_workers(self) -> None:
        """In order: running jobs go back into the queue."""
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            worker.wait(60)
        self.workers = []

    def start_web(self, port: int | None = None) -> str:
        """A web server; returns its address."""
        port = port or free_port()
        command = [sys.executable, "-m", "uvicorn", "portal.asgi:application", "--port", str(port)]
        quiet = ["--log-level", "warning", "--lifespan", "off"]
        self.web[port] = self._start([*command, *quiet], self._machine(f"web-{port}"))
        address = f"http://127.0.0.1:{port}"
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            try:
                # As from the proxy, without which production sends everybody to TLS.
                request = urllib.request.Request(f"{address}/healthz", headers={"X-Forwarded-Proto": "https"})
                with urllib.request.urlopen(request, timeout=2):
                    return address
            except (URLError, ConnectionError, TimeoutError):
                time.sleep(0.1)
        raise RuntimeError("a web server did not come up")

    def kill_web(self, port: int) -> None:
        """Like a power cut."""
        self.web[port].kill()
        self.web[port].wait()

    def close(self) -> None:
        """End everything and leave nothing behind."""
        for process in [*self.workers, *self.web.values(), self.redis, self.objects]:
            if process is not None:
                process.kill()
                process.wait()
        self.log.close()
        if not self.embedded:
            _administer(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')

    def _machine(self, name: str) -> dict[str, str]:
        return {"SOAK_MEDIA": str(self.folder / name)} if self.objects else {}

    def _start(self, command: list[str], environment: dict[str, str]) -> "subprocess.Popen[bytes]":
        whole = self.environment | environment
        return subprocess.Popen(command, cwd=REPOSITORY, env=whole, stdout=self.log, stderr=self.log)

    def _start_objects(self) -> "subprocess.Popen[bytes]":
        port = free_port()
        access = {"ENDPOINT": f"http://127.0.0.1:{port}", "REGION": "eu-central-1", "KEY": "key", "SECRET": "secret"}
        self.environment |= {f"LUNGTREND_S3_{name}": value for name, value in access.items()}
        self.environment["LUNGTREND_S3_BUCKET"] = BUCKET
        server = self._start([sys.executable, "-m", "tests.soak.objects", str(port), BUCKET], {})
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return server
        raise RuntimeError("the object storage did not come up")


@contextmanager
def installation(workers: int, *, embedded: bool = False, objects: bool = False) -> Iterator[Installation]:
    """One in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="lungtrend-soak-") as name:
        place = Installation(Path(name), workers, embedded=embedded, objects=objects)
        try:
            yield place
        finally:
            place.close()


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _administer(statement: str) -> None:
    command = ["psql", "-h", "127.0.0.1", "-U", "postgres", "-d", "postgres", "-qc", statement]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
