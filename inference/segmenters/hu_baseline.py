"""Thresholds in Hounsfield units and no learning: the "dirty labels" of Wu et al."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.catalogue import card_of
from inference.device import Device
from inference.labels import InfectionLabel
from inference.lobes import label_lobes
from inference.preprocess.morphology import open_in_plane
from inference.progress import OnProgress
from inference.quality import QualityNote
from inference.volume import Mask, Volume

#: Vessels and airway walls are thinner than a disk of this radius; patches of infection are not.
VESSEL_RADIUS_MM = 2.0


@dataclass(frozen=True, slots=True)
class HuBaseline:
    """Lung lies below `lung_hu`; what in the lung is not below `infection_hu`, and no vessel, is infected.

    From `lung_hu` on, infected lung counts as consolidation.
    """

    lung_hu: float
    infection_hu: float

    @property
    def closing_mm(self) -> float:
        """Vessels and dense infection at the surface are dents in a thresholded lung."""
        return 8.0

    @property
    def joins_infection(self) -> bool:
        """Infection is looked for in the lung alone."""
        return False

    def lung_probability(self, volume: Volume, on_progress: OnProgress) -> NDArray[np.uint8]:
        """255 below the lung threshold, else 0; body wall, bowel and room air are told apart afterwards."""
        probability = (volume.hu < self.lung_hu).view(np.uint8) * np.uint8(255)
        on_progress(1.0)
        return probability

    def infection_kinds(self, volume: Volume, lung: Mask, on_progress: OnProgress) -> NDArray[np.uint8]:
        """Ground-glass between the two thresholds, consolidation from the lung threshold on."""
        kinds = np.zeros(volume.hu.shape, np.uint8)
        depth = len(kinds)
        for z in range(depth):
            hu = volume.hu[z]
            dense = (lung.labels[z] > 0) & (hu >= self.infection_hu)
            infected = open_in_plane(dense[None], VESSEL_RADIUS_MM, volume.geometry.spacing_zyx_mm)[0]
            kinds[z][infected] = InfectionLabel.GROUND_GLASS
            kinds[z][infected & (hu >= self.lung_hu)] = InfectionLabel.CONSOLIDATION
            on_progress((z + 1) / depth)
        return kinds

    def infection_saliency(self, volume: Volume, lung: Mask, z: int) -> None:
        """A threshold has no gradient."""
        return

    def find_lobes(self, volume: Volume, lung: Mask) -> tuple[Mask, tuple[QualityNote, ...]]:
        """Lobes from the atlas: thresholds see no fissures."""
        return label_lobes(lung)


def load(name: str, device: str) -> HuBaseline:
    """The baseline with the thresholds of its card; it computes on the CPU whatever `device` says."""
    parameters = card_of(name)["parameters"]
    return HuBaseline(parameters["lung_hu"], parameters["infection_hu"])


def load_lung(part: dict[str, Any], file: None, device: Device) -> HuBaseline:
    """The baseline as a part of another pipeline."""
    return HuBaseline(part["lung_hu"], part["infection_hu"])


load_infection = load_lung
