"""`manage.py export_training_cases FOLDER --by USERNAME`: corrected masks and their CT, without names."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.accounts.acting import acting_user
from portal.scans.research import export_training_cases


class Command(BaseCommand):
    """Export; what is there already stays."""

    help = "Write the corrected scans that a user may see as training cases, under pseudonyms. Each goes on record."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to, and in whose name."""
        parser.add_argument("folder", type=Path)
        parser.add_argument("--by", required=True, help="user in whose name, and within whose care teams, it happens")

    def handle(self, *args: Any, **options: Any) -> None:
        """Export, and say how many."""
        user = acting_user(options["by"])
        try:
            count = export_training_cases(by=user, target=options["folder"])
        except OSError as trouble:
            raise CommandError(
                f"The cases could not be written to {options['folder']}: {trouble.strerror}."
            ) from trouble
        self.stdout.write(f"{count} new cases in {options['folder']}")
