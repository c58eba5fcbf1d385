"""The request of somebody who is logged in."""

from django.http import HttpRequest

from portal.accounts.models import User


class UserRequest(HttpRequest):
    """For annotations behind `login_required`: the user is known to be one."""

    user: User
