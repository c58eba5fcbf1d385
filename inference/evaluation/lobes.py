"""Lobes on synthetic CT of people whose maps trained nothing, and on a patient's CT: by networks and by the atlas."""

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from inference.catalogue import pipeline_named
from inference.device import Device, pick_device
from inference.errors import BadConfiguration
from inference.evaluation.plots import lobe_panels
from inference.io import read_input, to_axial
from inference.labels import INFECTED_LABELS, LobeLabel
from inference.lobes import label_lobes
from inference.metrics import Confusion, hd95_mm
from inference.networks.ctsunet import CtsUNet
from inference.networks.fissures import fissure_network
from inference.pipeline import analyse, find_lungs, load_segmenter
from inference.preprocess.chest import Chest
from inference.progress import Progress
from inference.training.config import TrainingConfig
from inference.training.fit import state_of
from inference.training.lobe_atlas import Frequencies, frequencies_in, mean_frequencies, painted, sides_of
from inference.training.lobes import found_lobes, lobe_maps, lobes_in
from inference.training.synthetic_ct import VOXEL_MM, LobeMap, synthetic_ct

RESULT = Path(__file__).parent / "results" / "lobes.json"
#: By CTSU-Net alone, led up to the fissures, and by the atlas.
METHODS = ("network", "walked", "atlas")
Network = TypeVar("Network", bound=nn.Module)
#: Seed of the imagined scans; training and validation use others.
SEED = 91
#: A lobe counts as infected on a slice from so many square millimetres on.
LEAST_MM2 = 50.0


def evaluate_lobes(config: TrainingConfig, checkpoint: Path, fissures: tuple[TrainingConfig, Path]) -> dict[str, Any]:
    """IoU and HD95 by lobe on the maps in `config.test`; writes and returns them.

    Measured are the network alone, led up to the fissures that another network sees, and the atlas. Lungs are those of
    the maps, for all methods. The atlas is built anew from the maps that are not tested.

    Raises:
        BadConfiguration: the network for fissures was trained on people who are tested here.
    """
    if missing := set(config.test) - set(fissures[0].test):
        raise BadConfiguration(f"{fissures[0].name} learned from lobe map {min(missing)}, which is to be tested.")
    place = pick_device("auto")
    network = _loaded(CtsUNet(config.width), checkpoint, place)
    walls = _loaded(fissure_network(fissures[0].base_channels), fissures[1], place)
    maps = lobe_maps(Path(config.datasets) / "lobe_masks")
    atlas = _atlas_of([person for person in maps if person.name not in config.test])
    rng = np.random.default_rng(SEED)
    rows: list[dict[str, Any]] = []
    for person in (person for person in maps if person.name in config.test):
        hu, truth = synthetic_ct(person, rng), _labels_of(lobes_in(person.labels))
        found = {
            "network": _labels_of(found_lobes(network, hu, person, place)),
            "walked": _labels_of(found_lobes(network, hu, person, place, walls)),
            "atlas": painted(sides_of(truth), atlas),
        }
        rows.append({"map": person.name, **{name: lobe_agreement(labels, truth) for name, labels in found.items()}})
    result = {
        "maps": [row["map"] for row in rows],
        "voxel_mm": VOXEL_MM,
        **{method: _means([row[method] for row in rows]) for method in METHODS},
        "cases": rows,
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    return result


def _loaded(network: Network, checkpoint: Path, place: Device) -> Network:
    network.load_state_dict(state_of(checkpoint))
    network.eval().to(place.torch_device)
    return network


def _labels_of(lobes: Tensor) -> NDArray[np.uint8]:
    result: NDArray[np.uint8] = lobes.numpy().astype(np.uint8)
    return result


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
    return mean_frequencies([frequencies_in(_labels_of(lobes_in(person.labels))) for person in maps])


def add_marked_scan(scan: Path, marked: Path) -> dict[str, Any]:
    """Add the agreement with readers who marked, slice by slice from the head, which lobes are infected.

    Dice, sensitivity, specificity and PPV over all pairs of slice and lobe, lobes by the pipelines `ctsunet` and
    `lungtrend` and by the atlas, all with lungs and infection of `ctsunet`.

    Raises:
        InferenceError: the scan cannot be read.
    """
    result: dict[str, Any] = json.loads(RESULT.read_text())
    received = read_input(scan)
    reading = replace(received, volume=to_axial(received.volume).volume)
    entry = pipeline_named("ctsunet")
    masks = analyse(reading, entry, load_segmenter(entry, "auto"), Progress()).masks
    by_atlas, _ = label_lobes(masks.lung)
    walked, _ = load_segmenter(pipeline_named("lungtrend"), "auto").find_lobes(reading.volume, masks.lung)
    found = (("ctsunet", masks.lobes), ("lungtrend", walked), ("atlas", by_atlas))
    infected = np.isin(masks.infection.labels, INFECTED_LABELS)
    with marked.open() as file:
        lines = [[line[lobe.name] == "1" for lobe in LobeLabel] for line in csv.DictReader(file)]
    truth = np.asarray(lines[::-1], np.bool_)
    _, height_mm, width_mm = reading.volume.geometry.spacing_zyx_mm
    result["patient"] = {
        name: slice_agreement(infected, lobes.labels, truth, height_mm * width_mm) for name, lobes in found
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    return result


def draw_lobes(scans: Sequence[Path], path: Path) -> None:
    """A picture of the lobes that the pipeline `lungtrend` finds in scans.

    Raises:
        InferenceError: a scan cannot be read.
    """
    entry = pipeline_named("lungtrend")
    segmenter, shown = load_segmenter(entry, "auto"), []
    for scan in scans:
        axial = to_axial(read_input(scan).volume).volume
        lobes, _ = segmenter.find_lobes(axial, find_lungs(axial, Chest.survey(axial), segmenter))
        shown.append((axial, lobes.labels))
    lobe_panels(shown, path)


def slice_agreement(
    infected: NDArray[np.bool_], lobes: NDArray[np.uint8], truth: NDArray[np.bool_], pixel_mm2: float
) -> dict[str, float | None]:
    """Agreement of infected lobes (z, y, x) with marks (slice, lobe), over all pairs of slice and lobe."""
    areas = [np.count_nonzero(infected & (lobes == lobe), axis=(1, 2)) * pixel_mm2 for lobe in LobeLabel]
    metrics = Confusion.of(np.stack(areas, axis=1) > LEAST_MM2, truth).metrics()
    return {key: metrics[key] for key in ("dice", "sensitivity", "specificity", "ppv")}
