"""The 3D U-Net (Müller et al.) as finder of lung and infection."""

from typing import Any

import numpy as np
import torch
from monai.inferers import sliding_window_inference
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inference.device import Device
from inference.labels import InfectionLabel
from inference.networks.unet3d import unet3d
from inference.preprocess.cubes import PATCH_ZYX, resampled, standardised
from inference.progress import OnProgress
from inference.segmenters.weights import verified_weights
from inference.volume import Mask, Volume

LUNG, INFECTED = slice(1, None), 3
THRESHOLD = 0.5
#: Edges that the network's poolings divide evenly.
MULTIPLE = 16


def patch_shares(network: nn.Module, image: Tensor, device: Device) -> Tensor:
    """Shares (4, z, y, x) of an image (1, z, y, x) from patches that overlap by half and are averaged."""

    def shares(patches: Tensor) -> Tensor:
        result: Tensor = network(patches.contiguous(memory_format=torch.channels_last_3d))
        return result.float().softmax(dim=1)

    with torch.inference_mode(), device.autocast():
        found = sliding_window_inference(image[None].to(device.torch_device), PATCH_ZYX, 1, shares, overlap=0.5)
    merged: Tensor = found[0].cpu()
    return merged


class CubeFinder:
    """Lung (with its infection) and infection of unknown kind from one network on a coarse grid."""

    closing_mm = 0.0

    def __init__(self, network: nn.Module, device: Device) -> None:
        self._network, self._device = network, device

    def lung_probability(self, volume: Volume, on_progress: OnProgress) -> NDArray[np.uint8]:
        """Probability of lung, 0..255, axes z, y, x."""
        share = self._shares(volume)[LUNG].sum(dim=0)
        probability = np.empty(volume.geometry.shape_zyx, np.uint8)
        for z in range(len(probability)):
            probability[z] = (_plane(share, z, probability.shape) * 255).round().to(torch.uint8).numpy()
        on_progress(1.0)
        return probability

    def infection_kinds(self, volume: Volume, lung: Mask, on_progress: OnProgress) -> NDArray[np.uint8]:
        """Infection of unknown kind, axes z, y, x."""
        share = self._shares(volume)[INFECTED]
        kinds = np.zeros(volume.geometry.shape_zyx, np.uint8)
        for z in np.flatnonzero(lung.labels.any(axis=(1, 2))):
            kinds[z][_plane(share, int(z), kinds.shape).numpy() > THRESHOLD] = InfectionLabel.INFECTED
        on_progress(1.0)
        return kinds

    def infection_saliency(self, volume: Volume, lung: Mask, z: int) -> NDArray[np.float32]:
        """How strongly each pixel (y, x) of a slice bears on the infection score of the patch around it."""
        image = standardised(resampled(volume.hu, volume.geometry.spacing_zyx_mm))
        level = int((z + 0.5) / len(volume.hu) * len(image))
        start = min(max(0, level - PATCH_ZYX[0] // 2), max(0, len(image) - PATCH_ZYX[0]))
        slab = image[start : start + PATCH_ZYX[0]]
        padding = [(-edge) % MULTIPLE for edge in slab.shape]
        padded = functional.pad(slab[None, None], (0, padding[2], 0, padding[1], 0, padding[0]))
        inputs = padded.to(self._device.torch_device).requires_grad_()
        score = self._network(inputs).softmax(dim=1)[0, INFECTED, level - start].sum()
        (gradient,) = torch.autograd.grad(score, inputs)
        plane = gradient[0, 0, level - start, : slab.shape[1], : slab.shape[2]].abs().cpu()
        size = volume.hu.shape[1:]
        spread = functional.interpolate(plane[None, None], size=size, mode="bilinear", align_corners=False)
        saliency: NDArray[np.float32] = spread[0, 0].numpy()
        return saliency

    def _shares(self, volume: Volume) -> Tensor:
        image = standardised(resampled(volume.hu, volume.geometry.spacing_zyx_mm))
        return patch_shares(self._network, image[None], self._device)


def _plane(share: Tensor, z: int, shape: tuple[int, ...]) -> Tensor:
    """One slice (y, x) of the scan between the planes of the network's grid (z, y, x)."""
    depth = share.shape[0]
    place = min(max((z + 0.5) / shape[0] * depth - 0.5, 0.0), depth - 1.0)
    lower = min(int(place), max(0, depth - 2))
    upper = min(lower + 1, depth - 1)
    plane = share[lower] * (1 - (place - lower)) + share[upper] * (place - lower)
    return functional.interpolate(plane[None, None], size=shape[1:], mode="bilinear", align_corners=False)[0, 0]


def load_lung(part: dict[str, Any], file: dict[str, str], device: Device) -> CubeFinder:
    """The 3D network as shipped.

    Raises:
        MissingWeights: the file is absent or not the one the model card names.
    """
    network: nn.Module = unet3d(part["base_channels"])
    network.load_state_dict(verified_weights(file))
    network.eval()
    ready = network.to(device.torch_device).to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return CubeFinder(ready, device)


load_infection = load_lung
