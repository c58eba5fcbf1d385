"""Pipelines put together from parts: a model card names how lung, infection and lobes are found."""

import importlib
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inference.catalogue import card_of
from inference.device import Device, pick_device
from inference.labels import InfectionLabel
from inference.progress import OnProgress, part_of
from inference.quality import QualityNote
from inference.segmenters import InfectionFinder, LobeFinder, LungFinder
from inference.volume import Mask, Volume

#: Where each method of a model card lives. A module offers `load_lung`, `load_infection`, `load_lobes`,
#: `load_effusion` or `load_candidates`, each called with the part, its file and the device. A part with several
#: networks gets all files of the card.
METHODS = {
    "thresholds": "inference.segmenters.hu_baseline",
    "slices": "inference.segmenters.slices",
    "averaged-slices": "inference.segmenters.averaged",
    "fluid-slices": "inference.segmenters.effusion",
    "cubes": "inference.segmenters.cubes",
    "atlas": "inference.segmenters.atlas",
    "ctsunet": "inference.segmenters.lobes",
    "resnet18": "inference.segmenters.candidates",
}


class Judge(Protocol):
    """Drops candidates of infection that are healthy tissue."""

    def without_healthy(self, volume: Volume, kinds: NDArray[np.uint8], on_progress: OnProgress) -> NDArray[np.uint8]:
        """`InfectionLabel` map without them."""
        ...


class EffusionFinder(Protocol):
    """Finds pleural effusion in an axial volume whose lungs are known."""

    def find_effusion(self, volume: Volume, lung: Mask, on_progress: OnProgress) -> NDArray[np.bool_]:
        """Voxels of fluid outside the lungs, axes z, y, x."""
        ...


@dataclass(frozen=True, slots=True)
class Composed:
    """One segmenter out of three finders, and perhaps a filter of candidates (Wu et al.)."""

    lung: LungFinder
    infection: InfectionFinder
    lobes: LobeFinder
    joins_infection: bool = False

    @property
    def closing_mm(self) -> float:
        """As the lung finder needs it."""
        return self.lung.closing_mm

    def lung_probability(self, volume: Volume, on_progress: OnProgress) -> NDArray[np.uint8]:
        """Probability of lung, 0..255, axes z, y, x."""
        return self.lung.lung_probability(volume, on_progress)

    def infection_kinds(self, volume: Volume, lung: Mask, on_progress: OnProgress) -> NDArray[np.uint8]:
        """`InfectionLabel` for each voxel."""
        return self.infection.infection_kinds(volume, lung, on_progress)

    def infection_saliency(self, volume: Volume, lung: Mask, z: int) -> NDArray[np.float32] | None:
        """Of the infection finder."""
        return self.infection.infection_saliency(volume, lung, z)

    def find_lobes(self, volume: Volume, lung: Mask) -> tuple[Mask, tuple[QualityNote, ...]]:
        """`LobeLabel` for each lung voxel, and what a reader must know about them."""
        return self.lobes.find_lobes(volume, lung)


@dataclass(frozen=True, slots=True)
class Filtered:
    """An infection finder whose candidates a classifier judges."""

    finder: InfectionFinder
    judge: Judge

    def infection_kinds(self, volume: Volume, lung: Mask, on_progress: OnProgress) -> NDArray[np.uint8]:
        """What the finder found, without the candidates judged healthy."""
        kinds = self.finder.infection_kinds(volume, lung, part_of(on_progress, 0.0, 0.7))
        kinds[lung.labels == 0] = 0
        return self.judge.without_healthy(volume, kinds, part_of(on_progress, 0.7, 1.0))

    def infection_saliency(self, volume: Volume, lung: Mask, z: int) -> NDArray[np.float32] | None:
        """Of the finder: it says where to look, the judge only drops."""
        return self.finder.infection_saliency(volume, lung, z)


@dataclass(frozen=True, slots=True)
class WithEffusion:
    """An infection finder, and another one that finds effusion around the lungs."""

    finder: InfectionFinder
    effusion: EffusionFinder

    def infection_kinds(self, volume: Volume, lung: Mask, on_progress: OnProgress) -> NDArray[np.uint8]:
        """What the finder found in the lungs, and effusion outside them."""
        kinds = self.finder.infection_kinds(volume, lung, part_of(on_progress, 0.0, 0.8))
        fluid = self.effusion.find_effusion(volume, lung, part_of(on_progress, 0.8, 1.0))
        kinds[fluid] = InfectionLabel.EFFUSION
        return kinds

    def infection_saliency(self, volume: Volume, lung: Mask, z: int) -> NDArray[np.float32] | None:
        """Of the infection finder."""
        return self.finder.infection_saliency(volume, lung, z)


def load(name: str, device: str) -> Composed:
    """The pipeline of a model card.

    Raises:
        MissingWeights: a file is absent or not the one the card names.
    """
    card = card_of(name)
    parts, files, place = card["parameters"], card["files"], pick_device(device)
    infection: InfectionFinder = _finder("infection", parts, files, place)
    if "candidates" in parts:
        infection = Filtered(infection, _finder("candidates", parts, files, place))
    if "effusion" in parts:
        infection = WithEffusion(infection, _finder("effusion", parts, files, place))
    lung, lobes = (_finder(role, parts, files, place) for role in ("lung", "lobes"))
    return Composed(lung, infection, lobes, parts["lung"].get("joins_infection", False))


def _finder(role: str, parts: dict[str, Any], files: dict[str, Any], device: Device) -> Any:
    """Load one part; only the modules that a pipeline needs are imported, some take seconds."""
    part = parts[role]
    module = importlib.import_module(METHODS[part["method"]])
    return getattr(module, f"load_{role}")(part, files if "networks" in part else files.get(role), device)
