"""The network that a configuration asks for."""

from torch import nn

from inference.networks.bifurcated import Bifurcated
from inference.networks.pretrained_unet import PretrainedUNet
from inference.networks.segnet import SegNet
from inference.networks.unet import UNet
from inference.training.config import Task, TrainingConfig

#: Logits by task: lung; background and two kinds; background and three kinds; lung and infection twice.
OUTPUTS: dict[Task, int] = {"lung": 1, "infection": 3, "kinds": 4, "lung-infection": 3}


def build_network(config: TrainingConfig) -> nn.Module:
    """An untrained network with the outputs of the task."""
    outputs = OUTPUTS[config.task]
    if config.network == "segnet":
        return SegNet(outputs, config.base_channels)
    if config.network == "bifurcated":
        return Bifurcated(config.base_channels)
    if config.network == "pretrained-unet":
        return PretrainedUNet(outputs)
    # In 2.5D each of the neighbouring slices gets its own mask.
    return UNet(outputs * config.slices, config.base_channels, inputs=config.slices)
