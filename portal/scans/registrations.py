"""Registrations of a patient's scans: what the worker needs for one, and keeping its result."""

import json
from pathlib import Path
from typing import Any

from django.db import transaction

from portal.scans.current import current_segmentation
from portal.scans.files import MASK_KINDS, mask_path, volume_key
from portal.scans.models import Registration, Scan, Segmentation
from portal.scans.storage import keep, path_of

GROWTH_NAME = "growth.nii.gz"


def registration_of(scan: Scan, prior: Scan) -> Registration | None:
    """The registration of the revisions that count today; None when there is none (yet)."""
    after, before = current_segmentation(scan), current_segmentation(prior)
    if after is None or before is None:
        return None
    return Registration.objects.filter(after=after, before=before).select_related("after", "before").first()


def lay_out(revision: Segmentation, folder: Path) -> None:
    """Links to slices and masks of one revision, with the grid beside them, for a child process to read.

    Raises:
        FileNotFoundError: a file is missing in the storage.
    """
    folder.mkdir(parents=True)
    sources = {f"{kind}.nii.gz": mask_path(revision, kind) for kind in MASK_KINDS}
    sources["volume.npy"] = path_of(volume_key(revision.scan))
    for name, source in sources.items():
        if not source.exists():
            raise FileNotFoundError(source)
        (folder / name).symlink_to(source)
    (folder / "geometry.json").write_text(json.dumps(revision.scan.geometry))


@transaction.atomic
def add_registration(
    *, after: Segmentation, before: Segmentation, details: dict[str, Any], growth: Path
) -> Registration:
    """Store a result; the one that is there already when somebody was quicker."""
    registration = Registration(after=after, before=before, details=details)
    earlier = Registration.objects.filter(after=after, before=before).first()
    if earlier is not None:
        return earlier
    keep(growth, f"{registration.folder}/{GROWTH_NAME}")
    registration.save(force_insert=True)
    return registration
