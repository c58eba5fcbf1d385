"""A U-Net whose encoder learned to see on photographs (ImageNet): for data as scarce as marked CT."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.networks.efficientnet import FEATURES, EfficientNetLite
from inference.networks.unet import ConvBlock

#: Channels of the decoder from half the input's resolution to the coarsest, and at the input's own.
DECODER, FINEST = (24, 32, 64, 128), 16
COLOURS = 3


class PretrainedUNet(nn.Module):
    """Slices (N, inputs, H, W), 0..1, to logits (N, outputs, H, W); H and W are multiples of 32.

    One slice is seen in all three colours; three neighbours are one colour each.
    """

    def __init__(self, outputs: int, inputs: int = 1) -> None:
        super().__init__()
        self.encoder = EfficientNetLite()
        deeper = (*DECODER[1:], FEATURES[-1])
        self.merge = nn.ModuleList(
            ConvBlock(below + skip, width) for below, skip, width in zip(deeper, FEATURES[:-1], DECODER, strict=True)
        )
        #: At the input's resolution the slice itself shows where a lesion ends.
        self.finest = nn.Sequential(
            nn.Conv2d(DECODER[0] + inputs, FINEST, 3, padding=1, bias=False),
            nn.BatchNorm2d(FINEST),
            nn.ReLU(inplace=True),
        )
        self.head = nn.Conv2d(FINEST, outputs, 1)

    def forward(self, slices: Tensor) -> Tensor:
        """Logits of each pixel."""
        *skips, features = self.encoder((slices * 2 - 1).expand(-1, COLOURS, -1, -1))
        for merge, skip in zip(reversed(self.merge), reversed(skips), strict=True):
            features = merge(torch.cat([skip, _doubled(features)], dim=1))
        features = _doubled(features)
        logits: Tensor = self.head(self.finest(torch.cat([slices.to(features.dtype), features], dim=1)))
        return logits


def _doubled(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
