"""A reader's masks: what is wrong with them is said, what follows from them is settled."""

import numpy as np
import pytest

from inference.correction import corrected, remeasured
from inference.errors import BadMask
from inference.geometry import Geometry
from inference.volume import Mask, Volume
from tests.samples import measurements_of

GRID = Geometry((6, 20, 30), (2.0, 1.0, 1.0))


def mask(**boxes: tuple[slice, ...]) -> Mask:
    labels = np.zeros(GRID.shape_zyx, np.uint8)
    for label, box in boxes.items():
        labels[box] = int(label[1:])
    return Mask(labels, GRID)


RIGHT, LEFT = np.s_[:, 5:15, 2:12], np.s_[:, 5:15, 18:28]
VOLUME = Volume(np.full(GRID.shape_zyx, -800, np.int16), GRID)


def on_grid(masks: dict[str, Mask], shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> Mask:
    return Mask(masks["lung"].labels[: shape[0]], Geometry(shape, spacing))


@pytest.fixture
def masks() -> dict[str, Mask]:
    upper, lower, right, left = np.s_[:3], np.s_[3:], np.s_[5:15, 2:12], np.s_[5:15, 18:28]
    lobes = mask(_1=(upper, *right), _3=(lower, *right), _4=(upper, *left), _5=(lower, *left))
    return {"lung": mask(_1=RIGHT, _2=LEFT), "lobes": lobes, "infection": mask(_1=np.s_[1:3, 6:9, 4:9])}


def test_new_lung_joins_the_nearest_lobe_of_its_side(masks) -> None:
    masks["lung"].labels[:, 5:15, 12:15] = 1
    lobes = corrected(VOLUME, masks).lobes.labels
    assert set(np.unique(lobes[:3, 5:15, 12:15])) == {1}
    assert set(np.unique(lobes[3:, 5:15, 12:15])) == {3}


def test_lung_that_was_taken_away_takes_lobe_and_infection_along(masks) -> None:
    masks["lung"].labels[1:3, 6:9, 4:9] = 0
    settled = corrected(VOLUME, masks)
    assert not settled.infection.labels.any()
    assert not settled.lobes.labels[settled.lung.labels == 0].any()


def test_effusion_lies_outside_the_lung(masks) -> None:
    masks["infection"].labels[4, 0:3, 0:3] = 3
    assert np.count_nonzero(corrected(VOLUME, masks).infection.labels == 3) == 9


def test_the_figures_follow_the_masks(masks) -> None:
    before = measurements_of(3.0)
    after = remeasured(VOLUME, corrected(VOLUME, masks), before)
    assert after["infected_ml"] == pytest.approx(2 * 3 * 5 * 2.0 / 1000)
    assert after["lung_ml"] == pytest.approx(2 * 6 * 10 * 10 * 2.0 / 1000)
    assert after["pipeline"] == before["pipeline"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda m: m["infection"].labels.__setitem__((0, 0, 0), 9), "holds the label 9"),
        (lambda m: m["lung"].labels.fill(0), "lung is empty"),
        (
            lambda m: m.update(lung=Mask(m["lung"].labels, Geometry(GRID.shape_zyx, (2.0, 1.1, 1.0)))),
            "another position",
        ),
        (lambda m: m.update(lung=on_grid(m, (6, 20, 30), (2.0, 1.1, 1.0))), "another position"),
        (lambda m: m.update(lung=on_grid(m, (5, 20, 30), (2.0, 1.0, 1.0))), "30 x 20 x 5"),
    ],
)
def test_masks_that_do_not_fit_are_refused(masks, spoil, words: str) -> None:
    spoil(masks)
    with pytest.raises(BadMask, match=words):
        corrected(VOLUME, masks)
