"""SegNet of depth 3 (Saood and Hatem): a VGG16-like encoder whose pooling indices lead the decoder."""

from torch import Tensor, nn
from torch.nn import functional

#: Convolutions of the encoder's three stages, as in VGG16.
CONVOLUTIONS = (2, 2, 3)


def _stage(inputs: int, outputs: int, convolutions: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for number in range(convolutions):
        layers += [
            nn.Conv2d(inputs if number == 0 else outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


class SegNet(nn.Module):
    """Slices (N, 1, H, W) to logits (N, outputs, H, W); H and W are multiples of 8.

    The paper's widths are 64, 128 and 256, that is `base_channels` 64.
    """

    def __init__(self, outputs: int, base_channels: int = 64) -> None:
        super().__init__()
        widths = [base_channels * 2**stage for stage in range(len(CONVOLUTIONS))]
        self.encoder = nn.ModuleList(
            _stage(1 if n == 0 else widths[n - 1], widths[n], count) for n, count in enumerate(CONVOLUTIONS)
        )
        self.decoder = nn.ModuleList(
            _stage(widths[n], widths[max(0, n - 1)], CONVOLUTIONS[n]) for n in reversed(range(len(widths)))
        )
        self.head = nn.Conv2d(widths[0], outputs, 3, padding=1)

    def forward(self, slices: Tensor) -> Tensor:
        """Logits of each pixel."""
        features, indices = slices, []
        for stage in self.encoder:
            features, where = functional.max_pool2d(stage(features), 2, return_indices=True)
            indices.append(where)
        for stage, where in zip(self.decoder, reversed(indices), strict=True):
            features = stage(functional.max_unpool2d(features, where, [2, 2]))
        logits: Tensor = self.head(features)
        return logits
