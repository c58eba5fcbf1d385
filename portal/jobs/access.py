"""Who may see a job: whoever may see its patient."""

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from portal.accounts.models import User
from portal.jobs.models import InferenceJob
from portal.scans.access import visible_scans


def visible_jobs(user: User | AnonymousUser) -> QuerySet[InferenceJob]:
    """Jobs on scans this user may see."""
    return InferenceJob.objects.filter(scan__in=visible_scans(user))
