"""Commands of `inference` that a web request waits for: short ones, in a process of their own.

Masks and headers that people send are parsed there, so that no file can take the web process down.
"""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings

from portal.scans.storage import scratch

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 120
REFUSED = 2


class ToolRefused(Exception):
    """The input cannot be used; `str(error)` is the sentence."""


class ToolFailed(Exception):
    """The command crashed or took too long."""


@contextmanager
def workplace() -> Iterator[Path]:
    """A temporary folder beside the storage, so that results are moved and not copied."""
    with TemporaryDirectory(dir=scratch("work")) as folder:
        yield Path(folder)


def run_tool(name: str, *arguments: str | Path) -> str:
    """Run `python -m inference NAME` to its end; returns what it printed.

    Raises:
        ToolRefused: with the command's own sentence.
        ToolFailed: it crashed or took longer than `PATIENCE_SECONDS`.
    """
    command = [sys.executable, "-m", "inference", name, *map(str, arguments)]
    environment = {**os.environ, "INFERENCE_MEMORY_GIB": settings.INFERENCE_MEMORY_GIB}
    try:
        done = subprocess.run(
            command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as slow:
        raise ToolFailed(f"{name} took longer than {PATIENCE_SECONDS} seconds") from slow
    if done.returncode == REFUSED and done.stderr.strip():
        raise ToolRefused(done.stderr.strip().splitlines()[-1])
    if done.returncode:
        logger.error("inference %s ended with status %s: %s", name, done.returncode, done.stderr[-2000:])
        raise ToolFailed(f"{name} ended with status {done.returncode}")
    return done.stdout


def write_json(path: Path, content: object) -> None:
    """Input of a command."""
    path.write_text(json.dumps(content))
