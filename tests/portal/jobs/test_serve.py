"""`manage.py serve` starts whole or not at all, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
#: Only ends a test that would otherwise hang.
PATIENCE_SECONDS = 60


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    """An empty installation of its own."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "portal.settings.embedded",
        "LUNGTREND_HOME": str(tmp_path / "home"),
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "ignore",
    }
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=REPOSITORY, env=environment, check=True)
    return environment


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        yield holder.getsockname()[1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def serve(environment: dict[str, str], port: int, *options: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--port", str(port), *options],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_taken_port_is_named_in_one_line(environment, taken_port) -> None:
    server = serve(environment, taken_port)
    output, _ = server.communicate(timeout=PATIENCE_SECONDS)
    assert server.returncode == 1
    assert output.splitlines() == [
        f"CommandError: Port {taken_port} of 127.0.0.1 cannot be used (Address already in use); choose another one."
    ]


def test_told_to_stop_it_ends_in_order_and_takes_the_demo_sender_along(environment) -> None:
    server = serve(environment, free_port(), "--demo")
    assert server.stdout is not None
    first_line = server.stdout.readline()
    assert "sent" in first_line
    server.send_signal(signal.SIGTERM)
    # The pipe reaches its end only when the sender, which shares it, has ended as well.
    rest, _ = server.communicate(timeout=PATIENCE_SECONDS)
    assert server.returncode == 0
    assert "Traceback" not in rest
