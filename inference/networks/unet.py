"""The 2D U-Net of Wu et al. and Saood and Hatem: encoder, decoder, skip connections."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval


class ConvBlock(nn.Sequential):
    """Twice a 3x3 convolution, batch normalisation and ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


def fused(network: nn.Module) -> nn.Module:
    """The network for inference with each batch normalisation folded into its convolution: equal, and quicker."""
    network.eval()
    for block in network.modules():
        if isinstance(block, nn.Sequential):
            layers = list(block)
            for at, (convolution, normalisation) in enumerate(pairwise(layers)):
                if isinstance(convolution, nn.Conv2d) and isinstance(normalisation, nn.BatchNorm2d):
                    block[at] = fuse_conv_bn_eval(convolution, normalisation)
                    block[at + 1] = nn.Identity()
    return network


class UNet(nn.Module):
    """Slices (N, inputs, H, W) to logits (N, outputs, H, W); H and W are multiples of 16 with five levels."""

    def __init__(self, outputs: int, base_channels: int = 16, levels: int = 5, inputs: int = 1) -> None:
        super().__init__()
        widths = [base_channels * 2**level for level in range(levels)]
        self.down = nn.ModuleList(
            ConvBlock(inputs if level == 0 else widths[level - 1], width) for level, width in enumerate(widths)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(widths[level + 1], widths[level], 2, 2) for level in range(levels - 1)
        )
        self.merge = nn.ModuleList(ConvBlock(2 * widths[level], widths[level]) for level in range(levels - 1))
        self.head = nn.Conv2d(base_channels, outputs, 1)

    def forward(self, slices: Tensor) -> Tensor:
        """Logits of each pixel."""
        skips: list[Tensor] = []
        features = slices
        for level, block in enumerate(self.down):
            features = block(features if level == 0 else functional.max_pool2d(features, 2))
            skips.append(features)
        for level in reversed(range(len(self.up))):
            features = self.merge[level](torch.cat([skips[level], self.up[level](features)], dim=1))
        logits: Tensor = self.head(features)
        return logits
