"""The papers' networks: their size, their shapes, and what is particular to each."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from inference.networks.bifurcated import Bifurcated
from inference.networks.classifier import candidate_classifier
from inference.networks.crisscross import CrissCross, centres
from inference.networks.ctsunet import CtsUNet, shares_of
from inference.networks.pretrained_unet import PretrainedUNet
from inference.networks.unet import UNet, fused
from inference.networks.unet3d import unet3d
from inference.training.fit import imagenet_weights

#: Its place among the classes of ImageNet.
PING_PONG_BALL = 722


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


def test_the_encoder_sees_what_the_published_one_sees() -> None:
    """With the published last layers it calls a disk on green what ImageNet calls it: a ping-pong ball."""
    weights = imagenet_weights()
    network = PretrainedUNet(4)
    network.encoder.load_published(weights)
    network.eval()
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, 224), torch.linspace(-1, 1, 224), indexing="ij")
    is_ball = (rows**2 + columns**2 < 0.4).float()
    image = torch.stack([is_ball * 1.8 - 0.9, is_ball * 0.2 + 0.1, is_ball * 0.5 - 0.8])[None]
    with torch.inference_mode():
        features = network.encoder(image)[-1]
        head = functional.conv2d(features, weights["_conv_head.weight"])
        norm = [weights[f"_bn1.{name}"] for name in ("running_mean", "running_var", "weight", "bias")]
        pooled = functional.relu6(functional.batch_norm(head, *norm, eps=1e-3)).mean(dim=(2, 3))
        shares = functional.linear(pooled, weights["_fc.weight"], weights["_fc.bias"]).softmax(dim=1)[0]
    assert int(shares.argmax()) == PING_PONG_BALL


def test_the_pretrained_network_gives_logits_of_each_pixel_and_folds_its_norms() -> None:
    torch.manual_seed(2)
    network, slices = PretrainedUNet(4).eval(), torch.rand(2, 1, 64, 96)
    with torch.inference_mode():
        logits = network(slices)
        assert logits.shape == (2, 4, 64, 96)
        assert torch.allclose(fused(network)(slices), logits, atol=1e-4)
    assert not [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(ValueError, match="not the weights of EfficientNet-Lite0"):
        PretrainedUNet(4).encoder.load_published({"_conv_stem.weight": torch.zeros(3, 3)})
