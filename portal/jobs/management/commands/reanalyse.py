"""`manage.py reanalyse --by USERNAME --pipeline NAME`: a pipeline on everything that has no result of it yet."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.accounts.acting import acting_user
from portal.jobs.errors import UnknownPipelineName
from portal.jobs.models import InferenceJob
from portal.jobs.services import submit_scan
from portal.jobs.states import OPEN_STATES
from portal.scans.access import visible_scans


class Command(BaseCommand):
    """Queue; what has been done or is queued is left alone, so that it can be broken off and run again."""

    help = "Queue a pipeline on every scan that a user may see, behind all clinical jobs."

    def add_arguments(self, parser: CommandParser) -> None:
        """In whose name, which pipeline, and how many at most."""
        parser.add_argument("--by", required=True, help="user in whose name, and within whose care teams, it happens")
        parser.add_argument("--pipeline", default=None, help="name from `models`; the default one when left out")
        parser.add_argument("--limit", type=int, default=None, help="queue so many at most")

    def handle(self, *args: Any, **options: Any) -> None:
        """Queue, and say how many."""
        user = acting_user(options["by"])
        queued = 0
        for scan in visible_scans(user).order_by("acquired_at", "created_at").iterator():
            if queued == options["limit"]:
                break
            before = InferenceJob.objects.filter(scan=scan, state__in=OPEN_STATES).count()
            try:
                submit_scan(by=user, scan=scan, pipeline=options["pipeline"], is_research=True)
            except UnknownPipelineName as refusal:
                raise CommandError(str(refusal)) from refusal
            queued += InferenceJob.objects.filter(scan=scan, state__in=OPEN_STATES).count() - before
        self.stdout.write(f"{queued} jobs queued")
