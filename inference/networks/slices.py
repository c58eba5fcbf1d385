"""The networks on slices by name: what trains and what runs are built alike."""

from torch import nn

from inference.networks.bifurcated import Bifurcated
from inference.networks.pretrained_unet import PretrainedUNet
from inference.networks.segnet import SegNet
from inference.networks.unet import UNet


def slice_network(name: str, outputs: int, base_channels: int, slices: int = 1) -> nn.Module:
    """An untrained network; `base_channels` of the first level, where its width can be chosen.

    In 2.5D (`slices` > 1) each of the neighbouring slices gets its own mask of `outputs`.
    """
    if name == "segnet":
        return SegNet(outputs, base_channels)
    if name == "bifurcated":
        return Bifurcated(base_channels)
    if name == "pretrained-unet":
        return PretrainedUNet(outputs * slices, inputs=slices)
    return UNet(outputs * slices, base_channels, inputs=slices)
