"""The walk that leads lobes up to fissures."""

import pytest
import torch
from torch import Tensor

from inference.random_walk import walked

SIZE = 32
#: Where the network believes the border, and where the fissure is.
BELIEVED, TRUE = 12, 17


def prior_with_border_at(level: int) -> Tensor:
    """Two lobes along z, the network less sure near its border."""
    z = torch.arange(SIZE)[:, None, None].expand(SIZE, SIZE, SIZE)
    upper = torch.sigmoid((z - level + 0.5) / 2)
    return torch.stack([1 - upper, upper])


def wall_at(level: int) -> Tensor:
    wall = torch.zeros(SIZE, SIZE, SIZE)
    wall[level - 1 : level + 1] = 1
    return wall


def border_of(shares: Tensor) -> Tensor:
    """Number of voxels below the border, for each column."""
    return (shares[0] > shares[1]).sum(dim=0)


LUNG = torch.ones(SIZE, SIZE, SIZE, dtype=torch.bool)


def test_the_border_moves_to_a_fissure_that_is_seen() -> None:
    after = walked(prior_with_border_at(BELIEVED), wall_at(TRUE), LUNG)
    assert (border_of(after) - TRUE).abs().max() <= 1
    assert torch.allclose(after.sum(dim=0), torch.ones(SIZE, SIZE, SIZE), atol=1e-3)


def test_a_gap_in_the_fissure_is_bridged() -> None:
    wall = wall_at(TRUE)
    wall[:, 12:18, 12:18] = 0
    after = walked(prior_with_border_at(BELIEVED), wall, LUNG)
    assert (border_of(after) - TRUE).abs().max() <= 2


def test_without_a_fissure_the_networks_border_stays() -> None:
    after = walked(prior_with_border_at(BELIEVED), torch.zeros(SIZE, SIZE, SIZE), LUNG)
    assert torch.equal(border_of(after), torch.full((SIZE, SIZE), BELIEVED))


def test_nobody_walks_outside_the_lung() -> None:
    # Two pieces of lung that do not touch: a fissure in one says nothing about the other.
    lung = LUNG.clone()
    lung[:, :, 14:18] = False
    wall = wall_at(TRUE)
    wall[:, :, 16:] = 0
    after = walked(prior_with_border_at(BELIEVED), wall, lung)
    found = border_of(torch.where(lung, after, torch.zeros_like(after)))
    assert (found[:, :14] - TRUE).abs().max() <= 1
    assert torch.equal(found[:, 18:], torch.full((SIZE, 14), BELIEVED))


def test_a_scan_without_a_lung_is_left_alone() -> None:
    prior = prior_with_border_at(BELIEVED)
    assert torch.equal(walked(prior, wall_at(TRUE), ~LUNG), prior)


@pytest.mark.parametrize("edges", [(1, 1, 1), (1, 5, 7), (3, 1, 2)])
def test_a_sliver_of_lung_has_shares_too(edges: tuple[int, int, int]) -> None:
    sliver = torch.zeros(SIZE, SIZE, SIZE, dtype=torch.bool)
    z, y, x = (slice(SIZE - edge, SIZE) for edge in edges)
    sliver[z, y, x] = True
    after = walked(prior_with_border_at(BELIEVED), wall_at(TRUE), sliver)
    assert torch.allclose(after[:, sliver].sum(dim=0), torch.ones(1))
