"""Networks that see single slices, or three neighbours at once (2.5D, Wu et al.)."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inference.device import Device, cpu_device
from inference.geometry import Geometry
from inference.labels import InfectionLabel
from inference.networks.slices import slice_network
from inference.networks.unet import fused
from inference.preprocess.slices import lung_box, normalised, resized_hu
from inference.progress import OnProgress
from inference.segmenters.weights import verified_weights
from inference.volume import Mask, Volume

#: Working memory of one slice in a network of 16 channels at the first level, as measured, in MiB.
SLICE_MIB = 90.0
#: Denser than this is chest wall or infected lung; the latter is found with this certainty at least (of 255).
DENSE_HU, SURE = -300, 200
AIR_HU = -1024
#: Of a step between slices: what is so little short of the next whole number counts as that.
ROUNDING = 0.01


class SliceNetwork:
    """A network ready on a device. Its shares are softmax where `is_exclusive`, else sigmoid."""

    def __init__(
        self, network: nn.Module, device: Device, *, is_exclusive: bool, slices: int = 1, mirrored: bool = False
    ) -> None:
        self._network, self._device = network, device
        self._is_exclusive, self._slices, self._mirrored = is_exclusive, slices, mirrored

    def batches(self, planes: NDArray[np.int16], at_once: int = 0) -> Iterator[tuple[slice, Tensor]]:
        """Parts of a stack (n, y, x) with their shares (part, outputs, size, size), float32 on the CPU.

        Memory does not grow with the stack: `at_once` slices are looked at together, or as many as the device holds.
        In 2.5D the masks that overlap on a slice are averaged.
        """
        count, reach = len(planes), self._slices // 2
        at_once = at_once or self.at_once
        for start in range(0, count, at_once):
            part = slice(start, min(start + at_once, count))
            centres = np.arange(max(0, start - reach), min(count, part.stop + reach))
            around = np.clip(centres[:, None] + np.arange(-reach, reach + 1), 0, count - 1)
            needed = planes[around[0, 0] : around[-1, -1] + 1]
            inputs = normalised(resized_hu(needed))[:, 0][torch.from_numpy(around - around[0, 0])]
            yield part, self._merged(self._shares(inputs), centres, part, count)

    def score_gradient(self, planes: NDArray[np.int16], first_infected: int) -> Tensor:
        """Size (size, size) of the gradient of a slice's infection score by that slice.

        `planes` (slices, y, x) are the slice and its neighbours; outputs from `first_infected` on are infection, and
        their probabilities, summed over the slice, are its score.
        """
        inputs = normalised(resized_hu(planes))[:, 0][None].to(self._device.torch_device).requires_grad_()
        logits = self._network(inputs).reshape(self._slices, -1, *inputs.shape[2:])
        shares = logits.softmax(dim=1) if self._is_exclusive else logits.sigmoid()
        (gradient,) = torch.autograd.grad(shares[self._slices // 2, first_infected:].sum(), inputs)
        return gradient[0, self._slices // 2].abs().cpu()

    @property
    def at_once(self) -> int:
        """Slices that the device holds together."""
        return self._device.batch(SLICE_MIB)

    @property
    def reach(self) -> int:
        """Neighbours seen on either side of a slice."""
        return self._slices // 2

    def _merged(self, shares: Tensor, centres: NDArray[np.intp], part: slice, count: int) -> Tensor:
        if self._slices == 1:
            return shares[:, 0]
        reach = self._slices // 2
        sums = torch.zeros(part.stop - part.start, *shares.shape[2:])
        seen = torch.zeros(len(sums), 1, 1, 1)
        for row, centre in enumerate(centres):
            for offset in range(-reach, reach + 1):
                z = int(centre) + offset
                if part.start <= z < part.stop and 0 <= z < count:
                    sums[z - part.start] += shares[row, offset + reach]
                    seen[z - part.start] += 1
        return sums / seen

    def _shares(self, inputs: Tensor) -> Tensor:
        """(n, slices, outputs, size, size) of inputs (n, slices, size, size).

        A GPU that runs out of memory, which others may use as well, gets half as much at a time, and last the CPU
        takes over.
        """
        try:
            return self._computed(inputs)
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            if len(inputs) == 1:
                if self._device.torch_device.type == "cpu":
                    raise
                self._device = cpu_device()
                self._network.to(self._device.torch_device)
                return self._computed(inputs)
        half = len(inputs) // 2
        return torch.cat([self._shares(inputs[:half]), self._shares(inputs[half:])])

    def _computed(self, inputs: Tensor) -> Tensor:
        with torch.inference_mode(), self._device.autocast():
            logits = torch.cat([self._both_ways(piece) for piece in inputs.split(self._device.piece(len(inputs)))])
        logits = logits.float().reshape(len(inputs), self._slices, -1, *logits.shape[2:])
        return (logits.softmax(dim=2) if self._is_exclusive else logits.sigmoid()).cpu()

    def _both_ways(self, inputs: Tensor) -> Tensor:
        """Logits, of a network that is asked twice the mean of a slice's and its mirror image's."""
        logits = self._logits(inputs)
        return (logits + self._logits(inputs.flip(3)).flip(3)) / 2 if self._mirrored else logits

    def _logits(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self._network(self._device.laid(inputs, torch.channels_last))
        return logits


class AveragedNetworks:
    """Several networks that see the same slices; the mean of their shares errs less than each of them."""

    def __init__(self, networks: Sequence[SliceNetwork]) -> None:
        self._networks = networks

    def batches(self, planes: NDArray[np.int16]) -> Iterator[tuple[slice, Tensor]]:
        """As of one network."""
        at_once = min(network.at_once for network in self._networks)
        for found in zip(*(network.batches(planes, at_once) for network in self._networks), strict=True):
            yield found[0][0], torch.stack([shares for _, shares in found]).mean(dim=0)

    def score_gradient(self, planes: NDArray[np.int16], first_infected: int) -> Tensor:
        """As of one network."""
        return torch.stack([network.score_gradient(planes, first_infected) for network in self._networks]).mean(dim=0)

    @property
    def reach(self) -> int:
        """Neighbours seen on either side of a slice, by each of them."""
        return self._networks[0].reach


class SliceLung:
    """Lung by a slice network, on whole slices. Its first output is lung."""

    #: The network has seen dense lung at the surface; there is nothing left to close.
    closing_mm = 0.0

    def __init__(self, network: SliceNetwork, every_mm: float = 0.0) -> None:
        """The network looks at slices so far apart at most that others lie between them; 0: at each."""
        self._network, self._every_mm = network, every_mm

    def lung_probability(self, volume: Volume, on_progress: OnProgress) -> NDArray[np.uint8]:
        """Probability of lung, 0..255, axes z, y, x of an axial scan."""
        probability = np.empty(volume.geometry.shape_zyx, np.uint8)
        for part, shares in interpolated(self._network, volume.hu, step_of(self._every_mm, volume.geometry)):
            spread = enlarged(shares[:, :1], probability.shape[1:])
            found = (spread[:, 0] * 255).round().to(torch.uint8).numpy()
            # At the border a dense voxel is chest wall rather than lung, unless the network is sure.
            found[(volume.hu[part] > DENSE_HU) & (found < SURE)] = 0
            probability[part] = found
            on_progress(part.stop / len(probability))
        return probability


class SliceInfection:
    """Infection by a slice network, on the box around the lungs or on whole slices.

    With `kinds` the outputs are background and each `InfectionLabel` in turn; else the last one is infection of
    unknown kind. With `is_masked` the network sees nothing but lung. `every_mm` is as for the lung.
    """

    def __init__(
        self,
        network: SliceNetwork | AveragedNetworks,
        threshold: float,
        *,
        kinds: bool,
        is_masked: bool,
        is_boxed: bool = True,
        every_mm: float = 0.0,
    ) -> None:
        self._network, self._threshold, self._every_mm = network, threshold, every_mm
        self._kinds, self._is_masked, self._is_boxed = kinds, is_masked, is_boxed

    def infection_kinds(self, volume: Volume, lung: Mask, on_progress: OnProgress) -> NDArray[np.uint8]:
        """Kinds of infection, axes z, y, x; only slices that show lung are looked at."""
        kinds = np.zeros(volume.geometry.shape_zyx, np.uint8)
        shown = np.flatnonzero(lung.labels.any(axis=(1, 2)))
        if not shown.size:
            return kinds
        rows, columns = self._box(lung)
        levels = slice(int(shown[0]), int(shown[-1]) + 1)
        crops = self._crops(volume, lung, np.arange(levels.start, levels.stop))
        target = kinds[levels, rows, columns]
        for part, shares in interpolated(self._network, crops, step_of(self._every_mm, volume.geometry)):
            target[part] = self._labels(enlarged(shares, crops.shape[1:]))
            on_progress(part.stop / len(crops))
        return kinds

    def infection_saliency(self, volume: Volume, lung: Mask, z: int) -> NDArray[np.float32]:
        """How strongly each pixel (y, x) of a slice bears on its infection score."""
        saliency = np.zeros(volume.hu.shape[1:], np.float32)
        rows, columns = self._box(lung)
        reach = self._network.reach
        crops = self._crops(volume, lung, np.clip(np.arange(z - reach, z + reach + 1), 0, len(volume.hu) - 1))
        found = self._network.score_gradient(crops, 1 if self._kinds else -1)
        saliency[rows, columns] = enlarged(found[None, None], crops.shape[1:])[0, 0].numpy()
        return saliency

    def _box(self, lung: Mask) -> tuple[slice, slice]:
        return lung_box(lung.labels > 0) if self._is_boxed else (slice(None), slice(None))

    def _crops(self, volume: Volume, lung: Mask, levels: NDArray[np.intp]) -> NDArray[np.int16]:
        """What the network sees of some slices."""
        rows, columns = self._box(lung)
        span = slice(int(levels.min()), int(levels.max()) + 1)
        crops = volume.hu[span, rows, columns]
        if self._is_masked:
            crops = np.where(lung.labels[span, rows, columns] > 0, crops, np.int16(AIR_HU))
        # A run of slices needs no copy.
        return crops if len(levels) == len(crops) else crops[levels - span.start]

    def _labels(self, shares: Tensor) -> NDArray[np.uint8]:
        if not self._kinds:
            return ((shares[:, -1] > self._threshold) * int(InfectionLabel.INFECTED)).to(torch.uint8).numpy()
        # The same as argmax(), many times as fast on a CPU.
        kind = shares[:, 1:].max(dim=1).indices + 1
        found: NDArray[np.uint8] = (kind * (1 - shares[:, 0] > self._threshold)).to(torch.uint8).numpy()
        return found


def step_of(every_mm: float, geometry: Geometry) -> int:
    """How many slices on the next one to look at is, so that they are `every_mm` apart at most, or each is looked at.

    Scanners write 1.0004 mm and mean 1.
    """
    step = int(every_mm / geometry.spacing_zyx_mm[0] + ROUNDING)
    return min(max(1, step), geometry.shape_zyx[0])


def interpolated(
    network: SliceNetwork | AveragedNetworks, planes: NDArray[np.int16], step: int
) -> Iterator[tuple[slice, Tensor]]:
    """Shares of all planes (n, y, x), as of `batches`, by a network that looks at each `step`-th one.

    Between two that were looked at they change evenly; behind the last one they stay.
    """
    if step == 1:
        yield from network.batches(planes)
        return
    kept: Tensor | None = None
    for part, shares in network.batches(planes[::step]):
        known = shares if kept is None else torch.cat([kept, shares])
        first = part.stop - len(known)
        stop = len(planes) if part.stop * step >= len(planes) else (part.stop - 1) * step
        if numbers := range(first * step, stop):
            yield slice(first * step, stop), torch.stack([between(known, z / step - first) for z in numbers])
        kept = known[-1:]


def between(shares: Tensor, place: float) -> Tensor:
    """Shares of one slice, from the two around it that were looked at (n, ...); `place` counts in those."""
    below = int(place)
    above = min(below + 1, len(shares) - 1)
    return torch.lerp(shares[below], shares[above], place - below)


def enlarged(shares: Tensor, shape_yx: Sequence[int]) -> Tensor:
    """Shares (n, c, size, size) on slices of another size."""
    return functional.interpolate(shares, size=tuple(shape_yx), mode="bilinear", align_corners=False)


def load_lung(part: dict[str, Any], file: dict[str, str], device: Device) -> SliceLung:
    """The lung finder of a model card.

    Raises:
        MissingWeights: the file is absent or not the one the model card names.
    """
    return SliceLung(slice_network_of(part, file, device), part.get("every_mm", 0.0))


def load_infection(part: dict[str, Any], file: dict[str, str], device: Device) -> SliceInfection:
    """The infection finder of a model card.

    Raises:
        MissingWeights: the file is absent or not the one the model card names.
    """
    return infection_by(slice_network_of(part, file, device), part)


def infection_by(network: SliceNetwork | AveragedNetworks, part: dict[str, Any]) -> SliceInfection:
    """The infection finder that a model card's part describes, with its network."""
    knows_kinds = part.get("network") != "bifurcated"
    return SliceInfection(
        network,
        part["threshold"],
        kinds=knows_kinds,
        is_masked=part.get("masked", False),
        is_boxed=knows_kinds,
        every_mm=part.get("every_mm", 0.0),
    )


def network_of(part: dict[str, Any], file: dict[str, str]) -> nn.Module:
    """The network of a model card's part with its weights, ready for inference.

    Raises:
        MissingWeights: the file is absent or not the one the model card names.
    """
    network = slice_network(part["network"], part["outputs"], part.get("base_channels", 0), part.get("slices", 1))
    network.load_state_dict(verified_weights(file))
    return fused(network)


def slice_network_of(part: dict[str, Any], file: dict[str, str], device: Device) -> SliceNetwork:
    """The network of a model card's part, on the device.

    Raises:
        MissingWeights: the file is absent or not the one the model card names.
    """
    network = network_of(part, file).to(device.torch_device)
    return SliceNetwork(
        network.to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        device,
        is_exclusive=part["network"] != "bifurcated" and part["outputs"] > 1,
        slices=part.get("slices", 1),
        mirrored=part.get("mirrored", False),
    )
