"""`manage.py restore FOLDER`."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.scans.backup import BackupFailed, restore_backup


class Command(BaseCommand):
    """Restored data."""

    help = "Put a backup into an installation that holds nothing yet, after checking it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """The backup's folder."""
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say how much there was."""
        try:
            report = restore_backup(options["folder"])
        except (BackupFailed, OSError) as trouble:
            raise CommandError(str(trouble)) from trouble
        self.stdout.write(f"Restored {report.files} files, {report.size_bytes / 1024**2:.1f} MiB, and the database.")
