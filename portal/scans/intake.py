"""Receiving files. What was acknowledged is on disk and in the database; nothing is changed on the way."""

import errno
import logging
from collections.abc import Iterable

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from inference.io import volume_suffix
from portal.accounts.models import User
from portal.scans.errors import FileRefused
from portal.scans.models import Upload, UploadedFile, UploadState
from portal.scans.storage import StoredContent, TooLarge, keep, receive

logger = logging.getLogger(__name__)

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def open_upload(*, by: User, origin: str = "") -> Upload:
    """A new, empty upload; for an origin that sends piece by piece, the one that is still open."""
    if not origin:
        return Upload.objects.create(by=by)
    return Upload.objects.get_or_create(by=by, origin=origin, state=UploadState.OPEN)[0]


def receive_file(*, upload: Upload, name: str, chunks: Iterable[bytes]) -> tuple[UploadedFile, bool]:
    """Store one file as received; the second value tells whether its content is new to this upload.

    Raises:
        FileRefused: the upload is no longer open, the file or the upload would be too large, or the disk is full.
    """
    if upload.state != UploadState.OPEN:
        raise _too_late(name)
    so_far = upload.files.aggregate(total=Sum("size"))["total"] or 0
    limit = min(settings.UPLOAD_MAX_FILE_BYTES, settings.UPLOAD_MAX_TOTAL_BYTES - so_far)
    try:
        content = receive(chunks, limit_bytes=limit)
    except TooLarge:
        raise FileRefused(
            _("%(name)s is larger than an upload may be (%(limit)s GiB left); send one series an upload.")
            % {"name": name, "limit": f"{limit / 1024**3:.1f}"}
        ) from None
    except OSError as trouble:
        raise _not_stored(name, trouble) from trouble
    key = f"uploads/{upload.pk}/{content.sha256}{volume_suffix(name)}"
    try:
        return _add(upload, name, content, key)
    except OSError as trouble:
        raise _not_stored(name, trouble) from trouble
    finally:
        content.part.unlink(missing_ok=True)


def _add(upload: Upload, name: str, content: StoredContent, key: str) -> tuple[UploadedFile, bool]:
    with transaction.atomic():
        # Whoever completes the upload holds the same lock: a file comes before or after, never between.
        if Upload.objects.select_for_update().get(pk=upload.pk).state != UploadState.OPEN:
            raise _too_late(name)
        Upload.objects.filter(pk=upload.pk).update(active_at=timezone.now())
        keep(content.part, key)
        return UploadedFile.objects.get_or_create(
            upload=upload,
            sha256=content.sha256,
            defaults={"name": name[-500:], "size": content.size, "path": key},
        )


def _not_stored(name: str, trouble: OSError) -> FileRefused:
    logger.error("a received file could not be stored: %s", trouble)
    reason = (
        _("the disk of the server is full") if trouble.errno in FULL else _("the storage of the server does not answer")
    )
    return FileRefused(
        _(
            "%(name)s was not stored: %(reason)s. What arrived before is safe; tell the administrator, then send it "
            "again."
        )
        % {"name": name, "reason": reason}
    )


def _too_late(name: str) -> FileRefused:
    return FileRefused(_("%(name)s came after the upload was completed; start a new upload for it.") % {"name": name})
