"""What every clean-up step needs to know about a scan, found once."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from inference.preprocess.airways import trachea_and_main_bronchi
from inference.preprocess.body import inside_of_body
from inference.preprocess.coarse import CoarseGrid
from inference.volume import Volume


@dataclass(frozen=True, slots=True, eq=False)
class Chest:
    """An axial scan on its coarse grid; every array has `grid.shape_zyx`.

    `hu` are block means, `inside` is what lies inside the body wall, `airways` trachea and main bronchi
    without their walls, `midline_x` the column of the patient's midline.
    """

    grid: CoarseGrid
    hu: NDArray[np.float32]
    inside: NDArray[np.bool_]
    airways: NDArray[np.bool_]
    midline_x: float

    @classmethod
    def survey(cls, volume: Volume) -> Self:
        """Look over an axial scan."""
        grid = CoarseGrid.of(volume.geometry)
        hu = grid.mean(volume.hu)
        inside = inside_of_body(hu, grid.spacing_zyx_mm)
        airways = trachea_and_main_bronchi(hu, grid.spacing_zyx_mm, inside)
        middle = airways if airways.any() else inside
        columns = middle.sum(axis=(0, 1))
        midline_x = float(np.average(np.arange(columns.size), weights=columns)) if columns.any() else columns.size / 2
        return cls(grid, hu, inside, airways, midline_x)
