"""Random changes to a batch of slices, all at once in torch."""

import torch
from torch import Tensor
from torch.nn import functional

from inference.preprocess.slices import normalised
from inference.training.config import Task

#: Largest rotation in radians, shift as a share of the half image, zoom and stretch as logarithms.
ROTATION, SHIFT, STRETCH = 0.3, 0.12, 0.1
#: Tasks that are not named here do not see slices.
ZOOM: dict[Task, float] = {
    "lung": 0.3,
    "infection": 0.2,
    "kinds": 0.2,
    "binary": 0.2,
    "lung-infection": 0.2,
    "effusion": 0.3,
}
AIR_HU = -1126.4
#: Some archives keep only a display window: soft tissue is clipped here in this share of the samples.
CLIPPED_HU, CLIPPED_SHARE = 150.0, 0.3
GAMMA, GAIN, OFFSET, NOISE, BLURRED_SHARE = 0.18, 0.08, 0.035, 0.05, 0.25


def _uniform(*shape: int) -> Tensor:
    return torch.rand(*shape) * 2 - 1


def augmented(hu: Tensor, labels: Tensor, task: Task, contrast: float = 1.0) -> tuple[Tensor, Tensor]:
    """Turned, moved, zoomed and mirrored slices with other contrast and noise.

    Args:
        hu: (n, k, h, w) float32, k neighbouring slices that are changed alike.
        labels: (n, k, h, w) float32.
        task: decides how far slices are zoomed.
        contrast: share of the usual changes of brightness and contrast; noise and geometry are as ever.

    Returns:
        Network input 0..1 and labels int64, both (n, k, h, w).
    """
    count = len(hu)
    angle, zoom = _uniform(count) * ROTATION, torch.exp(_uniform(count) * ZOOM[task])
    shift, stretch = _uniform(count, 2) * SHIFT, torch.exp(_uniform(count) * STRETCH)
    mirror = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    rows = torch.stack([cos * mirror, -sin * stretch, shift[:, 0]], dim=1)
    columns = torch.stack([sin * mirror, cos * stretch, shift[:, 1]], dim=1)
    grid = functional.affine_grid(torch.stack([rows, columns], dim=1), list(hu.shape), align_corners=False)
    hu = functional.grid_sample(hu - AIR_HU, grid, align_corners=False) + AIR_HU
    labels = functional.grid_sample(labels, grid, mode="nearest", align_corners=False)
    ceiling = torch.where(torch.rand(count, 1, 1, 1) < CLIPPED_SHARE * contrast, CLIPPED_HU, 3000.0)
    values = normalised(torch.minimum(hu, ceiling)) ** torch.exp(_uniform(count, 1, 1, 1) * GAMMA * contrast)
    values = values * (1 + _uniform(count, 1, 1, 1) * GAIN * contrast) + _uniform(count, 1, 1, 1) * OFFSET * contrast
    values = values + torch.randn_like(values) * torch.rand(count, 1, 1, 1) ** 2 * NOISE
    if torch.rand(1) < BLURRED_SHARE:
        values = functional.avg_pool2d(values, 3, 1, 1)
    return values, labels.long()
