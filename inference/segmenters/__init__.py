"""What a method of segmentation offers to the pipeline around it, and the list of methods there are."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from inference.progress import OnProgress
from inference.quality import QualityNote
from inference.volume import Mask, Volume


class LungFinder(Protocol):
    """Finds lung in axial volumes: slices feet to head, patient's right on the image's left."""

    @property
    def closing_mm(self) -> float:
        """Dents of the lung narrower than twice this are closed afterwards."""
        ...

    def lung_probability(self, volume: Volume, on_progress: OnProgress) -> NDArray[np.uint8]:
        """Probability of lung for each voxel, axes z, y, x, 0..255 for 0..1."""
        ...


class InfectionFinder(Protocol):
    """Finds infection in an axial volume whose lungs are known."""

    def infection_kinds(self, volume: Volume, lung: Mask, on_progress: OnProgress) -> NDArray[np.uint8]:
        """`InfectionLabel` for each voxel, 0 where there is none; axes z, y, x. `lung` carries `LungLabel`."""
        ...

    def infection_saliency(self, volume: Volume, lung: Mask, z: int) -> NDArray[np.float32] | None:
        """How strongly each pixel (y, x) of a slice bears on its infection score: the gradient's size.

        None for a method that has no gradient.
        """
        ...


class LobeFinder(Protocol):
    """Parts known lungs into lobes."""

    def find_lobes(self, volume: Volume, lung: Mask) -> tuple[Mask, tuple[QualityNote, ...]]:
        """`LobeLabel` for each lung voxel, and what a reader must know about them."""
        ...


class Segmenter(LungFinder, InfectionFinder, LobeFinder, Protocol):
    """One loaded method that finds all three."""

    @property
    def joins_infection(self) -> bool:
        """Whether dense infection beside the lungs, which was not found as lung, belongs to them."""
        ...
