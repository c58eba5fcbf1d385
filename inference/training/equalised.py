"""Contrast-limited adaptive histogram equalisation, which the COVID-19-CT-Seg stacks went through, and its undoing."""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from inference.catalogue import card_of
from inference.device import pick_device
from inference.networks.unet import UNet, fused
from inference.preprocess.slices import WINDOW_HU
from inference.segmenters.weights import verified_weights

#: Name of the card and of the weights of `inference/training/configs/restoration.yaml`.
NETWORK = "restoration"
BATCH = 16
#: Tiles an edge; the highest bin of a tile's histogram, as multiples of the mean bin.
TILES, CLIP_LIMIT = 8, 7.0
GREYS = 256
Grey = NDArray[np.uint8]


def equalised(plane: Grey) -> Grey:
    """A grey plane (y, x), its edges multiples of 8, equalised tile by tile (Zuiderveld 1994) as OpenCV does it."""
    height, width = plane.shape[0] // TILES, plane.shape[1] // TILES
    area = height * width
    tiles = plane.reshape(TILES, height, TILES, width).swapaxes(1, 2).reshape(TILES * TILES, area)
    numbered = tiles + (GREYS * np.arange(TILES * TILES))[:, None]
    bins = np.bincount(numbered.ravel(), minlength=GREYS * TILES * TILES).reshape(-1, GREYS)
    curves = np.rint(np.cumsum(_limited(bins, area), axis=1) * np.float32((GREYS - 1) / area))
    curves = np.minimum(curves, GREYS - 1).reshape(TILES, TILES, GREYS).astype(np.float32)
    above, below, down = _between(plane.shape[0], height)
    left, right, across = _between(plane.shape[1], width)
    down, across = down[:, None], across[None, :]
    first = curves[above[:, None], left, plane] * (1 - across) + curves[above[:, None], right, plane] * across
    second = curves[below[:, None], left, plane] * (1 - across) + curves[below[:, None], right, plane] * across
    return np.asarray(np.rint(first * (1 - down) + second * down), np.uint8)


def restored_hu(grey: NDArray[np.generic]) -> NDArray[np.int16]:
    """HU (z, y, x), within the networks' window, that an equalised grey stack of 256 x 256 pixels probably had.

    A network looks at each slice alone, without any mask (`inference.training.restoration`).
    """
    place, network = pick_device("auto"), _network()
    network.to(place.torch_device)
    low, high = WINDOW_HU
    parts = []
    for planes in torch.from_numpy(np.asarray(grey, np.float32) / (GREYS - 1))[:, None].split(BATCH):
        with torch.inference_mode(), place.autocast():
            found = network(place.laid(planes, torch.channels_last))
        parts.append(found[:, 0].float().cpu())
    hu = low + (high - low) * torch.cat(parts).clamp(0, 1)
    return np.asarray(hu.round().numpy(), np.int16)


@cache
def _network() -> torch.nn.Module:
    state = verified_weights(card_of(NETWORK)["files"]["network"])
    network = UNet(1, state["head.weight"].shape[1])
    network.load_state_dict(state)
    return fused(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _limited(bins: NDArray[np.intp], area: int) -> NDArray[np.intp]:
    """Histograms (tiles, greys) cut at the clip limit; what was cut off is spread over all greys."""
    limit = max(1, int(CLIP_LIMIT * area / GREYS))
    excess = np.maximum(bins - limit, 0).sum(axis=1)
    result = np.minimum(bins, limit) + (excess // GREYS)[:, None]
    for histogram, rest in zip(result, excess % GREYS, strict=True):
        if rest:
            histogram[:: max(GREYS // rest, 1)][:rest] += 1
    return result


def _between(size: int, tile: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For each pixel along an edge the tiles whose centres it lies between, and its share of the second one."""
    place = np.arange(size, dtype=np.float32) / np.float32(tile) - np.float32(0.5)
    first = np.floor(place).astype(np.intp)
    share = np.asarray(place - first, np.float32)
    return np.maximum(first, 0), np.minimum(first + 1, TILES - 1), share
