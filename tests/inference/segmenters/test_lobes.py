"""Lobes by networks: led up to fissures where those are seen, else as the first network says."""

import numpy as np
import pytest
import torch

from inference.device import pick_device
from inference.labels import LobeLabel, LungLabel
from inference.networks.ctsunet import LOBE_CLASSES, CtsUNet
from inference.networks.fissures import fissure_network
from inference.preprocess.lobe_grid import FINE_ZYX
from inference.segmenters import lobes as module
from inference.segmenters.lobes import NetworkLobes
from inference.volume import Geometry, Mask, Volume

#: On the fine grid: where the first network believes the left lobes to part, and where the fissure is.
BELIEVED, SEEN = 60, 70
SHAPE = (64, 48, 64)


@pytest.fixture
def scan() -> tuple[Volume, Mask]:
    """Two lungs that fill their halves of the image."""
    lung = np.zeros(SHAPE, np.uint8)
    lung[:, :, :32], lung[:, :, 32:] = LungLabel.RIGHT, LungLabel.LEFT
    geometry = Geometry(SHAPE, (2.0, 2.0, 2.0))
    return Volume(np.full(SHAPE, -850, np.int16), geometry), Mask(lung, geometry)


@pytest.fixture(autouse=True)
def _networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first network sees one lobe on the right and two on the left; the second one a fissure there."""
    shares = torch.zeros(LOBE_CLASSES, *FINE_ZYX)
    shares[LobeLabel.RUL, :, :, :64] = 1
    shares[LobeLabel.LLL, :BELIEVED, :, 64:] = shares[LobeLabel.LUL, BELIEVED:, :, 64:] = 1
    wall = torch.zeros(FINE_ZYX)
    wall[SEEN - 1 : SEEN + 1, :, 64:] = 1
    monkeypatch.setattr(module, "lobe_shares", lambda *_: shares)
    monkeypatch.setattr(module, "fissure_shares", lambda *_: wall)


def left_lower_share(mask: Mask) -> float:
    left = mask.labels[:, :, 32:]
    return float((left == LobeLabel.LLL).mean())


def test_lobes_end_where_the_fissure_is_seen(scan) -> None:
    device = pick_device("cpu")
    alone, _ = NetworkLobes(CtsUNet(0.25), device).find_lobes(*scan)
    led, notes = NetworkLobes(CtsUNet(0.25), device, fissure_network(2)).find_lobes(*scan)
    assert left_lower_share(alone) == pytest.approx(BELIEVED / FINE_ZYX[0], abs=0.02)
    assert left_lower_share(led) == pytest.approx(SEEN / FINE_ZYX[0], abs=0.02)
    assert (led.labels[:, :, :32] == LobeLabel.RUL).all(), "no fissure was seen on the right"
    assert [note.code for note in notes] == ["lobes-doubtful"], "two lobes of the right lung are missing"
