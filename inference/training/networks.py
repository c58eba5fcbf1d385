"""The network that a configuration asks for."""

from torch import nn

from inference.networks.segnet import SegNet
from inference.networks.unet import UNet
from inference.training.config import TrainingConfig

#: Logits by task: lung; background and two kinds; background and three kinds.
OUTPUTS = {"lung": 1, "infection": 3, "kinds": 4}


def build_network(config: TrainingConfig) -> nn.Module:
    """An untrained network with the outputs of the task."""
    outputs = OUTPUTS[config.task]
    if config.network == "segnet":
        return SegNet(outputs, config.base_channels)
    return UNet(outputs, config.base_channels)
