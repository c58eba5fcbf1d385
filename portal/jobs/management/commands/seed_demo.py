"""`manage.py seed_demo`: demo accounts, and with `--patients` the demo patients' scans."""

import signal
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from portal.jobs.demo import ACCOUNTS, ensure_accounts, known_password, send_patients


class Command(BaseCommand):
    """Fill in the demo; what is there already stays."""

    help = "Create the demo accounts; with --patients send the synthetic patients' scans as well."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to fill in."""
        parser.add_argument("--patients", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Fill in, and say how to log in."""
        ensure_accounts()
        if options["patients"]:
            # The server ends this process by SIGTERM; temporary folders are then cleared on the way out.
            signal.signal(signal.SIGTERM, lambda number, frame: sys.exit())
            for line in send_patients():
                self.stdout.write(line)
            return
        password = known_password() or "as it was set before"
        self.stdout.write(f"Demo accounts: {', '.join(ACCOUNTS)}; password: {password}")
