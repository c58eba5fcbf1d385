"""CTSU-Net of Xie et al.: two contextual 3D U-Nets in cascade for the five lobes (section III, table II)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.networks.crisscross import CrissCross

#: Logits of a stage: background and five lobes, then the lobes' border.
LOBE_CLASSES, BORDER_CLASSES = 6, 1
SMALLEST_SHARE = 0.01
#: Channels of the paper by level: what the first convolution gives, what the second gives; the last is the bridge.
FIRST = ((16, 24), (24, 48), (64, 128), (128, 256))
SECOND = ((24, 48), (48, 96), (96, 192), (192, 384))


def _block(inputs: int, middle: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inputs, middle, 3, padding=1, bias=False),
        nn.BatchNorm3d(middle),
        nn.ReLU(inplace=True),
        nn.Conv3d(middle, outputs, 3, padding=1, bias=False),
        nn.BatchNorm3d(outputs),
        nn.ReLU(inplace=True),
    )


class ContextualUNet(nn.Module):
    """One stage: (n, inputs, z, y, x) to logits (n, 7, z, y, x); edges are multiples of 8."""

    def __init__(self, inputs: int, widths: tuple[tuple[int, int], ...]) -> None:
        super().__init__()
        before = [inputs, *(outputs for _, outputs in widths[:-1])]
        self.down = nn.ModuleList(
            _block(above, middle, outputs) for above, (middle, outputs) in zip(before, widths, strict=True)
        )
        self.context = CrissCross(widths[-1][1])
        below, merges = widths[-1][1], []
        for _, skip in reversed(widths[:-1]):
            merges.append(_block(below + skip, skip, skip))
            below = skip
        self.merge = nn.ModuleList(merges)
        self.lobes = nn.Conv3d(below, LOBE_CLASSES, 1)
        self.border = nn.Conv3d(below, BORDER_CLASSES, 1)

    def forward(self, crops: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """Logits of lobes and border; `low` and `high` (n, 3) place each crop in its scan, as shares of it."""
        skips: list[Tensor] = []
        features = crops
        for level, block in enumerate(self.down):
            features = block(features if level == 0 else functional.max_pool3d(features, 2))
            skips.append(features)
        features = self.context(skips.pop(), low, high)
        for block in self.merge:
            larger = functional.interpolate(features, scale_factor=2, mode="trilinear", align_corners=False)
            features = block(torch.cat([skips.pop(), larger], dim=1))
        return torch.cat([self.lobes(features), self.border(features)], dim=1)


class CtsUNet(nn.Module):
    """Both stages. `width` scales the paper's channels (1.0: 3.85 and 9.24 million parameters)."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        self.first = ContextualUNet(1, _scaled(FIRST, width))
        self.second = ContextualUNet(1 + LOBE_CLASSES + BORDER_CLASSES, _scaled(SECOND, width))

    def overview(self, coarse: Tensor) -> Tensor:
        """Logits (n, 7, z, y, x) of the first stage on whole scans (n, 1, z, y, x)."""
        count = len(coarse)
        logits: Tensor = self.first(coarse, coarse.new_zeros(count, 3), coarse.new_ones(count, 3))
        return logits

    def detail(self, crops: Tensor, context: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """Logits of the second stage on crops (n, 1, z, y, x), beside the first stage's shares (n, 7, z, y, x).

        Other than in the paper the second stage says what to change in the first stage's answer: it begins there.
        """
        logits: Tensor = self.second(torch.cat([crops, context], dim=1), low, high)
        return logits + _as_logits(context)


def shares_of(logits: Tensor) -> Tensor:
    """Logits of a stage as shares: softmax over background and lobes, sigmoid of the border."""
    return torch.cat([logits[:, :LOBE_CLASSES].softmax(dim=1), logits[:, LOBE_CLASSES:].sigmoid()], dim=1)


def _as_logits(shares: Tensor) -> Tensor:
    """The logits that give these shares, kept from infinity."""
    lobes = shares[:, :LOBE_CLASSES].clamp(min=SMALLEST_SHARE).log()
    border = shares[:, LOBE_CLASSES:].clamp(SMALLEST_SHARE, 1 - SMALLEST_SHARE).logit()
    return torch.cat([lobes, border], dim=1)


def _scaled(widths: tuple[tuple[int, int], ...], share: float) -> tuple[tuple[int, int], ...]:
    return tuple((max(4, round(first * share)), max(4, round(second * share))) for first, second in widths)
