"""What tests of training share."""

from pathlib import Path

import numpy as np
import pytest

from inference.preprocess.lobe_grid import FINE_ZYX
from inference.training.config import TrainingConfig
from inference.training.synthetic_ct import AIRWAYS, LobeMap


@pytest.fixture
def config(tmp_path: Path) -> TrainingConfig:
    """A training of seconds."""
    return TrainingConfig(
        name="tiny",
        task="infection",
        datasets="",
        test=[],
        validation=["b"],
        out=str(tmp_path),
        base_channels=4,
        batch_size=4,
        steps=12,
        validate_every=6,
    )


@pytest.fixture(scope="session")
def person() -> LobeMap:
    """Two ellipsoids; the right one in three lobes, the left one in two."""
    z, y, x = (
        np.linspace(-1, 1, size)[index] for size, index in zip(FINE_ZYX, np.ix_(*map(range, FINE_ZYX)), strict=True)
    )
    labels = np.zeros(FINE_ZYX, np.uint8)
    for middle, names in ((-0.5, (3, 2, 1)), (0.5, (5, 4))):
        inside = (z / 0.9) ** 2 + (y / 0.85) ** 2 + ((x - middle) / 0.42) ** 2 < 1
        level = np.clip(((z + 0.9) / 1.8 * len(names)).astype(int), 0, len(names) - 1)
        labels[inside] = np.broadcast_to(np.asarray(names)[level], FINE_ZYX)[inside]
    labels[100:, 44:52, 60:68] = AIRWAYS
    return LobeMap.of("made", labels)
