"""Lobes from fissures: CTSU-Net over the box of the lungs, tile by tile, each tile beside the view of the whole."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.device import Device
from inference.networks.ctsunet import LOBE_CLASSES, CtsUNet, shares_of
from inference.preprocess.lobe_grid import FINE_ZYX, coarse
from inference.random_walk import walked

#: Crops of the second stage; tiles lie half a crop apart.
PATCH_ZYX = (64, 48, 64)
Place = tuple[int, int, int]


def tiles() -> Iterator[Place]:
    """First corners (z, y, x) of all overlapping crops of the fine grid."""
    steps = [range(0, size - edge + 1, edge // 2) for size, edge in zip(FINE_ZYX, PATCH_ZYX, strict=True)]
    return ((z, y, x) for z in steps[0] for y in steps[1] for x in steps[2])


def crop(volume: Tensor, corner: Place) -> Tensor:
    """One crop of (n, c, z, y, x)."""
    z, y, x = (slice(start, start + edge) for start, edge in zip(corner, PATCH_ZYX, strict=True))
    return volume[..., z, y, x]


def place_of(corner: Place) -> tuple[Tensor, Tensor]:
    """Where a crop begins and ends in the fine grid, (1, 3) each, as shares of it."""
    size = torch.tensor(FINE_ZYX, dtype=torch.float32)
    low = torch.tensor([corner], dtype=torch.float32)
    return low / size, (low + torch.tensor(PATCH_ZYX, dtype=torch.float32)) / size


def enlarged(context: Tensor) -> Tensor:
    """Shares of the first stage on the fine grid."""
    return functional.interpolate(context, scale_factor=2, mode="trilinear", align_corners=False)


def lobe_shares(network: CtsUNet, fine: Tensor, device: Device) -> Tensor:
    """Shares (6, z, y, x) of background and lobes on the fine grid, from the scan (z, y, x) 0..1 there."""
    where = device.torch_device
    scan = fine[None, None].to(where)
    sums = torch.zeros(LOBE_CLASSES, *FINE_ZYX, device=where)
    weights = torch.zeros(FINE_ZYX, device=where)
    bump = _bump().to(where)
    with torch.inference_mode(), device.autocast():
        context = enlarged(shares_of(network.overview(_laid(coarse(scan))).float()))
        for corner in tiles():
            low, high = (bound.to(where) for bound in place_of(corner))
            logits = network.detail(_laid(crop(scan, corner)), _laid(crop(context, corner)), low, high)
            crop(sums, corner).add_(logits[0, :LOBE_CLASSES].float().softmax(dim=0) * bump)
            crop(weights, corner).add_(bump)
    return (sums / weights).cpu()


def _laid(volume: Tensor) -> Tensor:
    return volume.contiguous(memory_format=torch.channels_last_3d)


def _bump() -> Tensor:
    """Weight of a tile's voxels: the middle knows more than the edges."""
    lines = [1 - torch.linspace(-1, 1, edge + 2)[1:-1].abs() for edge in PATCH_ZYX]
    return lines[0][:, None, None] * lines[1][None, :, None] * lines[2][None, None, :] + 1e-3


def fissure_shares(network: nn.Module, fine: Tensor, device: Device) -> Tensor:
    """Share 0..1 to which each voxel (z, y, x) of the scan on the fine grid is a fissure."""
    with torch.inference_mode(), device.autocast():
        logits: Tensor = network(_laid(fine[None, None].to(device.torch_device)))
    return logits[0, 0].float().sigmoid().cpu()


def shares_of_side(shares: Tensor, lobes: Sequence[int], inside: Tensor, fissures: Tensor | None) -> Tensor:
    """Shares (lobes, z, y, x) of one lung's lobes, which sum to 1.

    Args:
        shares: (6, z, y, x) of background and lobes.
        lobes: labels of the lung's lobes.
        inside: (z, y, x) bool, the lung.
        fissures: (z, y, x) 0..1, up to which the lobes are led; None leaves them as the network saw them.
    """
    own = shares[list(lobes)]
    own = own / own.sum(dim=0).clamp(min=1e-3)
    return own if fissures is None else walked(own, fissures, inside)
