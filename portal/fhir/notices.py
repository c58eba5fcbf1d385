"""Telling other systems and people that a flag has opened: once for each pair, tried again until it is heard."""

import hashlib
import hmac
import json
from datetime import timedelta
from smtplib import SMTPException

import requests
from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Max, Q
from django.urls import reverse
from django.utils import timezone

from portal.accounts.audit import record
from portal.accounts.models import AuditAction, AuditEvent
from portal.fhir.models import Channel, FlagNotice, FlagWatch, Subscriber
from portal.fhir.resources import bundle, diagnostic_report, imaging_study, observations, patient_resource
from portal.jobs.outgoing import NotTaken, bring, secret_of
from portal.patients.models import Patient
from portal.scans.growth import Change
from portal.scans.models import ScanKind, Segmentation
from portal.scans.selectors import leading_change, timelines_of

#: A result is stored in a transaction that may end after a later one's; so far back everything is looked at again.
OVERLAP = timedelta(minutes=5)
ANSWER_SECONDS = 20


def queue_flags() -> int:
    """Queue a notice for every open flag of the patients whose results or scans have changed; how many are new."""
    subscribers = list(Subscriber.objects.filter(is_active=True).select_related("care_team"))
    watch, _ = FlagWatch.objects.get_or_create(pk=1)
    if not subscribers:
        return 0
    patients, newest, event = _changed(watch)
    queued = sum(
        _queue(subscriber, patient, change)
        for patient, changes in patients.items()
        for subscriber in subscribers
        if patient.care_teams.filter(pk=subscriber.care_team_id).exists()
        for change in changes
        # What was known before somebody subscribed is no news.
        if change.opened_at >= subscriber.created_at
    )
    FlagWatch.objects.filter(pk=watch.pk).update(last_result_at=newest, last_event=event)
    return queued


class _Opened:
    """A flagged change that nobody has acknowledged, and when it became known."""

    def __init__(self, change: Change, revisions: dict[str, Segmentation]) -> None:
        self.change = change
        self.before, self.after = revisions[change.before.revision], revisions[change.after.revision]
        self.opened_at = max(self.before.created_at, self.after.created_at)


def _changed(watch: FlagWatch) -> tuple[dict[Patient, list[_Opened]], object, int]:
    results = Segmentation.objects.all()
    if watch.last_result_at:
        results = results.filter(created_at__gt=watch.last_result_at - OVERLAP)
    events = AuditEvent.objects.filter(
        pk__gt=watch.last_event, action=AuditAction.CHANGE, subject_type="scans.scan", patient_id__isnull=False
    )
    newest = Segmentation.objects.aggregate(latest=Max("created_at"))["latest"]
    event = AuditEvent.objects.aggregate(latest=Max("pk"))["latest"] or 0
    concerned = Q(pk__in=results.values("scan__patient")) | Q(pk__in=events.values("patient_id"))
    patients = Patient.objects.filter(concerned)
    opened: dict[Patient, list[_Opened]] = {}
    for timeline in timelines_of(patients).values():
        flagged = [c for c in timeline.assessment.changes if c.flag and not c.is_acknowledged]
        revisions = {str(point.segmentation.pk): point.segmentation for point in timeline.points}
        if flagged:
            opened[timeline.patient] = [_Opened(change, revisions) for change in flagged]
    return opened, newest, event


def _queue(subscriber: Subscriber, patient: Patient, opened: _Opened) -> bool:
    _, is_new = FlagNotice.objects.get_or_create(
        subscriber=subscriber,
        flag=str(opened.change.flag),
        before=opened.before,
        after=opened.after,
        defaults={"patient": patient},
    )
    return is_new


def tell_of_flags() -> int:
    """A worker's chore: queue what has opened, and tell what is due; how many were told."""
    queue_flags()
    waiting = FlagNotice.objects.filter(subscriber__is_active=True)
    return bring(waiting.select_related("subscriber", "patient", "after__scan__patient", "after__measurement"), _tell)


def _tell(notice: FlagNotice) -> None:
    if notice.subscriber.channel == Channel.EMAIL:
        _mail(notice)
    else:
        _post(notice)
    record(
        AuditAction.DOWNLOAD,
        actor_name="worker",
        subject=notice.after.scan,
        patient=notice.patient,
        via="flag notice",
        subscriber=notice.subscriber.name,
    )


def _mail(notice: FlagNotice) -> None:
    """Neither name nor number: mail is read by others."""
    address = f"{settings.PUBLIC_ADDRESS}{reverse('patient', args=[notice.patient_id])}"
    text = f"A flag ({notice.flag}) has opened for one of your patients. Log in to see it:\n{address}\n\n"
    try:
        send_mail(f"LungTrend: {notice.flag}", text + settings.RESEARCH_USE_NOTICE, None, [notice.subscriber.address])
    except (OSError, SMTPException) as trouble:
        raise NotTaken(f"The mail server did not take the message ({trouble}).") from trouble


def flag_bundle(notice: FlagNotice) -> dict[str, object]:
    """What a webhook is sent: patient, study, report and measurements of the later scan."""
    scan, revision = notice.after.scan, notice.after
    change = leading_change(revision)
    address = f"{settings.PUBLIC_ADDRESS}/fhir"
    study = [imaging_study([scan], f"{settings.PUBLIC_ADDRESS}/dicomweb")] if scan.kind == ScanKind.DICOM else []
    report = diagnostic_report(revision, change)
    resources = [patient_resource(notice.patient), *study, report, *observations(revision, change)]
    return {**bundle("collection", resources, address), "timestamp": timezone.now().isoformat()}


def _post(notice: FlagNotice) -> None:
    subscriber = notice.subscriber
    body = json.dumps(flag_bundle(notice)).encode()
    headers = {"Content-Type": "application/fhir+json", "X-LungTrend-Flag": notice.flag}
    if secret := secret_of(subscriber.secret_name):
        headers["X-LungTrend-Signature"] = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    try:
        answer = requests.post(
            subscriber.address, data=body, headers=headers, timeout=ANSWER_SECONDS, allow_redirects=False
        )
    except requests.RequestException as trouble:
        raise NotTaken(f"{subscriber} does not answer.") from trouble
    if not answer.ok or answer.is_redirect:
        raise NotTaken(f"{subscriber} answered with HTTP status {answer.status_code}.")
