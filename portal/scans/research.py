"""Scans as research sets without names: for training, and for work elsewhere.

A patient has the same pseudonym in every export of this portal. Names, numbers and dates of patients stay behind; what
stays of time is the hours between scans.
"""

import hashlib
import hmac
import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from django.conf import settings

from inference.geometry import Geometry
from inference.io import write_volume
from inference.volume import Volume
from portal.accounts.audit import record
from portal.accounts.models import AuditAction, User
from portal.patients.models import Patient
from portal.scans.access import visible_scans
from portal.scans.current import current_segmentation
from portal.scans.errors import NotExportable
from portal.scans.exports import dicom_result
from portal.scans.files import has_volume, mask_path, volume_key
from portal.scans.ingest import materialise
from portal.scans.models import Origin, Scan, ScanKind, Segmentation
from portal.scans.storage import path_of
from portal.scans.toolbox import ToolFailed, ToolRefused, run_tool, workplace, write_json

#: Read by `inference.training.layouts.portal_cases`.
MANIFEST_NAME = "cases.json"
PSEUDONYM_LENGTH = 12
#: Dates of a patient are moved into the past by between one and ten years.
SHORTEST_SHIFT_DAYS, SHIFT_RANGE_DAYS = 365, 3285
#: Figures that say nothing of a person; the rest of `measurements.json` is about this installation's run.
FIGURES = (
    *("lung_ml", "infected_ml", "poi_percent", "lungs", "lobes", "composition", "severity_score"),
    *("high_opacity_percent", "pipeline"),
)


@dataclass(frozen=True, slots=True)
class ResearchCase:
    """A scan with the revision that counts, under its pseudonyms. `hours` since the patient's first scan."""

    scan: Scan
    revision: Segmentation
    hours: float | None

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"case-{_pseudonym(self.revision.pk)}"

    @property
    def patient(self) -> str:
        """Pseudonym of the patient."""
        return f"patient-{_pseudonym(self.scan.patient_id)}"

    def row(self) -> dict[str, Any]:
        """Line of the manifest."""
        details = self.revision.measurement.details
        return {
            "case": self.name,
            "patient": self.patient,
            "hours": self.hours,
            "corrected": self.revision.origin == Origin.READER,
            "measurements": {name: details[name] for name in FIGURES if name in details},
        }


Writer = Callable[[ResearchCase, Path], list[str]]


def export_training_cases(*, by: User, target: Path) -> int:
    """Write every corrected scan that `by` may see; returns how many. Scans that are there already are skipped.

    A case is a folder with `image.nii.gz` (HU), `lung.nii.gz` and `infection.nii.gz`, and a line in `cases.json`.
    Each case is on record in the audit trail.
    """
    cases = [case for case in _cases(visible_scans(by)) if case.revision.origin == Origin.READER]
    return _export(cases, target, _write_nifti, by=by, via="export_training_cases")


def export_research_set(
    *, by: User, patients: Iterable[Patient], target: Path, form: str = "nifti", keeps_characteristics: bool = False
) -> int:
    """Write every measured scan of the patients, as far as `by` may see them; returns how many are new.

    `nifti`: cases as `export_training_cases` writes them, with lobes. `dicom`: a folder `ct` with the series and the
    Segmentation `seg.dcm`, de-identified by the basic profile of PS3.15 with dates shifted by whole days. The manifest
    `cases.json` has pseudonyms, hours since the patient's first scan, figures, and warnings of burned-in text.
    """
    cases = _cases(visible_scans(by).filter(patient__in=patients))
    if form == "nifti":
        return _export(cases, target, _write_nifti, by=by, via="export_research_set")

    def write_dicom(case: ResearchCase, folder: Path) -> list[str]:
        return _write_dicom(case, folder, keeps_characteristics)

    fitting = [case for case in cases if case.scan.kind == ScanKind.DICOM]
    return _export(fitting, target, write_dicom, by=by, via="export_research_set")


def _cases(scans: Any) -> list[ResearchCase]:
    cases = []
    first: dict[UUID, Any] = {}
    for scan in scans.select_related("patient").order_by("patient_id", "acquired_at", "created_at"):
        start = first.setdefault(scan.patient_id, scan.acquired_at)
        revision = current_segmentation(scan)
        if revision is None or not has_volume(scan):
            continue
        hours = (scan.acquired_at - start).total_seconds() / 3600 if scan.acquired_at and start else None
        cases.append(ResearchCase(scan, revision, hours))
    return cases


def _export(cases: Iterable[ResearchCase], target: Path, write: Writer, *, by: User, via: str) -> int:
    target.mkdir(parents=True, exist_ok=True)
    known = _known_rows(target)
    rows: list[dict[str, Any]] = []
    written = 0
    for case in cases:
        folder = target / case.name
        if folder.exists():
            rows.append({**case.row(), "warnings": known.get(case.name, {}).get("warnings", [])})
            continue
        part = target / f"part-{case.name}"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        warnings = write(case, part)
        part.replace(folder)
        rows.append({**case.row(), "warnings": warnings})
        record(
            AuditAction.DOWNLOAD,
            by=by,
            subject=case.scan,
            patient=case.scan.patient,
            revision=case.revision.number,
            via=via,
        )
        written += 1
    (target / MANIFEST_NAME).write_text(json.dumps({"cases": rows}, indent=1) + "\n")
    return written


def _known_rows(target: Path) -> dict[str, dict[str, Any]]:
    try:
        return {row["case"]: row for row in json.loads((target / MANIFEST_NAME).read_text())["cases"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _write_nifti(case: ResearchCase, folder: Path) -> list[str]:
    hu = np.load(path_of(volume_key(case.scan)), mmap_mode="r", allow_pickle=False)
    write_volume(Volume(hu, Geometry.from_dict(case.scan.geometry)), folder / "image.nii.gz")
    for kind in ("lung", "lobes", "infection"):
        shutil.copyfile(mask_path(case.revision, kind), folder / f"{kind}.nii.gz")
    return []


def _write_dicom(case: ResearchCase, folder: Path, keeps_characteristics: bool) -> list[str]:
    with workplace() as place:
        materialise(case.scan, place / "ct")
        (place / "seg").mkdir()
        (place / "seg" / "seg.dcm").symlink_to(dicom_result(case.revision).seg)
        plan = {
            "patient": case.patient,
            "shift_days": _shift_days(case.scan.patient_id),
            "key": _keyed("uid").hex(),
            "keeps_characteristics": keeps_characteristics,
        }
        write_json(place / "plan.json", plan)
        told = ""
        for name in ("ct", "seg"):
            try:
                told += run_tool("deidentify", place / name, "--out", folder / name, "--plan", place / "plan.json")
            except (ToolRefused, ToolFailed) as trouble:
                raise NotExportable(f"A scan could not be de-identified: {trouble}") from trouble
    by_file = [found for line in told.splitlines() for found in json.loads(line)["warnings"].values()]
    return sorted({sentence for found in by_file for sentence in found})


def _shift_days(patient: UUID) -> int:
    return -(SHORTEST_SHIFT_DAYS + int.from_bytes(_keyed(f"days {patient}")[:4], "big") % SHIFT_RANGE_DAYS)


def _pseudonym(key: UUID) -> str:
    return hmac.new(settings.SECRET_KEY.encode(), key.bytes, hashlib.sha256).hexdigest()[:PSEUDONYM_LENGTH]


def _keyed(purpose: str) -> bytes:
    return hmac.new(settings.SECRET_KEY.encode(), f"research {purpose}".encode(), hashlib.sha256).digest()
