"""`manage.py runworker inference`: a worker of its own, beside web processes."""

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.jobs.doorbell import INFERENCE_CHANNEL
from portal.jobs.worker import new_engine, work


class Command(BaseCommand):
    """Run inference jobs until told to stop; then hand unfinished ones back."""

    help = "Run inference jobs. On SIGTERM or SIGINT unfinished jobs go back into the queue."

    def add_arguments(self, parser: CommandParser) -> None:
        """The Channels names to listen on; there is one."""
        parser.add_argument("channels", nargs="+")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until a signal comes."""
        if options["channels"] != [INFERENCE_CHANNEL]:
            raise CommandError(f"The only channel here is {INFERENCE_CHANNEL}.")
        asyncio.run(self._work())

    async def _work(self) -> None:
        engine = new_engine()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, engine.stop)
        self.stdout.write(f"worker {engine.worker} is at work")
        await work(engine)
