import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.geometry import Geometry
from inference.preprocess.coarse import CoarseGrid


def grid(shape: tuple[int, int, int], factors: tuple[int, int, int]) -> CoarseGrid:
    return CoarseGrid(shape, (1.0, 1.0, 1.0), factors)


def test_thin_slices_and_small_pixels_become_larger_and_coarse_ones_stay() -> None:
    fine = CoarseGrid.of(Geometry((300, 512, 512), (1.0, 0.7, 0.7)))
    assert fine.factors_zyx == (2, 2, 2)
    assert fine.spacing_zyx_mm == (2.0, 1.4, 1.4)
    assert CoarseGrid.of(Geometry((40, 256, 256), (6.0, 1.4, 1.4))).factors_zyx == (1, 1, 1)


def test_blocks_at_the_far_edge_average_what_there_is_of_them() -> None:
    values = np.arange(3 * 3 * 5).reshape(3, 3, 5)
    means = grid((3, 3, 5), (2, 2, 2)).mean(values)
    assert means.shape == (2, 2, 3)
    assert means[0, 0, 0] == pytest.approx(values[:2, :2, :2].mean())
    assert means[1, 1, 2] == values[2, 2, 4]
    assert means[0, 1, 2] == pytest.approx(values[:2, 2, 4].mean())


@given(
    st.tuples(*[st.integers(1, 7)] * 3),
    st.tuples(*[st.integers(1, 4)] * 3),
)
def test_a_coarse_plane_covers_the_full_plane(shape: tuple[int, int, int], factors: tuple[int, int, int]) -> None:
    coarse = grid(shape, factors)
    plane = np.arange(coarse.shape_zyx[1] * coarse.shape_zyx[2]).reshape(coarse.shape_zyx[1:])
    spread = coarse.expand_slice(plane)
    assert spread.shape == shape[1:]
    y, x = np.indices(shape[1:])
    assert np.array_equal(spread, plane[y // factors[1], x // factors[2]])
    assert [z for _, covered in coarse.slabs() for z in range(shape[0])[covered]] == list(range(shape[0]))
