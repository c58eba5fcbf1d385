"""`deidentify`: DICOM files without a person."""

import argparse
import json
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from inference.dicom.deidentification import Pseudonym, deidentify
from inference.errors import UnreadableFile


def run(options: argparse.Namespace) -> None:
    """Write every file of a folder, under names of our own, and print warnings as JSON.

    Raises:
        UnreadableFile: a file is no DICOM, or the key is missing.
    """
    who = _pseudonym(options.plan)
    options.out.mkdir(parents=True, exist_ok=True)
    warnings: dict[str, list[str]] = {}
    for number, path in enumerate(sorted(options.folder.iterdir()), start=1):
        target = options.out / f"{number:06d}.dcm"
        dataset = _read(path)
        if found := deidentify(dataset, who):
            warnings[target.name] = found
        dataset.save_as(target, enforce_file_format=True)
    print(json.dumps({"warnings": warnings}))


def _read(path: Path) -> Dataset:
    try:
        return pydicom.dcmread(path)
    except (InvalidDicomError, OSError) as damage:
        raise UnreadableFile(f"{path.name} is no DICOM file.", files=[path.name]) from damage


def _pseudonym(path: Path) -> Pseudonym:
    try:
        plan = json.loads(path.read_text())
        return Pseudonym(
            patient=str(plan["patient"]),
            shift_days=int(plan["shift_days"]),
            key=bytes.fromhex(plan["key"]),
            keeps_characteristics=bool(plan.get("keeps_characteristics", False)),
        )
    except (OSError, ValueError, KeyError, TypeError) as lack:
        raise UnreadableFile(f"{path.name} must hold patient, shift_days and key (hexadecimal).") from lack
