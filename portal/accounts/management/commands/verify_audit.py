"""`manage.py verify_audit [--head DIGEST]`: is the audit trail whole?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.accounts.chain import verify_chain


class Command(BaseCommand):
    """Look at every line and link."""

    help = "Check the chain over the audit trail; ends with status 1 if a line was changed, taken away or put in."

    def add_arguments(self, parser: CommandParser) -> None:
        """A head that was noted."""
        parser.add_argument("--head", default="", help="a head that this command, or a worker's log, printed earlier")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, and print the head to note."""
        report = verify_chain(options["head"])
        if report.problems:
            raise CommandError("\n".join(report.problems))
        self.stdout.write(f"{report.links} links, the trail is whole. Head: {report.head}")
