"""`manage.py worker_alive`: does a worker of this machine give signs of life? For probes; status 1 when none does."""

import socket
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from portal.jobs.health import living_workers


class Command(BaseCommand):
    """A worker's probe."""

    help = "Status 0 while a worker of this machine gives signs of life, or while the database cannot be asked."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask the database; that it is away is not the worker's fault, and starting it anew would not help."""
        try:
            workers = living_workers()
        except Error:
            self.stdout.write("The database does not answer.")
            return
        if not any(beat.worker.startswith(f"{socket.gethostname()[:40]}-") for beat in workers):
            raise CommandError("No worker of this machine has given a sign of life lately.")
        self.stdout.write("A worker of this machine is at work.")
