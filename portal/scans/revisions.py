"""Revisions of masks and measurements: added, never changed."""

from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from portal.accounts.models import User
from portal.scans.courses import index_course
from portal.scans.current import current_segmentation
from portal.scans.errors import Overtaken
from portal.scans.models import Measurement, Origin, Scan, Segmentation
from portal.scans.storage import keep

MASK_NAMES = ("lung.nii.gz", "lobes.nii.gz", "infection.nii.gz")
#: What the infection score depends on; pipelines without gradients make none.
EXPLANATION_NAME = "explanation.png"


@transaction.atomic
def add_model_revision(*, scan: Scan, measurements: dict[str, Any], folder: Path) -> Segmentation:
    """Store a pipeline's result; the result that is there already when the same weights ran before.

    `measurements` is the content of `measurements.json`, `folder` holds the masks, which are moved away.
    """
    pipeline = measurements["pipeline"]
    identity = {
        "pipeline": pipeline["name"],
        "pipeline_version": pipeline["version"],
        "weights_sha256": pipeline["sha256"],
    }
    # One writer a scan at a time, so that two workers cannot take the same revision number.
    Scan.objects.select_for_update().get(pk=scan.pk)
    earlier = scan.segmentations.filter(origin=Origin.MODEL, **identity).first()
    if earlier is not None:
        return earlier
    last = scan.segmentations.aggregate(last=Max("number"))["last"] or 0
    revision = Segmentation(scan=scan, number=last + 1, origin=Origin.MODEL, **identity)
    for name in MASK_NAMES:
        keep(folder / name, f"{revision.folder}/{name}")
    if (folder / EXPLANATION_NAME).exists():
        keep(folder / EXPLANATION_NAME, f"{revision.folder}/{EXPLANATION_NAME}")
    revision.save(force_insert=True)
    Measurement.objects.create(segmentation=revision, **measurement_fields(measurements))
    index_course(scan.patient)
    return revision


@transaction.atomic
def add_reader_revision(
    *, by: User, based_on: Segmentation, reason: str, measurements: dict[str, Any], folder: Path
) -> Segmentation:
    """Store a reader's correction of the revision that counts.

    Raises:
        Overtaken: another revision counts by now.
    """
    scan = Scan.objects.select_for_update().get(pk=based_on.scan_id)
    current = current_segmentation(scan)
    if current is None or current.pk != based_on.pk:
        newest = _("revision %(number)s") % {"number": current.number} if current else _("no revision")
        raise Overtaken(
            _(
                "Your correction began from revision %(number)s, but %(newest)s counts by now; look at it and save "
                "your correction again on top of it."
            )
            % {"number": based_on.number, "newest": newest}
        )
    last = scan.segmentations.aggregate(last=Max("number"))["last"] or 0
    revision = Segmentation(
        scan=scan,
        number=last + 1,
        origin=Origin.READER,
        pipeline=based_on.pipeline,
        pipeline_version=based_on.pipeline_version,
        weights_sha256=based_on.weights_sha256,
        author=by,
        reason=reason,
        based_on=based_on,
    )
    for name in MASK_NAMES:
        keep(folder / name, f"{revision.folder}/{name}")
    revision.save(force_insert=True)
    Measurement.objects.create(segmentation=revision, **measurement_fields(measurements))
    index_course(scan.patient)
    return revision


def measurement_fields(measurements: dict[str, Any]) -> dict[str, Any]:
    """Columns of a measurement from the content of `measurements.json`."""
    composition = measurements["composition"]
    return {
        "lung_ml": measurements["lung_ml"],
        "infected_ml": measurements["infected_ml"],
        "poi_percent": measurements["poi_percent"],
        "ground_glass_ml": composition["ground_glass_ml"],
        "consolidation_ml": composition["consolidation_ml"],
        "effusion_ml": composition["effusion_ml"],
        "severity_score": measurements["severity_score"],
        "floor_ml": measurements["measurement_floor_ml"],
        "quality": measurements["quality"],
        "details": measurements,
    }
