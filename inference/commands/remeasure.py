"""`remeasure`: check corrected masks and measure them."""

import argparse
import json
from pathlib import Path

import numpy as np

from inference.commands.segment import write_json
from inference.correction import corrected, remeasured
from inference.errors import UnreadableFile
from inference.geometry import Geometry
from inference.io.masks import read_mask, write_mask
from inference.volume import Volume


def run(options: argparse.Namespace) -> None:
    """Write the settled masks and their `measurements.json`.

    Raises:
        InferenceError: with one sentence, when masks and scan do not fit together.
    """
    folder: Path = options.masks
    try:
        geometry = Geometry.from_dict(json.loads((folder / "geometry.json").read_text()))
        before = json.loads((folder / "measurements.json").read_text())
        hu = np.load(options.volume, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, KeyError, TypeError) as trouble:
        raise UnreadableFile("The scan or its earlier measurements cannot be read.") from trouble
    volume = Volume(hu, geometry)
    masks = corrected(volume, {name: read_mask(folder / f"{name}.nii.gz") for name in ("lung", "lobes", "infection")})
    options.out.mkdir(parents=True, exist_ok=True)
    for name in ("lung", "lobes", "infection"):
        write_mask(getattr(masks, name), options.out / f"{name}.nii.gz")
    write_json(options.out / "measurements.json", remeasured(volume, masks, before))
