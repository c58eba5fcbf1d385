"""Lobes: the network and the atlas on synthetic CT of people whose maps trained neither, and on a patient's CT."""

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.catalogue import pipeline_named
from inference.device import Device, pick_device
from inference.evaluation.plots import lobe_panels
from inference.io import read_input, to_axial
from inference.labels import INFECTED_LABELS, LobeLabel
from inference.lobes import label_lobes
from inference.metrics import Confusion, hd95_mm
from inference.networks.ctsunet import CtsUNet
from inference.pipeline import analyse, find_lungs, load_segmenter
from inference.progress import Progress
from inference.training.config import TrainingConfig
from inference.training.fit import state_of
from inference.training.lobe_atlas import Frequencies, frequencies_in, mean_frequencies, painted, sides_of
from inference.training.lobes import found_lobes, lobe_maps, lobes_in
from inference.training.synthetic_ct import VOXEL_MM, LobeMap, synthetic_ct

RESULT = Path(__file__).parent / "results" / "lobes.json"
#: Seed of the imagined scans; training and validation use others.
SEED = 91
#: A lobe counts as infected on a slice from so many square millimetres on.
LEAST_MM2 = 50.0


def evaluate_lobes(config: TrainingConfig, checkpoint: Path) -> dict[str, Any]:
    """IoU and HD95 by lobe on the maps in `config.test`; writes and returns them.

    Lungs are those of the maps, for both methods. The atlas is built anew from the maps that are not tested.
    """
    network, place = CtsUNet(config.width), pick_device("auto")
    network.load_state_dict(state_of(checkpoint))
    network.eval().to(place.torch_device)
    maps = lobe_maps(Path(config.datasets) / "lobe_masks")
    atlas = _atlas_of([person for person in maps if person.name not in config.test])
    rng = np.random.default_rng(SEED)
    rows = [_row(network, place, atlas, person, rng) for person in maps if person.name in config.test]
    result = {
        "maps": [row["map"] for row in rows],
        "voxel_mm": VOXEL_MM,
        **{method: _means([row[method] for row in rows]) for method in ("network", "atlas")},
        "cases": rows,
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    return result


def _row(
    network: CtsUNet, place: Device, atlas: Frequencies, person: LobeMap, rng: np.random.Generator
) -> dict[str, Any]:
    truth = lobes_in(person.labels).numpy().astype(np.uint8)
    by_network = found_lobes(network, synthetic_ct(person, rng), person, place).numpy().astype(np.uint8)
    return {
        "map": person.name,
        "network": lobe_agreement(by_network, truth),
        "atlas": lobe_agreement(painted(sides_of(truth), atlas), truth),
    }


def lobe_agreement(found: NDArray[np.uint8], truth: NDArray[np.uint8]) -> dict[str, dict[str, float | None]]:
    """IoU and HD95 (mm, on the grid of the maps) by lobe."""
    result = {}
    for lobe in LobeLabel:
        pair = (found == lobe, truth == lobe)
        distance = hd95_mm(*pair, (VOXEL_MM, VOXEL_MM, VOXEL_MM))
        result[lobe.name] = {
            "iou": round(Confusion.of(*pair).metrics()["iou"] or 0.0, 4),
            "hd95_mm": None if distance is None else round(distance, 1),
        }
    return result


def _means(cases: list[dict[str, dict[str, float | None]]]) -> dict[str, Any]:
    iou = {lobe.name: round(float(np.mean([case[lobe.name]["iou"] for case in cases])), 4) for lobe in LobeLabel}
    far = [case[lobe.name]["hd95_mm"] for case in cases for lobe in LobeLabel if case[lobe.name]["hd95_mm"] is not None]
    mean = round(float(np.mean(list(iou.values()))), 4)
    return {"iou": {**iou, "mean": mean}, "hd95_mm": round(float(np.mean(far)), 1)}  # type: ignore[arg-type]


def _atlas_of(maps: list[LobeMap]) -> Frequencies:
    return mean_frequencies([frequencies_in(lobes_in(person.labels).numpy().astype(np.uint8)) for person in maps])


def add_marked_scan(scan: Path, marked: Path) -> dict[str, Any]:
    """Add the agreement with readers who marked, slice by slice from the head, which lobes are infected.

    Dice, sensitivity, specificity and PPV over all pairs of slice and lobe, lobes by `ctsunet` and by the atlas, both
    with the infection of the pipeline `ctsunet`.

    Raises:
        InferenceError: the scan cannot be read.
    """
    result: dict[str, Any] = json.loads(RESULT.read_text())
    received = read_input(scan)
    reading = replace(received, volume=to_axial(received.volume).volume)
    entry = pipeline_named("ctsunet")
    masks = analyse(reading, entry, load_segmenter(entry, "auto"), Progress()).masks
    by_atlas, _ = label_lobes(masks.lung)
    infected = np.isin(masks.infection.labels, INFECTED_LABELS)
    with marked.open() as file:
        lines = [[line[lobe.name] == "1" for lobe in LobeLabel] for line in csv.DictReader(file)]
    truth = np.asarray(lines[::-1], np.bool_)
    _, height_mm, width_mm = reading.volume.geometry.spacing_zyx_mm
    result["patient"] = {
        name: slice_agreement(infected, lobes, truth, height_mm * width_mm)
        for name, lobes in (("ctsunet", masks.lobes.labels), ("atlas", by_atlas.labels))
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    return result


def draw_lobes(scans: Sequence[Path], path: Path) -> None:
    """A picture of the lobes that the pipeline `ctsunet` finds in scans.

    Raises:
        InferenceError: a scan cannot be read.
    """
    entry = pipeline_named("ctsunet")
    segmenter, shown = load_segmenter(entry, "auto"), []
    for scan in scans:
        axial = to_axial(read_input(scan).volume).volume
        lobes, _ = segmenter.find_lobes(axial, find_lungs(axial, segmenter))
        shown.append((axial, lobes.labels))
    lobe_panels(shown, path)


def slice_agreement(
    infected: NDArray[np.bool_], lobes: NDArray[np.uint8], truth: NDArray[np.bool_], pixel_mm2: float
) -> dict[str, float | None]:
    """Agreement of infected lobes (z, y, x) with marks (slice, lobe), over all pairs of slice and lobe."""
    areas = [np.count_nonzero(infected & (lobes == lobe), axis=(1, 2)) * pixel_mm2 for lobe in LobeLabel]
    metrics = Confusion.of(np.stack(areas, axis=1) > LEAST_MM2, truth).metrics()
    return {key: metrics[key] for key in ("dice", "sensitivity", "specificity", "ppv")}
