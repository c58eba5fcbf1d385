"""Results as DICOM objects. What is built once for a revision is kept: a revision never changes."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import override

from portal.scans.errors import NotExportable
from portal.scans.files import MASK_KINDS, has_volume, mask_path, volume_key
from portal.scans.growth import Change
from portal.scans.ingest import materialise
from portal.scans.models import ScanKind, Segmentation
from portal.scans.report import report_pdf
from portal.scans.selectors import leading_change
from portal.scans.storage import exists, keep, keys_in, path_of, paths_of
from portal.scans.toolbox import ToolFailed, ToolRefused, run_tool, workplace, write_json
from portal.scans.wording import change_sentence


@dataclass(frozen=True, slots=True)
class DicomResult:
    """Files of one revision: Segmentation, structured report, and Secondary Captures in their order."""

    seg: Path
    sr: Path
    captures: tuple[Path, ...]


def dicom_result(revision: Segmentation) -> DicomResult:
    """SEG, SR and captures of one revision, compared with the earlier scan that the timeline compares with.

    Raises:
        NotExportable: the scan did not come as DICOM, or its files cannot be referred to.
    """
    change = leading_change(revision)
    against = change.before.revision if change else "alone"
    folder = f"{revision.folder}/dicom-{against}"
    if not exists(f"{folder}/seg.dcm"):
        context = _context(revision, change)
        _build(revision, folder, context, "--captures", *_volume_argument(revision))
    captures = [key for key in keys_in(folder) if key.startswith(f"{folder}/sc-")]
    return DicomResult(path_of(f"{folder}/seg.dcm"), path_of(f"{folder}/sr.dcm"), tuple(paths_of(captures).values()))


def encapsulated_report(revision: Segmentation) -> Path:
    """The PDF report of one revision, as it is now, as a DICOM object.

    Raises:
        NotExportable: the scan did not come as DICOM, or its files cannot be referred to.
    """
    with override(None):
        pdf = report_pdf(revision)
    folder = f"{revision.folder}/report-{hashlib.sha256(pdf).hexdigest()[:16]}"
    if not exists(f"{folder}/pdf.dcm"):
        with workplace() as place:
            (place / "report.pdf").write_bytes(pdf)
            _build(revision, folder, _context(revision, None), "--pdf", place / "report.pdf")
    return path_of(f"{folder}/pdf.dcm")


def _volume_argument(revision: Segmentation) -> tuple[str | Path, ...]:
    return ("--volume", path_of(volume_key(revision.scan))) if has_volume(revision.scan) else ()


def _build(revision: Segmentation, key: str, context: dict[str, Any], *arguments: str | Path) -> None:
    """Everything that the command writes, kept under `key`, the Segmentation last: it says that all is there."""
    if revision.scan.kind != ScanKind.DICOM:
        raise NotExportable(
            _("This scan came as a volume file; there is no DICOM series that a result could refer to.")
        )
    with workplace() as folder:
        result, out = folder / "result", folder / "out"
        result.mkdir()
        for kind in MASK_KINDS:
            (result / f"{kind}.nii.gz").symlink_to(mask_path(revision, kind))
        write_json(result / "measurements.json", revision.measurement.details)
        write_json(folder / "context.json", context)
        materialise(revision.scan, folder / "scan")
        try:
            run_tool("export", folder / "scan", result, "--out", out, "--context", folder / "context.json", *arguments)
        except ToolRefused as refusal:
            raise NotExportable(str(refusal)) from refusal
        except ToolFailed as failure:
            raise NotExportable(_("The DICOM result could not be built; tell the administrator.")) from failure
        for path in sorted(out.iterdir(), key=lambda path: path.name == "seg.dcm"):
            keep(path, f"{key}/{path.name}")


@override(None)
def _context(revision: Segmentation, change: Change | None) -> dict[str, Any]:
    growth = None
    if change is not None and change.growth is not None:
        growth = {"percent": 100 * change.growth, "hours": change.hours, "prior_revision": change.before.revision}
    reader = revision.author
    name = (reader.get_full_name() or reader.username) if reader else ""
    summary = [change_sentence(change)] if change is not None else []
    return {"revision": str(revision.pk), "reader": name, "growth": growth, "summary": summary}
