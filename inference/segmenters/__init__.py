"""What a method of segmentation offers to the pipeline around it, and the list of methods there are."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from inference.progress import OnProgress
from inference.volume import Mask, Volume


class Segmenter(Protocol):
    """One loaded method. It sees axial volumes: slices feet to head, patient's right on the image's left."""

    @property
    def closing_mm(self) -> float:
        """Dents of the lung narrower than twice this are closed afterwards."""
        ...

    def lung_probability(self, volume: Volume, on_progress: OnProgress) -> NDArray[np.uint8]:
        """Probability of lung for each voxel, axes z, y, x, 0..255 for 0..1."""
        ...

    def infection_kinds(self, volume: Volume, lung: Mask, on_progress: OnProgress) -> NDArray[np.uint8]:
        """`InfectionLabel` for each voxel, 0 where there is none; axes z, y, x. `lung` carries `LungLabel`."""
        ...
