"""Corrected revisions as a training set without names: what a network learns from next."""

import hashlib
import hmac
import json
import shutil
from pathlib import Path
from uuid import UUID

import numpy as np
from django.conf import settings

from inference.geometry import Geometry
from inference.io import write_volume
from inference.volume import Volume
from portal.accounts.audit import record
from portal.accounts.models import AuditAction, User
from portal.scans.access import visible_scans
from portal.scans.files import has_volume, mask_path, volume_key
from portal.scans.models import Origin
from portal.scans.revisions import current_segmentation
from portal.scans.storage import path_of

#: Read by `inference.training.layouts.portal_cases`.
MANIFEST_NAME = "cases.json"
PSEUDONYM_LENGTH = 12


def export_training_cases(*, by: User, target: Path) -> int:
    """Write every corrected scan that `by` may see; returns how many. Scans that are there already are skipped.

    A case is a folder with `image.nii.gz` (HU), `lung.nii.gz` and `infection.nii.gz`, and a line in `cases.json`.
    Names, numbers and dates of patients stay behind; the pseudonym of a patient is the same in every export of this
    portal. Each case is on record in the audit trail.
    """
    target.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, str]] = []
    written = 0
    for scan in visible_scans(by).select_related("patient").order_by("patient_id", "acquired_at", "created_at"):
        revision = current_segmentation(scan)
        if revision is None or revision.origin != Origin.READER or not has_volume(scan):
            continue
        case = f"case-{_pseudonym(revision.pk)}"
        rows.append({"case": case, "patient": f"patient-{_pseudonym(scan.patient_id)}"})
        folder = target / case
        if folder.exists():
            continue
        part = target / f"part-{case}"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        hu = np.load(path_of(volume_key(scan)), mmap_mode="r", allow_pickle=False)
        write_volume(Volume(hu, Geometry.from_dict(scan.geometry)), part / "image.nii.gz")
        for kind in ("lung", "infection"):
            shutil.copyfile(mask_path(revision, kind), part / f"{kind}.nii.gz")
        part.replace(folder)
        record(
            AuditAction.DOWNLOAD,
            by=by,
            subject=scan,
            patient=scan.patient,
            revision=revision.number,
            via="export_training_cases",
        )
        written += 1
    (target / MANIFEST_NAME).write_text(json.dumps({"cases": rows}, indent=1) + "\n")
    return written


def _pseudonym(key: UUID) -> str:
    digest = hmac.new(settings.SECRET_KEY.encode(), key.bytes, hashlib.sha256)
    return digest.hexdigest()[:PSEUDONYM_LENGTH]
