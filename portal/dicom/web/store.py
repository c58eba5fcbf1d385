"""STOW-RS: instances sent over HTTP (PS3.18 10.5). They become a scan like those that a scanner sends."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from pydicom.dataset import Dataset
from rest_framework.request import Request

from portal.accounts.audit import record
from portal.accounts.models import AuditAction, User
from portal.dicom.duplicates import is_another_image
from portal.dicom.headers import identity_of
from portal.dicom.web.base import DicomWebView, dicom_json
from portal.dicom.web.multipart import BadMultipart, read_parts
from portal.jobs.arrivals import receive_image
from portal.scans.errors import FileRefused
from portal.scans.toolbox import workplace

#: Failure Reason (PS3.18 table I.2-2).
DUPLICATE, CANNOT_UNDERSTAND, OUT_OF_RESOURCES, OTHER_STUDY = 0x0111, 0xC000, 0xA700, 0xA900
ACCEPTED, CONFLICT = 202, 409


class StoreView(DicomWebView):
    """Instances of any study, or of the one that the address names."""

    def post(self, request: Request, study_uid: str = "") -> HttpResponse:
        """Store each part; the answer names those that were stored and those that were not, with the reason."""
        kind = request.content_type or ""
        if not kind.lower().startswith("multipart/related"):
            raise BadMultipart("Send instances as multipart/related with parts of type application/dicom.")
        answer = Dataset()
        stored: list[Dataset] = []
        failed: list[Dataset] = []
        with workplace() as folder:
            limit = settings.UPLOAD_MAX_TOTAL_BYTES
            for part_type, path in read_parts(request._request, kind, folder, limit_bytes=limit):
                item, reason = _kept(request.user, part_type, path, study_uid)
                path.unlink(missing_ok=True)
                (stored if reason is None else failed).append(item)
        if stored:
            answer.ReferencedSOPSequence = stored
        if failed:
            answer.FailedSOPSequence = failed
        record(
            AuditAction.CREATE,
            by=request.user,
            request=request,
            via="DICOMweb",
            stored=len(stored),
            failed=len(failed),
        )
        status = CONFLICT if not stored else ACCEPTED if failed else 200
        return dicom_json(answer.to_json_dict(), status=status)


def _kept(user: Any, part_type: str, path: Path, study_uid: str) -> tuple[Dataset, int | None]:
    """What to say of one part, and the failure reason if it was not stored."""
    if not isinstance(user, User):
        return _item("", "", OUT_OF_RESOURCES)
    if part_type and not part_type.lower().startswith("application/dicom"):
        return _item("", "", CANNOT_UNDERSTAND)
    identity = identity_of(path)
    if identity is None:
        return _item("", "", CANNOT_UNDERSTAND)
    sop_class, uid = identity.sop_class_uid, identity.sop_uid
    if not uid or not sop_class:
        return _item(sop_class, uid, CANNOT_UNDERSTAND)
    if study_uid and identity.study_uid != study_uid:
        return _item(sop_class, uid, OTHER_STUDY)
    if is_another_image(uid, path):
        return _item(sop_class, uid, DUPLICATE)
    try:
        receive_image(by=user, origin=f"STOW-RS {identity.study_uid}", name=f"{uid}.dcm", content=path)
    except FileRefused:
        return _item(sop_class, uid, OUT_OF_RESOURCES)
    return _item(sop_class, uid, None)


def _item(sop_class: str, uid: str, reason: int | None) -> tuple[Dataset, int | None]:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
    if reason is not None:
        item.FailureReason = reason
    return item, reason
