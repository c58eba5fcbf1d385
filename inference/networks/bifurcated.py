"""The bifurcated autoencoder of Yazdekhasty et al.: one encoder, a decoder for lung and one for infection, a merger."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.networks.unet import ConvBlock

#: Dilation of the inception blocks: in the encoder's front layers, and, smaller, at the ends of the decoders.
FRONT_DILATION, END_DILATION = 3, 2
FCN_CHANNELS = 16
POOL = 7


def _branch(inputs: int, outputs: int, kernel: int, dilation: int) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    layers: list[nn.Module] = []
    for before in (inputs, outputs):
        layers += [
            nn.Conv2d(before, outputs, kernel, padding=padding, dilation=dilation, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


class Inception(nn.Module):
    """Four branches side by side: 3x3, dilated 5x5, dilated 9x9 (each twice), and a 7x7 maximum (section 2.1.1)."""

    def __init__(self, inputs: int, outputs: int, dilation: int) -> None:
        super().__init__()
        share = outputs // 4
        self.branches = nn.ModuleList(
            [_branch(inputs, share, 3, 1), _branch(inputs, share, 5, dilation), _branch(inputs, share, 9, dilation)]
        )
        self.mix = nn.Sequential(
            nn.Conv2d(3 * share + inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
        )

    def forward(self, features: Tensor) -> Tensor:
        """The branches, concatenated and brought to the wanted number of channels."""
        pooled = functional.max_pool2d(features, POOL, 1, POOL // 2)
        mixed: Tensor = self.mix(torch.cat([*(branch(features) for branch in self.branches), pooled], dim=1))
        return mixed


class _Decoder(nn.Module):
    """A U-Net decoder with an inception block at its end; gives one logit a pixel."""

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        pairs = list(pairwise(widths))
        self.up = nn.ModuleList(nn.ConvTranspose2d(deep, wide, 2, 2) for wide, deep in pairs)
        self.merge = nn.ModuleList(ConvBlock(2 * wide, wide) for wide, _ in pairs)
        self.end = Inception(widths[0], widths[0], END_DILATION)
        self.head = nn.Conv2d(widths[0], 1, 1)

    def forward(self, skips: list[Tensor]) -> Tensor:
        features = skips[-1]
        for level in reversed(range(len(self.up))):
            features = self.merge[level](torch.cat([skips[level], self.up[level](features)], dim=1))
        logits: Tensor = self.head(self.end(features))
        return logits


class Bifurcated(nn.Module):
    """Slices (N, 1, H, W) to logits (N, 3, H, W): lung, auxiliary infection, infection; H and W multiples of 16."""

    def __init__(self, base_channels: int = 16, levels: int = 5) -> None:
        super().__init__()
        widths = [base_channels * 2**level for level in range(levels)]
        self.front = Inception(1, widths[0], FRONT_DILATION)
        self.down = nn.ModuleList(ConvBlock(widths[n], widths[n + 1]) for n in range(levels - 1))
        self.lung, self.infection = _Decoder(widths), _Decoder(widths)
        self.fcn = nn.Sequential(ConvBlock(2, FCN_CHANNELS), nn.Conv2d(FCN_CHANNELS, 1, 3, padding=1))

    def forward(self, slices: Tensor) -> Tensor:
        """Logits of each pixel."""
        skips = [self.front(slices)]
        for block in self.down:
            skips.append(block(functional.max_pool2d(skips[-1], 2)))
        lung, auxiliary = self.lung(skips), self.infection(skips)
        seen = torch.cat([slices.to(auxiliary.dtype), auxiliary.sigmoid()], dim=1) * (lung > 0)
        return torch.cat([lung, auxiliary, self.fcn(seen)], dim=1)
