"""`manage.py serve`: web server and worker in one process, for one machine without Redis."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.jobs.engine import Engine
from portal.jobs.worker import new_engine, work


class EmbeddedServer(uvicorn.Server):
    """uvicorn that leaves the clean-up after its end to us: the original raises the signal anew."""

    def __init__(self, config: uvicorn.Config, engine: Engine) -> None:
        super().__init__(config)
        self._engine = engine

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop engine and server on SIGTERM and SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        yield

    def _stop(self, number: int) -> None:
        self._engine.stop()
        self.handle_exit(number, None)


class Command(BaseCommand):
    """Serve pages, API, WebSockets and inference on this machine."""

    help = "Serve the portal and run its inference jobs in one process group."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to listen, and whether to fill in the demo."""
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--demo", action="store_true", help="send the demo patients' scans in the background")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until a signal comes."""
        config = uvicorn.Config(
            "portal.asgi:application", host=options["host"], port=options["port"], http="httptools",
            ws="websockets-sansio", lifespan="off", log_level="warning", proxy_headers=False,
        )  # fmt: skip
        with _listening(config.host, config.port) as listener:
            asyncio.run(self._serve(config, listener, demo=options["demo"]))

    async def _serve(self, config: uvicorn.Config, listener: socket.socket, *, demo: bool) -> None:
        engine = new_engine()
        working = asyncio.create_task(work(engine))
        async with _demo_sender() if demo else contextlib.nullcontext():
            try:
                await EmbeddedServer(config, engine).serve([listener])
            finally:
                engine.stop()
                await working


def _listening(host: str, port: int) -> socket.socket:
    """A socket at this address, taken before any work begins."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise CommandError(f"Port {port} of {host} cannot be used ({why}); choose another one.") from None


@contextlib.asynccontextmanager
async def _demo_sender() -> AsyncIterator[None]:
    """A process that sends the demo patients' scans, and ends with this one."""
    sender = await asyncio.create_subprocess_exec(
        sys.executable, "manage.py", "seed_demo", "--patients", cwd=settings.BASE_DIR, start_new_session=True
    )
    try:
        yield
    finally:
        if sender.returncode is None:
            sender.terminate()
        await sender.wait()
