"""`export`: the masks and measurements of a scan as DICOM SEG, SR, Secondary Captures and Encapsulated PDF."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from inference.dicom.captures import build_captures
from inference.dicom.encapsulated import build_encapsulated_report
from inference.dicom.report import Growth, build_report
from inference.dicom.revision import Revision
from inference.dicom.segmentation import build_segmentation
from inference.dicom.sources import Source, read_source
from inference.errors import UnreadableFile
from inference.io.masks import read_mask
from inference.io.pixels import read_series
from inference.volume import Volume


def run(options: argparse.Namespace) -> None:
    """Write `seg.dcm` and `sr.dcm`; with `--captures` also `sc-NNN.dcm`; with `--pdf FILE` only `pdf.dcm`.

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
    options.out.mkdir(parents=True, exist_ok=True)
    if options.pdf:
        _save(build_encapsulated_report(source, options.pdf.read_bytes(), revision), options.out / "pdf.dcm")
        return
    masks = {name: read_mask(result / f"{name}.nii.gz") for name in ("lung", "lobes", "infection")}
    segmentation = build_segmentation(source, masks, revision)
    _save(segmentation, options.out / "seg.dcm")
    _save(build_report(source, segmentation, measurements, revision, growth), options.out / "sr.dcm")
    if options.captures:
        summary = context.get("summary", ())
        images = build_captures(source, _volume(options, source), masks["infection"], measurements, revision, summary)
        for number, image in enumerate(images, start=1):
            _save(image, options.out / f"sc-{number:03d}.dcm")


def _volume(options: argparse.Namespace, source: Source) -> Volume:
    if options.volume is None:
        return read_series(source.header)
    return Volume(np.load(options.volume, mmap_mode="r", allow_pickle=False), source.header.geometry)


def _save(dataset: Dataset, path: Path) -> None:
    part = path.with_name(f"part-{path.name}")
    dataset.save_as(part, enforce_file_format=True)
    part.replace(path)


def _json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as trouble:
        raise UnreadableFile(f"{path} cannot be read as JSON.", files=[path.name]) from trouble
    return content
