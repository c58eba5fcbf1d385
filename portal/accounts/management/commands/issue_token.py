"""`manage.py issue_token USERNAME`: a new API token, shown once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from knox.models import AuthToken

from portal.accounts.audit import record
from portal.accounts.models import AuditAction, User


class Command(BaseCommand):
    """Print a new token; only its hash is stored."""

    help = "Print a new API token for a user. It is shown once; only its hash is stored."

    def add_arguments(self, parser: CommandParser) -> None:
        """One user name."""
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        """Issue, record, print."""
        user = User.objects.filter(username=options["username"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {options['username']}.")
        instance, token = AuthToken.objects.create(user=user)
        record(AuditAction.CREATE, by=user, subject=instance, actor_name=user.username, via="issue_token")
        self.stdout.write(token)
