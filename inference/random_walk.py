"""Lobes led up to fissures by a random walker who is loath to cross them (Grady 2006, with the prior of Grady 2005).

A network's shares say roughly where the lobes are; fissures, where they are seen, say exactly where they end. The
chance of a lobe at a voxel is that of a walker from there, who at each step may stop and believe the network, to stop
where the network sees that lobe. What the fissures change in this chance, as a ratio and to a power, is multiplied to
the network's shares: where none is seen nothing changes.
"""

import torch
from torch import Tensor
from torch.nn import functional

#: How loath the walker is to step on a fissure, and how often he stops to believe the network.
BETA, BELIEF = 4.0, 0.0003
#: Power of what the fissures change: the network is surer of itself than it may be.
WEIGHT, SMALLEST_SHARE = 12.0, 1e-3
#: Rounds on the grid of half the resolution, then on the fine one.
COARSE_ROUNDS, FINE_ROUNDS = 250, 40
#: As wide as the windows that are moved over it: a sliver of lung may be one voxel wide.
NARROWEST = 3


def walked(prior: Tensor, fissures: Tensor, inside: Tensor) -> Tensor:
    """Shares (lobes, z, y, x) of one lung's lobes, which sum to 1, led up to its fissures.

    Args:
        prior: (lobes, z, y, x), 0..1, of the network; they sum to 1 in the lung.
        fissures: (z, y, x), 0..1, how surely a voxel is fissure.
        inside: (z, y, x) bool, the lung; walkers do not leave it.
    """
    box = _box_of(inside)
    if box is None:
        return prior
    place = (slice(None), *box)
    own, lung = prior[place], inside[box].float()
    held_up, free = _logs(_chances(own, fissures[box], lung)), _logs(_chances(own, torch.zeros_like(lung), lung))
    led = (_logs(own) + WEIGHT * (held_up - free)).softmax(dim=0)
    result = prior.clone()
    result[place] = torch.where(inside[box], led, _spread(led, own, lung))
    return result


def _logs(shares: Tensor) -> Tensor:
    return shares.clamp(min=SMALLEST_SHARE).log()


def _chances(prior: Tensor, wall: Tensor, lung: Tensor) -> Tensor:
    """Where walkers stop (lobes, z, y, x): first on the grid of half the resolution, then on the whole one."""
    share = functional.avg_pool3d(lung[None, None], 2, ceil_mode=True)[0, 0]
    small = functional.avg_pool3d((prior * lung)[None], 2, ceil_mode=True)[0] / share.clamp(min=1e-3)
    small_wall = functional.max_pool3d((wall * lung)[None, None], 2, ceil_mode=True)[0, 0]
    start = _rounds(small, small, small_wall, (share > 0).float(), COARSE_ROUNDS)
    start = functional.interpolate(start[None], size=tuple(prior.shape[1:]), mode="trilinear", align_corners=False)[0]
    # Beyond the lung's surface there is nothing to interpolate with.
    start = start / start.sum(dim=0).clamp(min=1e-3)
    return _rounds(start, prior, wall, lung, FINE_ROUNDS)


def _spread(shares: Tensor, prior: Tensor, lung: Tensor) -> Tensor:
    """What the lung's surface holds, one voxel further out: shares are read between the voxels of the grid."""
    near = functional.avg_pool3d(lung[None, None], 3, 1, 1)[0, 0]
    spread = functional.avg_pool3d((shares * lung)[None], 3, 1, 1)[0] / near.clamp(min=1e-3)
    return torch.where(near > 0, spread, prior)


def _rounds(shares: Tensor, prior: Tensor, wall: Tensor, lung: Tensor, count: int) -> Tensor:
    """Jacobi's method on the walker's linear equations."""
    ease = [_ease(wall, lung, axis) for axis in range(3)]
    total = torch.full_like(wall, BELIEF)
    for axis, way in enumerate(ease):
        size = wall.shape[axis] - 1
        total.narrow(axis, 0, size).add_(way)
        total.narrow(axis, 1, size).add_(way)
    believed = BELIEF * prior
    for _ in range(count):
        gathered = believed.clone()
        for axis, way in enumerate(ease):
            size = wall.shape[axis] - 1
            gathered.narrow(axis + 1, 0, size).addcmul_(way, shares.narrow(axis + 1, 1, size))
            gathered.narrow(axis + 1, 1, size).addcmul_(way, shares.narrow(axis + 1, 0, size))
        shares = gathered / total
    return shares


def _ease(wall: Tensor, lung: Tensor, axis: int) -> Tensor:
    """How easily one steps between neighbours along an axis: 1 in clear lung, 0 out of it."""
    size = wall.shape[axis] - 1
    here, there = wall.narrow(axis, 0, size), wall.narrow(axis, 1, size)
    both = lung.narrow(axis, 0, size) * lung.narrow(axis, 1, size)
    return torch.exp(-BETA * torch.maximum(here, there)) * both


def _box_of(inside: Tensor) -> tuple[slice, slice, slice] | None:
    """The box around a lung, at least `NARROWEST` voxels wide; None where there is none."""
    spans = []
    for axis in range(3):
        others = [other for other in range(3) if other != axis]
        found = inside.any(dim=others[1]).any(dim=others[0]).nonzero().flatten()
        if not len(found):
            return None
        start = min(int(found[0]), inside.shape[axis] - NARROWEST)
        spans.append(slice(start, max(int(found[-1]) + 1, start + NARROWEST)))
    return (spans[0], spans[1], spans[2])
