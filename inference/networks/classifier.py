"""The candidate classifier of Wu et al.: ResNet-18, features flattened to 256, three fully connected layers."""

from monai.networks.nets import ResNet
from torch import nn

#: Half as wide as the published ResNet-18, which leaves the paper's 256 features and a file of 12 MB.
WIDTHS = [32, 64, 128, 256]
HIDDEN = (64, 16)


def candidate_classifier() -> nn.Module:
    """Patches (n, 1, edge, edge) to logits (n, 1): infected or healthy."""
    network: nn.Module = ResNet(
        "basic", [2, 2, 2, 2], WIDTHS, spatial_dims=2, n_input_channels=1, conv1_t_size=3, no_max_pool=True
    )
    first, second = HIDDEN
    network.fc = nn.Sequential(
        nn.Linear(WIDTHS[-1], first), nn.ReLU(), nn.Linear(first, second), nn.ReLU(), nn.Linear(second, 1)
    )
    return network
