"""The papers' networks: their size, their shapes, and what is particular to each."""

import pytest
import torch
from torch import nn

from inference.networks.bifurcated import Bifurcated
from inference.networks.classifier import candidate_classifier
from inference.networks.crisscross import CrissCross, centres
from inference.networks.ctsunet import CtsUNet, shares_of
from inference.networks.unet import UNet
from inference.networks.unet3d import unet3d


def parameters_of(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_both_stages_of_ctsunet_are_as_large_as_the_papers() -> None:
    network = CtsUNet()
    assert parameters_of(network.first) == pytest.approx(3.85e6, rel=0.002)
    assert parameters_of(network.second) == pytest.approx(9.24e6, rel=0.002)


def test_the_second_stage_of_ctsunet_begins_at_the_firsts_answer() -> None:
    torch.manual_seed(0)
    network = CtsUNet(0.25).eval()
    for head in (network.second.lobes, network.second.border):
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
    context = shares_of(torch.randn(1, 7, 16, 16, 16))
    low, high = torch.zeros(1, 3), torch.ones(1, 3)
    with torch.inference_mode():
        found = shares_of(network.detail(torch.rand(1, 1, 16, 16, 16), context, low, high))
    assert torch.allclose(found, context, atol=0.03)


def test_the_non_local_module_begins_as_the_identity_and_reaches_everywhere() -> None:
    torch.manual_seed(1)
    module = CrissCross(8)
    features = torch.randn(1, 8, 3, 4, 5, requires_grad=True)
    low, high = torch.zeros(1, 3), torch.ones(1, 3)
    assert torch.equal(module(features, low, high), features)
    nn.init.normal_(module.back.weight)
    module(features, low, high)[0, :, 0, 0, 0].sum().backward()
    assert features.grad is not None
    assert (features.grad.abs().sum(dim=1) > 0).all(), "after three passes every position must see every other one"


def test_places_of_a_crop_are_shares_of_the_whole_scan() -> None:
    places = centres((2, 2, 2), torch.tensor([0.5, 0.0, 0.0]), torch.tensor([1.0, 1.0, 1.0]))
    assert places[0, :, 0, 0].tolist() == pytest.approx([0.125, 0.375])
    assert places[1, 0, :, 0].tolist() == pytest.approx([-0.25, 0.25])


def test_bifurcated_merges_nothing_where_there_is_no_lung() -> None:
    network = Bifurcated(8).eval()
    nn.init.zeros_(network.lung.head.weight)
    nn.init.constant_(network.lung.head.bias, -1.0)
    with torch.inference_mode():
        one, other = (network(torch.rand(1, 1, 64, 64))[:, 2] for _ in range(2))
    assert torch.equal(one, other), "without lung the merger must see an empty image"


def test_bifurcated_learns_in_every_layer() -> None:
    network = Bifurcated(8)
    logits = network(torch.rand(2, 1, 64, 64))
    assert logits.shape == (2, 3, 64, 64)
    nn.init.constant_(network.lung.head.bias, 1.0)
    network(torch.rand(2, 1, 64, 64)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_25d_gives_a_mask_for_each_of_its_slices() -> None:
    assert UNet(9, 4, inputs=3)(torch.rand(2, 3, 64, 64)).shape == (2, 9, 64, 64)


def test_unet3d_keeps_the_size_of_a_patch() -> None:
    assert unet3d(4)(torch.rand(1, 1, 16, 32, 32)).shape == (1, 4, 16, 32, 32)


def test_the_candidate_classifier_fits_into_a_small_file() -> None:
    network = candidate_classifier()
    assert network(torch.rand(3, 1, 48, 48)).shape == (3, 1)
    assert 4 * parameters_of(network) < 20e6
