"""The child process that does the work of one job: the command line of `inference`.

A process of its own can be killed, and can be killed by the system for want of memory, without taking the
worker along. It says how far it is in JSON lines on its standard output.
"""

import asyncio
import ctypes
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

PR_SET_PDEATHSIG = 1
#: Exit status of the command line for input that cannot be measured.
REFUSED = 2
#: A refusal names its files, of which a scan may have thousands; asyncio's own limit is 64 KiB a line.
LONGEST_LINE_BYTES = 16 * 1024**2
LIBC = ctypes.CDLL(None, use_errno=True)


def command(name: str, *arguments: str | Path) -> list[str]:
    """Another command of the same program."""
    return [sys.executable, "-m", "inference", name, *map(str, arguments)]


@dataclass(frozen=True, slots=True)
class Message:
    """One line of the child: progress, or the reason why it refused."""

    stage: str = ""
    percent: int = 0
    error: str = ""
    code: str = ""


def command_for(scan_folder: Path, out: Path, pipeline: str) -> list[str]:
    """Command line that analyses one scan."""
    program: Sequence[str] = settings.INFERENCE_COMMAND or [sys.executable, "-m", "inference", "segment"]
    options = ["--pipeline", pipeline, "--device", settings.INFERENCE_DEVICE, "--progress", "--save-volume"]
    return [*program, str(scan_folder), "--out", str(out), *options]


async def start(command: Sequence[str]) -> asyncio.subprocess.Process:
    """Start the child in a process group of its own; it dies with this process.

    Call it from the main thread: the kernel sends the death signal when the *thread* ends that started the child.
    """
    return await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=None,
        limit=LONGEST_LINE_BYTES,
        cwd=settings.BASE_DIR,
        env={**os.environ, "INFERENCE_MEMORY_GIB": settings.INFERENCE_MEMORY_GIB},
        start_new_session=True,
        preexec_fn=_die_with_parent,
    )


def _die_with_parent() -> None:
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def kill(process: asyncio.subprocess.Process) -> None:
    """Kill the child and all it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


async def messages(process: asyncio.subprocess.Process) -> AsyncIterator[Message]:
    """What the child says, until it ends; lines that are no message are skipped."""
    if process.stdout is None:
        return
    async for line in process.stdout:
        try:
            fields: dict[str, Any] = json.loads(line)
        except ValueError:
            continue
        if isinstance(fields, dict):
            yield Message(
                stage=str(fields.get("stage", "")),
                percent=min(100, max(0, int(fields.get("percent", 0)))),
                error=str(fields.get("error", "")),
                code=str(fields.get("code", "")),
            )
