"""`export`: the masks and measurements of a scan as DICOM SEG and SR."""

import argparse
import json
from pathlib import Path
from typing import Any

from inference.dicom.report import Growth, build_report
from inference.dicom.segmentation import Revision, build_segmentation
from inference.dicom.sources import read_source
from inference.errors import UnreadableFile
from inference.io.masks import read_mask


def run(options: argparse.Namespace) -> None:
    """Write `seg.dcm` and `sr.dcm`.

    Raises:
        InferenceError: the scan did not come as DICOM, or scan, masks and measurements do not fit together.
    """
    result: Path = options.result
    measurements = _json(result / "measurements.json")
    context = _json(options.context) if options.context else {}
    pipeline = measurements["pipeline"]
    revision = Revision(
        key=context.get("revision") or f"{pipeline['sha256']} {options.scan.resolve()}",
        pipeline=pipeline["name"],
        version=pipeline["version"],
        reader=context.get("reader", ""),
    )
    growth = Growth(**context["growth"]) if context.get("growth") else None
    source = read_source(options.scan)
    masks = {name: read_mask(result / f"{name}.nii.gz") for name in ("lung", "lobes", "infection")}
    segmentation = build_segmentation(source, masks, revision)
    report = build_report(source, segmentation, measurements, revision, growth)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, dataset in (("seg.dcm", segmentation), ("sr.dcm", report)):
        part = options.out / f"part-{name}"
        dataset.save_as(part)
        part.replace(options.out / name)


def _json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as trouble:
        raise UnreadableFile(f"{path} cannot be read as JSON.", files=[path.name]) from trouble
    return content
