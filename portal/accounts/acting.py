"""In whose name a command of manage.py acts."""

from django.core.management.base import CommandError

from portal.accounts.models import User


def acting_user(username: str) -> User:
    """The active user of a name.

    Raises:
        CommandError: there is none.
    """
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        raise CommandError(f"There is no active user {username}.")
    return user
