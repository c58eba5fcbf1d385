"""Lobes by CTSU-Net, perhaps led up to the fissures, with a note where they are doubtful."""

from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inference.device import Device
from inference.labels import LobeLabel
from inference.lobe_network import fissure_shares, lobe_shares, shares_of_side
from inference.lobes import LOBES_OF
from inference.networks.ctsunet import CtsUNet
from inference.networks.fissures import fissure_network
from inference.preprocess.lobe_grid import grid_box, labels_on_grid, on_grid
from inference.quality import QualityNote
from inference.segmenters.weights import verified_weights
from inference.volume import Mask, Volume

#: A lobe's mean share below this, or less of the lung than any healthy lobe holds, is doubtful.
SURE_SHARE = 0.75
SMALLEST_SHARE_OF_LUNG = 0.02
#: Slices thicker than this hardly show fissures.
THICK_MM = 4.0
Network = TypeVar("Network", bound=nn.Module)


class NetworkLobes:
    """Lobes by CTSU-Net; every lung voxel gets the likeliest lobe of its own side."""

    def __init__(self, network: CtsUNet, device: Device, fissures: nn.Module | None = None) -> None:
        """With a network for `fissures`, lobes end where it sees some."""
        self._network, self._device, self._fissures = network, device, fissures

    def find_lobes(self, volume: Volume, lung: Mask) -> tuple[Mask, tuple[QualityNote, ...]]:
        """Lobes, and a note that names those of which the network is not sure."""
        box = grid_box(lung.labels > 0)
        labels = np.zeros_like(lung.labels)
        if box is None:
            return Mask(labels, lung.geometry), ()
        scan = on_grid(volume.hu, box)
        shares = lobe_shares(self._network, scan, self._device)
        walls = None if self._fissures is None else fissure_shares(self._fissures, scan, self._device)
        target, side_of = labels[box], lung.labels[box]
        on_nodes = labels_on_grid(side_of)
        certainty: dict[str, float] = {}
        for side, lobes in LOBES_OF.items():
            inside = torch.from_numpy(on_nodes == side)
            own = shares_of_side(shares, lobes, inside, walls)
            _paint(target, side_of == side, own, np.asarray(lobes, np.uint8))
            certainty.update(_certainty(target, inside, own, lobes))
        doubtful = sorted(name for name, share in certainty.items() if share < SURE_SHARE)
        return Mask(labels, lung.geometry), _notes(doubtful, volume.geometry.spacing_zyx_mm[0])


def _paint(target: NDArray[np.uint8], inside: NDArray[np.bool_], own: Tensor, names: NDArray[np.uint8]) -> None:
    """Write the likeliest of the lobes into the voxels inside one lung, slice by slice."""
    for z in np.flatnonzero(inside.any(axis=(1, 2))):
        # The same as argmax(), forty times as fast on a CPU.
        likely = names[_plane(own, int(z), target.shape).max(dim=0).indices.numpy()]
        target[z][inside[z]] = likely[inside[z]]


def _plane(own: Tensor, z: int, shape: tuple[int, ...]) -> Tensor:
    """Shares (lobes, y, x) of one slice of the box, between the planes of the network's grid."""
    depth = own.shape[1]
    place = min(max((z + 0.5) / shape[0] * depth - 0.5, 0.0), depth - 1.0)
    lower = min(int(place), depth - 2)
    plane = own[:, lower] * (1 - (place - lower)) + own[:, lower + 1] * (place - lower)
    return functional.interpolate(plane[None], size=shape[1:], mode="bilinear", align_corners=False)[0]


def _certainty(target: NDArray[np.uint8], lung: Tensor, own: Tensor, lobes: tuple[LobeLabel, ...]) -> dict[str, float]:
    """Mean share of each lobe over the voxels that carry it, 0 where it is too small to be true."""
    coarse = torch.from_numpy(labels_on_grid(target))
    total = max(1, int(lung.sum()))
    result = {}
    for number, lobe in enumerate(lobes):
        voxels = lung & (coarse == int(lobe))
        is_there = int(voxels.sum()) >= SMALLEST_SHARE_OF_LUNG * total
        result[lobe.name] = float(own[number][voxels].mean()) if is_there else 0.0
    return result


def _notes(doubtful: list[str], thickness_mm: float) -> tuple[QualityNote, ...]:
    notes = []
    if doubtful:
        text = f"The borders of {', '.join(doubtful)} are doubtful; figures by lobe and the severity score are rough."
        notes.append(QualityNote("lobes-doubtful", text))
    if thickness_mm > THICK_MM:
        text = f"Slices of {thickness_mm:g} mm hardly show fissures; figures by lobe are approximate."
        notes.append(QualityNote("lobes-thick-slices", text))
    return tuple(notes)


def load_lobes(part: dict[str, Any], files: dict[str, Any], device: Device) -> NetworkLobes:
    """CTSU-Net as shipped, alone or with the network for fissures, as the card's part says.

    Raises:
        MissingWeights: a file is absent or not the one the model card names.
    """
    if "networks" not in part:
        return NetworkLobes(_ready(CtsUNet(part["width"]), files, device), device)
    parts = part["networks"]
    network = _ready(CtsUNet(parts["lobes"]["width"]), files["lobes"], device)
    fissures = _ready(fissure_network(parts["fissures"]["base_channels"]), files["fissures"], device)
    return NetworkLobes(network, device, fissures)


def _ready(network: Network, file: dict[str, str], device: Device) -> Network:
    network.load_state_dict(verified_weights(file))
    network.eval()
    ready: Network = network.to(device.torch_device).to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return ready
