"""Images that arrive one by one, from a scanner or by DICOMweb: an upload for each sender and study.

A study has arrived when none of its images came for the quiet period; then its upload is completed like any other.
The database alone knows what has arrived, so that a restart of receiver, web server or worker loses nothing.
"""

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from portal.accounts.models import User
from portal.jobs.intake import complete_upload, hold_upload
from portal.jobs.routing import configured_rules
from portal.scans.errors import FileRefused, IntakeRefused, StillArriving
from portal.scans.intake import open_upload, receive_file
from portal.scans.models import Upload, UploadState

logger = logging.getLogger(__name__)

#: Bytes read at a time.
CHUNK_BYTES = 1024 * 1024


def receive_image(*, by: User, origin: str, name: str, content: Path) -> Upload:
    """Store one DICOM file in the open upload of its origin, which is opened if there is none.

    Raises:
        FileRefused: it is too large.
    """
    upload = open_upload(by=by, origin=origin[:200])
    try:
        receive_file(upload=upload, name=name, chunks=_chunks(content))
    except FileRefused:
        upload.refresh_from_db()
        if upload.state == UploadState.OPEN:
            raise
        # It became quiet and was completed at this very moment: the image begins another one.
        upload = open_upload(by=by, origin=origin[:200])
        receive_file(upload=upload, name=name, chunks=_chunks(content))
    return upload


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def complete_quiet(quiet_seconds: float | None = None) -> int:
    """Complete every upload of a sender that has been quiet for long enough; how many there were."""
    patience = settings.DICOM_QUIET_SECONDS if quiet_seconds is None else quiet_seconds
    since = timezone.now() - timedelta(seconds=patience)
    quiet = Upload.objects.filter(state=UploadState.OPEN, active_at__lte=since, files__isnull=False)
    uploads = list(quiet.exclude(origin="").select_related("by").distinct())
    for upload in uploads:
        _complete(upload)
    return len(uploads)


def _complete(upload: Upload) -> None:
    try:
        outcome = complete_upload(by=upload.by, upload=upload, rules=configured_rules())
    except StillArriving:
        return
    except IntakeRefused as refusal:
        hold_upload(upload=upload, reason=str(refusal))
        logger.warning("upload %s is held for a person", upload.pk)
        return
    logger.info("upload %s: %d scans", upload.pk, len(outcome["scans"]))
