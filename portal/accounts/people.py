"""Who is asking."""

from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from portal.accounts.models import User


def person(request: Request) -> User:
    """The user behind a request.

    Raises:
        NotAuthenticated: there is none.
    """
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user
