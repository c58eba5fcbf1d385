"""Results as DICOM objects. What is built once for a revision is kept: a revision never changes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portal.scans.errors import NotExportable
from portal.scans.files import MASK_KINDS, mask_path
from portal.scans.growth import Change
from portal.scans.ingest import materialise
from portal.scans.models import ScanKind, Segmentation
from portal.scans.selectors import timeline_of
from portal.scans.storage import keep, path_of
from portal.scans.toolbox import ToolFailed, ToolRefused, run_tool, workplace, write_json


@dataclass(frozen=True, slots=True)
class DicomResult:
    """Files of one revision: Segmentation and structured report."""

    seg: Path
    sr: Path


def dicom_result(revision: Segmentation) -> DicomResult:
    """SEG and SR of one revision; the report compares with the earlier scan that the timeline compares with.

    Raises:
        NotExportable: the scan did not come as DICOM, or its files cannot be referred to.
    """
    if revision.scan.kind != ScanKind.DICOM:
        raise NotExportable("This scan came as a volume file; there is no DICOM series that a result could refer to.")
    change = leading_change(revision)
    against = change.before.revision if change else "alone"
    seg, sr = f"{revision.folder}/seg.dcm", f"{revision.folder}/sr-{against}.dcm"
    if not (path_of(seg).exists() and path_of(sr).exists()):
        _build(revision, change, seg_key=seg, sr_key=sr)
    return DicomResult(path_of(seg), path_of(sr))


def leading_change(revision: Segmentation) -> Change | None:
    """The comparison with an earlier scan to tell beside this revision: flagged first, then the steepest.

    None when the revision is not the one that counts, or there is nothing to compare with.
    """
    changes = [
        change
        for change in timeline_of(revision.scan.patient).assessment.changes
        if change.after.revision == str(revision.pk)
    ]
    return max(changes, key=lambda change: (change.flag is not None, change.growth or 0.0), default=None)


def _build(revision: Segmentation, change: Change | None, *, seg_key: str, sr_key: str) -> None:
    with workplace() as folder:
        result, out = folder / "result", folder / "out"
        result.mkdir()
        for kind in MASK_KINDS:
            (result / f"{kind}.nii.gz").symlink_to(mask_path(revision, kind))
        write_json(result / "measurements.json", revision.measurement.details)
        write_json(folder / "context.json", _context(revision, change))
        materialise(revision.scan, folder / "scan")
        try:
            run_tool("export", folder / "scan", result, "--out", out, "--context", folder / "context.json")
        except ToolRefused as refusal:
            raise NotExportable(str(refusal)) from refusal
        except ToolFailed as failure:
            raise NotExportable("The DICOM result could not be built; tell the administrator.") from failure
        keep(out / "seg.dcm", seg_key)
        keep(out / "sr.dcm", sr_key)


def _context(revision: Segmentation, change: Change | None) -> dict[str, Any]:
    growth = None
    if change is not None and change.growth is not None:
        growth = {"percent": 100 * change.growth, "hours": change.hours, "prior_revision": change.before.revision}
    reader = revision.author
    name = (reader.get_full_name() or reader.username) if reader else ""
    return {"revision": str(revision.pk), "reader": name, "growth": growth}
