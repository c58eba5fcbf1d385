"""The candidate classifier of Wu et al.: ResNet-18, features flattened to 256, three fully connected layers."""

from monai.networks.nets import resnet18
from torch import nn

FEATURES, HIDDEN = 256, 64


def candidate_classifier() -> nn.Module:
    """Patches (n, 1, edge, edge) to logits (n, 1): infected or healthy."""
    network: nn.Module = resnet18(spatial_dims=2, n_input_channels=1, conv1_t_size=3, no_max_pool=True, num_classes=2)
    network.fc = nn.Sequential(
        nn.Linear(512, FEATURES), nn.ReLU(), nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1)
    )
    return network
