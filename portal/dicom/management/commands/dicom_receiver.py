"""`manage.py dicom_receiver`: take series from scanners and archives."""

import os
import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.accounts.models import User
from portal.dicom.receiver import new_receiver


class Command(BaseCommand):
    """Listen for C-ECHO and C-STORE until told to stop."""

    help = "Receive DICOM series (C-STORE); each becomes a scan with a job when it has been quiet for a while."

    def add_arguments(self, parser: CommandParser) -> None:
        """Account, address and port."""
        parser.add_argument("--user", required=True, help="account in whose name scans are received")
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=11112)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until a signal comes."""
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active account {options['user']}.")
        if not settings.DICOM_ALLOWED_AE_TITLES:
            raise CommandError("Set LUNGTREND_DICOM_ALLOWED to the AE titles that may send, separated by commas.")
        try:
            receiver = new_receiver(user)
        except OSError as error:
            raise CommandError(f"The certificate for TLS cannot be used ({error}).") from None
        try:
            receiver.start(options["host"], options["port"])
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)
            raise CommandError(f"Port {options['port']} of {options['host']} cannot be used ({why}).") from None
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        self.stdout.write(f"{settings.DICOM_AE_TITLE} listens on {options['host']}:{receiver.port}")
        stopped.wait()
        receiver.stop()
