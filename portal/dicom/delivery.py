"""Results on their way to archives and viewers: queued in the database, sent by workers, tried again."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from portal.accounts.audit import record
from portal.accounts.models import AuditAction, User
from portal.dicom.archive import Role, Series, objects_of, result_series_uid
from portal.dicom.datasets import read_object
from portal.dicom.models import Delivery, Peer
from portal.dicom.peers import line_to
from portal.jobs.outgoing import NotTaken, OutgoingState, bring
from portal.scans.current import current_segmentation
from portal.scans.errors import NotExportable
from portal.scans.models import ScanKind, Segmentation

#: Results older than this are not sent by themselves any more, however long workers were away.
AUTOMATIC_WITHIN = timedelta(days=7)


@transaction.atomic
def request_delivery(*, by: User, revision: Segmentation, peer: Peer) -> list[Delivery]:
    """Queue the results that a peer takes, on a person's request; those that wait already are not queued twice."""
    deliveries = [
        Delivery.objects.get_or_create(
            peer=peer, revision=revision, role=role, state=OutgoingState.WAITING, defaults={"requested_by": by}
        )[0]
        for role in peer.roles
    ]
    record(
        AuditAction.DOWNLOAD,
        by=by,
        subject=revision.scan,
        patient=revision.scan.patient,
        revision=revision.number,
        via="delivery",
        peer=peer.name,
    )
    return deliveries


def queue_automatic() -> int:
    """Queue new results for the peers that want every one; how many there were.

    Only the revision that counts is sent: what somebody tried beside it stays here.
    """
    queued = 0
    for peer in Peer.objects.filter(is_active=True, is_automatic=True).exclude(receives=""):
        since = max(peer.created_at, timezone.now() - AUTOMATIC_WITHIN)
        fresh = Segmentation.objects.filter(created_at__gte=since, scan__kind=ScanKind.DICOM)
        for revision in fresh.exclude(deliveries__peer=peer).select_related("scan__patient"):
            if current_segmentation(revision.scan) == revision:
                queued += _queue(peer, revision)
    return queued


def _queue(peer: Peer, revision: Segmentation) -> int:
    for role in peer.roles:
        Delivery.objects.get_or_create(peer=peer, revision=revision, role=role, state=OutgoingState.WAITING)
    record(
        AuditAction.DOWNLOAD,
        actor_name="worker",
        subject=revision.scan,
        patient=revision.scan.patient,
        revision=revision.number,
        via="delivery",
        peer=peer.name,
    )
    return len(peer.roles)


def deliver() -> int:
    """A worker's chore: queue what is new, and send what is due; how many arrived."""
    queue_automatic()
    waiting = Delivery.objects.filter(peer__is_active=True)
    return bring(waiting.select_related("peer", "revision__scan__patient", "revision__measurement"), _send)


def _send(delivery: Delivery) -> None:
    revision, role = delivery.revision, Role(delivery.role)
    series = Series(revision.scan, role, result_series_uid(revision, role), revision)
    try:
        objects = objects_of(series)
    except NotExportable as refusal:
        raise NotTaken(str(refusal)) from refusal
    line_to(delivery.peer).send([read_object(stored) for stored in objects])
