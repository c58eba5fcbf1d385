"""`register`: lay an earlier scan onto a later one and compare their infection."""

import argparse
import json
from pathlib import Path

import numpy as np

from inference.commands.segment import write_json
from inference.errors import UnreadableFile
from inference.geometry import Geometry
from inference.io.masks import read_mask, write_mask
from inference.registration import Snapshot, growth_map, register, slice_pairs, summary
from inference.volume import Volume

LINE = '{{"stage": "registering", "percent": {percent}}}'


def run(options: argparse.Namespace) -> None:
    """Write `registration.json`, `growth.nii.gz` and the transform.

    Raises:
        InferenceError: with one sentence, when a scan cannot be read or has no lungs.
    """
    current, prior = _snapshot(options.current), _snapshot(options.prior)

    def report(share: float) -> None:
        if options.progress:
            print(LINE.format(percent=round(100 * share)), flush=True)

    found = register(current, prior, report)
    growth = growth_map(current, prior, found)
    report(1.0)
    options.out.mkdir(parents=True, exist_ok=True)
    write_mask(growth, options.out / "growth.nii.gz")
    pairs = slice_pairs(found, current.volume.geometry, prior.volume.geometry, current.lung)
    write_json(options.out / "registration.json", {**summary(found, growth), "prior_slice_of": pairs})


def _snapshot(folder: Path) -> Snapshot:
    try:
        geometry = Geometry.from_dict(json.loads((folder / "geometry.json").read_text()))
        hu = np.load(folder / "volume.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, KeyError, TypeError) as trouble:
        raise UnreadableFile(f"The slices in {folder.name} cannot be read; analyse the scan again.") from trouble
    lung, infection = (read_mask(folder / f"{name}.nii.gz") for name in ("lung", "infection"))
    return Snapshot(Volume(hu, geometry), lung, infection)
