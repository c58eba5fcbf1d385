"""Who may see scans and uploads: whoever may see the patient; and senders their own uploads."""

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from portal.accounts.models import User
from portal.patients.access import visible_patients
from portal.scans.models import Scan, Upload, UploadState


def visible_scans(user: User | AnonymousUser) -> QuerySet[Scan]:
    """Scans of the patients this user may see."""
    return Scan.objects.filter(patient__in=visible_patients(user))


def visible_uploads(user: User | AnonymousUser) -> QuerySet[Upload]:
    """One's own uploads, and held ones one may have to decide about."""
    if not isinstance(user, User) or not user.is_active:
        return Upload.objects.none()
    mine = Q(by=user)
    if user.is_administrator:
        return Upload.objects.filter(mine | Q(state=UploadState.HELD))
    if user.is_radiologist:
        colleagues = User.objects.filter(care_teams__members=user)
        return Upload.objects.filter(mine | Q(state=UploadState.HELD, by__in=colleagues))
    return Upload.objects.filter(mine)


def may_decide(user: User) -> bool:
    """Whether this user's role decides about held uploads."""
    return user.is_radiologist or user.is_administrator
