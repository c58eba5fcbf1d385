"""Rows that tests need, with sensible values for all that does not matter."""

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

from portal.accounts.models import User
from portal.patients.models import Patient
from portal.scans.models import Scan, ScanKind, Segmentation, Upload
from portal.scans.revisions import add_model_revision
from tests.samples import GRID, START, measurements_of, write_masks


def make_scan(patient: Patient, by: User, *, hours: float | None = 0.0, **fields: Any) -> Scan:
    """A scan `hours` after START; None: without acquisition time."""
    return Scan.objects.create(
        patient=patient,
        upload=Upload.objects.create(by=by),
        kind=ScanKind.DICOM,
        content_digest=uuid.uuid4().hex,
        acquired_at=None if hours is None else START + timedelta(hours=hours),
        geometry=GRID.as_dict(),
        slice_thickness_mm=3.0,
        **fields,
    )


def make_result(scan: Scan, folder: Path, infected_ml: float, **changes: Any) -> Segmentation:
    """A pipeline's result on a scan."""
    masks = write_masks(folder / uuid.uuid4().hex)
    return add_model_revision(scan=scan, measurements=measurements_of(infected_ml, **changes), folder=masks)
