"""`manage.py check_storage [--remove]`: are all files there, and is each of them somebody's?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.scans.inventory import remove_orphans, take_inventory


class Command(BaseCommand):
    """Compare files with rows."""

    help = "Name files that belong to no row, and files that rows name and that are missing (status 1)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whether to remove what belongs to nobody."""
        parser.add_argument("--remove", action="store_true", help="remove files older than a day that belong to no row")

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare, and say what was found."""
        inventory = take_inventory()
        for key in inventory.orphans:
            self.stdout.write(f"belongs to nobody: {key}")
        if options["remove"]:
            self.stdout.write(f"{remove_orphans(inventory)} removed")
        if inventory.missing:
            raise CommandError("Missing, restore from a backup: " + ", ".join(inventory.missing))
        self.stdout.write("Every file that the database names is there.")
