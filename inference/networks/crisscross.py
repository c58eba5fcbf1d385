"""The non-local module of Xie et al.: criss-cross attention with a geometric term (section III-C)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

EMBEDDING = 32
#: After so many passes every position has seen every other one in three dimensions.
PASSES = 3
#: Letters of a feature map (batch, channel, z, y, x), and of the map with one axis replaced by `k`.
AXES = ("bckyx", "bczkx", "bczyk")


def centres(shape_zyx: tuple[int, int, int], low: Tensor, high: Tensor) -> Tensor:
    """Centres of the receptive fields, (3, z, y, x), as shares of the whole scan shifted to zero mean.

    `low` and `high` (3,) are where the crop begins and ends in the scan, 0..1 along z, y, x.
    """
    steps = [
        low[axis] + (torch.arange(size, device=low.device) + 0.5) / size * (high[axis] - low[axis]) - 0.5
        for axis, size in enumerate(shape_zyx)
    ]
    return torch.stack(torch.meshgrid(*steps, indexing="ij"))


class CrissCross(nn.Module):
    """Features (n, c, z, y, x) to features of the same shape; each position attends along its three lines.

    The attention is softmax(theta . phi + max(0, omega . rho)), eq. 3 and 4; the same weights serve all passes.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.theta, self.phi, self.value = (nn.Conv3d(channels, EMBEDDING, 1) for _ in range(3))
        self.omega, self.rho = (nn.Conv3d(3, EMBEDDING, 1, bias=False) for _ in range(2))
        self.back = nn.Conv3d(EMBEDDING, channels, 1)
        # The module begins as the identity and learns what to add.
        for parameter in self.back.parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """Attend `PASSES` times; `low` and `high` (n, 3) place each crop in its scan, as shares of it."""
        size = (features.shape[2], features.shape[3], features.shape[4])
        places = torch.stack([centres(size, low[n], high[n]) for n in range(len(features))]).to(features.dtype)
        geometry = self._lines(self.omega(places), self.rho(places)).clamp(min=0)
        for _ in range(PASSES):
            appearance = self._lines(self.theta(features), self.phi(features))
            shares = functional.softmax((appearance + geometry).float(), dim=-1).to(features.dtype)
            features = features + self.back(_gathered(shares, self.value(features)))
        return features

    @staticmethod
    def _lines(queries: Tensor, keys: Tensor) -> Tensor:
        """Products (n, z, y, x, Z + Y + X) of each position with those on its lines; itself counts once."""
        along = []
        for number, letters in enumerate(AXES):
            products = torch.einsum(f"bczyx,{letters}->bzyxk", queries, keys)
            if number:
                size = products.shape[-1]
                diagonal = torch.eye(size, dtype=torch.bool, device=products.device)
                shape = [1, 1, 1, 1, size]
                shape[number + 1] = size
                products = products.masked_fill(diagonal.view(shape), -1e4)
            along.append(products)
        return torch.cat(along, dim=-1)


def _gathered(shares: Tensor, values: Tensor) -> Tensor:
    """Mean of the values on the lines of each position, weighted by their shares."""
    parts = shares.split(list(values.shape[2:]), dim=-1)
    sums = [torch.einsum(f"bzyxk,{letters}->bczyx", part, values) for part, letters in zip(parts, AXES, strict=True)]
    return torch.stack(sums).sum(dim=0)
