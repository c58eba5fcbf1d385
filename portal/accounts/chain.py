"""A chain over the audit trail, so that a line that was changed or taken away is noticed.

Each link holds a digest of its line and of the link before. Links are added by workers a little after the lines, one
writer at a time, so that nobody who records something has to wait for others. Whoever keeps the head of the chain
elsewhere (it is logged) can also prove that the end was not cut off.
"""

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from portal.accounts.models import AuditEvent, AuditLink

logger = logging.getLogger(__name__)

#: Lines that one sweep links, and how far back it looks for lines that came late.
AT_ONCE, LATE_LINES = 5000, 5000
#: Lines older than this without a link were put in by the back door, or no worker runs.
UNLINKED_AFTER = timedelta(minutes=15)
FIRST = "0" * 64


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What a look at the whole chain found. `problems` are sentences; none means that the trail is whole."""

    links: int
    head: str
    problems: tuple[str, ...]


def link_events() -> int:
    """A worker's chore: link the lines that have no link yet, in the order of their numbers; how many there were."""
    with transaction.atomic():
        last = AuditLink.objects.select_for_update().order_by("-number").first()
        # Lines of transactions that end late have lower numbers than lines that are linked already.
        since = last.event_id - LATE_LINES if last else 0
        events = list(AuditEvent.objects.filter(pk__gt=since, link=None).order_by("pk")[:AT_ONCE])
        number, digest = (last.number, last.digest) if last else (0, FIRST)
        links = []
        for event in events:
            number, digest = number + 1, _digest(digest, event)
            links.append(AuditLink(number=number, event=event, digest=digest))
        # Two writers at once make the same number, which the database refuses: the later one tries again.
        AuditLink.objects.bulk_create(links)
    if links:
        logger.info("audit chain: %d links, head %s", number, digest)
    return len(links)


def verify_chain(known_head: str = "") -> ChainReport:
    """Look at every link; `known_head` is a head that was noted earlier, which must still be in the chain."""
    problems = []
    count, digest = 0, FIRST
    has_known_head = not known_head
    for link in AuditLink.objects.select_related("event").order_by("number").iterator():
        count += 1
        if link.number != count:
            problems.append(f"Link {count} is missing.")
            count = link.number
        expected = _digest(digest, link.event)
        if link.digest != expected:
            problems.append(f"Line {link.event_id} of {link.event.at:%Y-%m-%d %H:%M:%S} UTC is not what was recorded.")
        digest = link.digest
        has_known_head |= digest == known_head
    problems += _left_out()
    if not has_known_head:
        problems.append("The head that was noted is not in the chain: its end was cut off, or it was made anew.")
    return ChainReport(count, digest, tuple(problems))


def _left_out() -> Iterator[str]:
    late = AuditEvent.objects.filter(link=None, at__lt=timezone.now() - UNLINKED_AFTER).count()
    if late:
        yield f"{late} lines have no link after {UNLINKED_AFTER.total_seconds() / 60:.0f} minutes; does a worker run?"


def _digest(before: str, event: AuditEvent) -> str:
    content = {
        "id": event.pk,
        "at": event.at.isoformat(),
        "actor": str(event.actor_id or ""),
        "actor_name": event.actor_name,
        "action": event.action,
        "subject_type": event.subject_type,
        "subject_id": event.subject_id,
        "patient_id": str(event.patient_id or ""),
        "detail": event.detail,
        "address": event.address or "",
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{before}\n{text}".encode()).hexdigest()
