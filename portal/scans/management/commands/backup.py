"""`manage.py backup FOLDER`."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.scans.backup import BackupFailed, write_backup


class Command(BaseCommand):
    """Backed up data."""

    help = "Copy database and files into a folder; what is there already is not copied again."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """The backup's folder."""
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say how much there was."""
        try:
            report = write_backup(options["folder"])
        except (BackupFailed, OSError) as trouble:
            raise CommandError(str(trouble)) from trouble
        self.stdout.write(f"Backed up {report.files} files, {report.size_bytes / 1024**2:.1f} MiB, and the database.")
