"""The network that a configuration asks for."""

from torch import nn

from inference.networks.slices import slice_network
from inference.training.config import Task, TrainingConfig

#: Logits by task: lung; background and two kinds; background and three; background and any; lung and infection twice.
OUTPUTS: dict[Task, int] = {"lung": 1, "infection": 3, "kinds": 4, "binary": 2, "lung-infection": 3, "effusion": 1}


def build_network(config: TrainingConfig) -> nn.Module:
    """An untrained network with the outputs of the task."""
    return slice_network(config.network, OUTPUTS[config.task], config.base_channels, config.slices)
