"""Candidates of infection: connected regions of a slice, each boxed in the smallest square around it (Wu et al.)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional

from inference.device import Device
from inference.labels import InfectionLabel
from inference.preprocess.slices import normalised
from inference.progress import OnProgress
from inference.volume import Volume

#: Edge of a patch as the classifier sees it, in pixels.
PATCH_EDGE = 48
#: The square reaches beyond its candidate by this share, so that the classifier sees what lies around.
MARGIN_SHARE = 0.15
#: Smaller candidates show too little to be judged; they stay.
MIN_PIXELS = 12
BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A connected region of one slice: its number within the slice's labels, its box, its size in pixels."""

    number: int
    rows: slice
    columns: slice
    pixels: int


def candidates_in(infected: NDArray[np.bool_]) -> tuple[NDArray[np.int32], list[Candidate]]:
    """Labels of the regions of one slice (y, x), and those that are large enough to be judged."""
    labels, count = ndimage.label(infected, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    boxes = ndimage.find_objects(labels)
    found = [
        Candidate(number, *_square(box, infected.shape), int(sizes[number]))
        for number, box in enumerate(boxes, start=1)
        if sizes[number] >= MIN_PIXELS
    ]
    return labels, found


def _square(box: tuple[slice, slice], shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The smallest square around a box with its margin, moved into the image where it would leave it."""
    edge = max(span.stop - span.start for span in box)
    edge = min(round(edge * (1 + 2 * MARGIN_SHARE)) + 2, *shape)
    spans = []
    for span, size in zip(box, shape, strict=True):
        start = min(max(0, (span.start + span.stop - edge) // 2), size - edge)
        spans.append(slice(start, start + edge))
    return spans[0], spans[1]


def patch_of(hu: NDArray[np.int16], candidate: Candidate) -> Tensor:
    """The candidate's square of one slice as the classifier's input (1, edge, edge), 0..1."""
    values = torch.from_numpy(hu[candidate.rows, candidate.columns].astype(np.float32))[None, None]
    resized = functional.interpolate(
        values, size=(PATCH_EDGE, PATCH_EDGE), mode="bilinear", align_corners=False, antialias=True
    )
    return normalised(resized)[0]


class CandidateJudge:
    """Drops the candidates that the classifier holds for healthy: airways, vessels, blurred borders."""

    def __init__(self, network: nn.Module, device: Device, threshold: float) -> None:
        self._network, self._device, self._threshold = network, device, threshold

    def infected_shares(self, patches: Tensor) -> Tensor:
        """Probability of infection (n,) of patches (n, 1, edge, edge)."""
        found = []
        for part in patches.split(BATCH):
            with torch.inference_mode(), self._device.autocast():
                found.append(self._network(part.to(self._device.torch_device)).float().sigmoid()[:, 0].cpu())
        return torch.cat(found) if found else torch.zeros(0)

    def without_healthy(self, volume: Volume, kinds: NDArray[np.uint8], on_progress: OnProgress) -> NDArray[np.uint8]:
        """`InfectionLabel` map without the candidates judged healthy; effusion is not judged."""
        for z, labels, candidates in self._by_slice(kinds):
            if candidates:
                patches = torch.stack([patch_of(volume.hu[z], candidate) for candidate in candidates])
                shares = self.infected_shares(patches)
                healthy = [
                    c.number for c, share in zip(candidates, shares.tolist(), strict=True) if share < self._threshold
                ]
                kinds[z][np.isin(labels, healthy)] = 0
            on_progress((z + 1) / len(kinds))
        return kinds

    @staticmethod
    def _by_slice(kinds: NDArray[np.uint8]) -> Iterator[tuple[int, NDArray[np.int32], list[Candidate]]]:
        for z, plane in enumerate(kinds):
            infected = (plane > 0) & (plane != InfectionLabel.EFFUSION)
            if infected.any():
                yield z, *candidates_in(infected)
