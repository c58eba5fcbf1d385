"""Two 2D U-Nets: lung on the whole slice, infection on the box around the lungs (Wu et al., section on U-Net)."""

import hashlib
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from inference.catalogue import WEIGHTS, card_of
from inference.device import Device, pick_device
from inference.errors import MissingWeights
from inference.labels import InfectionLabel
from inference.networks.unet import UNet, fused
from inference.preprocess.slices import lung_box, normalised, resized_hu
from inference.progress import OnProgress
from inference.volume import Mask, Volume

NAME = "unet2d"
BATCH_SLICES = 16
#: Logits: lung; background, ground-glass, consolidation.
LUNG_OUTPUTS = 1
#: Denser than this is chest wall or infected lung; the latter is found with this certainty at least (of 255).
DENSE_HU, SURE = -300, 200
INFECTION_OUTPUTS = 3


class Unet2d:
    """The pipeline's networks, ready on a device. Memory beyond the volume does not grow with its slices."""

    def __init__(self, lung: nn.Module, infection: nn.Module, device: Device, infection_threshold: float) -> None:
        self._lung = lung
        self._infection = infection
        self._device = device
        self._threshold = infection_threshold

    @property
    def closing_mm(self) -> float:
        """The network has seen dense lung at the surface; there is nothing left to close."""
        return 0.0

    def lung_probability(self, volume: Volume, on_progress: OnProgress) -> NDArray[np.uint8]:
        """Probability of lung, 0..255, axes z, y, x of an axial scan."""
        probability = np.empty(volume.geometry.shape_zyx, np.uint8)
        for covered in _batches(range(len(probability))):
            part = slice(covered[0], covered[-1] + 1)
            logits = self._run(self._lung, volume.hu[part])
            spread = _enlarged(torch.sigmoid(logits), probability.shape[1:])
            found = (spread[:, 0] * 255).round().to(torch.uint8).cpu().numpy()
            # At the border a dense voxel is chest wall rather than lung, unless the network is sure.
            found[(volume.hu[part] > DENSE_HU) & (found < SURE)] = 0
            probability[part] = found
            on_progress(part.stop / len(probability))
        return probability

    def infection_kinds(self, volume: Volume, lung: Mask, on_progress: OnProgress) -> NDArray[np.uint8]:
        """Ground-glass and consolidation, axes z, y, x; only slices that show lung are looked at."""
        kinds = np.zeros(volume.geometry.shape_zyx, np.uint8)
        has_lung = lung.labels.any(axis=(1, 2))
        rows, columns = lung_box(lung.labels > 0)
        shown = np.flatnonzero(has_lung).tolist()
        for done, chosen in enumerate(_batches(shown), start=1):
            crops = volume.hu[chosen, rows, columns]
            shares = _enlarged(self._run(self._infection, crops).softmax(dim=1), crops.shape[1:])
            infected = 1 - shares[:, 0] > self._threshold
            dense = shares[:, InfectionLabel.CONSOLIDATION] > shares[:, InfectionLabel.GROUND_GLASS]
            kind = torch.where(dense, int(InfectionLabel.CONSOLIDATION), int(InfectionLabel.GROUND_GLASS))
            kinds[chosen, rows, columns] = (kind * infected).to(torch.uint8).cpu().numpy()
            on_progress(min(1.0, done * BATCH_SLICES / len(shown)))
        return kinds

    def _run(self, network: nn.Module, planes: NDArray[np.int16]) -> Tensor:
        inputs = normalised(resized_hu(planes)).to(self._device.torch_device, memory_format=torch.channels_last)
        with torch.inference_mode(), self._device.autocast():
            logits: Tensor = network(inputs)
        return logits.float()


def _batches(numbers: range | list[int]) -> Iterator[list[int]]:
    for start in range(0, len(numbers), BATCH_SLICES):
        yield list(numbers[start : start + BATCH_SLICES])


def _enlarged(shares: Tensor, shape_yx: tuple[int, ...]) -> Tensor:
    return functional.interpolate(shares, size=tuple(shape_yx), mode="bilinear", align_corners=False)


def load(device: str) -> Unet2d:
    """The shipped networks.

    Raises:
        MissingWeights: a file is absent or not the one the model card names.
    """
    card = card_of(NAME)
    place = pick_device(device)
    networks = {}
    for role, outputs in (("lung", LUNG_OUTPUTS), ("infection", INFECTION_OUTPUTS)):
        network = UNet(outputs, card["parameters"]["base_channels"])
        network.load_state_dict(_verified_weights(card["files"][role]))
        ready = fused(network).to(place.torch_device)
        networks[role] = ready.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Unet2d(networks["lung"], networks["infection"], place, card["parameters"]["infection_threshold"])


def _verified_weights(file: dict[str, str]) -> dict[str, Tensor]:
    path = WEIGHTS / file["name"]
    if not path.exists():
        raise MissingWeights(f"The weights {file['name']} are missing; install LungTrend again.")
    if hashlib.sha256(path.read_bytes()).hexdigest() != file["sha256"]:
        raise MissingWeights(f"The weights {file['name']} differ from their model card; install LungTrend again.")
    return load_file(path)
