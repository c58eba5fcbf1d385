"""Training the candidate classifier of Wu et al. on what the segmenters find, and its ROC on held-out patients."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.metrics import compute_roc_auc
from torch import Tensor, nn
from torch.nn import functional

from inference.candidates import PATCH_EDGE, CandidateJudge, candidates_in, patch_of
from inference.catalogue import pipeline_named
from inference.device import Device
from inference.errors import BadConfiguration
from inference.networks.classifier import candidate_classifier
from inference.pipeline import load_segmenter
from inference.progress import ignore_progress
from inference.training.config import TrainingConfig
from inference.training.datasets import Case
from inference.training.fit import Fit, state_of
from inference.training.layouts import marked_cases, split
from inference.volume import Mask

#: Whose candidates are judged.
FINDERS = ("unet2d", "hu-baseline")
#: A candidate is infected from this share of truly infected pixels on, healthy below the other; between, neither.
INFECTED_FROM, HEALTHY_BELOW = 0.3, 0.1
SHIFT_PIXELS = 4
THRESHOLDS = np.linspace(0.05, 0.95, 19)


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Patches (n, 1, edge, edge) float16 0..1, whether each is infected (n,), its pixels and the truly infected ones.

    `missed` counts infected pixels that no candidate holds.
    """

    patches: Tensor
    infected: Tensor
    pixels: Tensor
    hits: Tensor
    missed: int


def candidates_of(cases: Iterable[Case], finders_named: Sequence[str] = FINDERS) -> Candidates:
    """What the finders take for infection in cases whose lungs are known, with the readers' verdict."""
    finders = [load_segmenter(pipeline_named(name), "cpu") for name in finders_named]
    patches, infected, pixels, true_pixels = [], [], [], []
    missed = 0
    for case in cases:
        volume, truth = case.volume, case.marked
        lung = Mask(((case.lung > 0) | (truth > 0)).astype(np.uint8), volume.geometry)
        for finder in finders:
            kinds = finder.infection_kinds(volume, lung, ignore_progress)
            kinds[lung.labels == 0] = 0
            missed += int(np.count_nonzero(truth))
            for z in np.flatnonzero(kinds.any(axis=(1, 2))):
                labels, found = candidates_in(kinds[z] > 0)
                hits = np.bincount(labels.ravel(), truth[z].ravel() > 0)
                for candidate in found:
                    share = hits[candidate.number] / candidate.pixels
                    if HEALTHY_BELOW <= share < INFECTED_FROM:
                        continue
                    patches.append(patch_of(case.hu[z], candidate).half())
                    infected.append(share >= INFECTED_FROM)
                    pixels.append(candidate.pixels)
                    true_pixels.append(int(hits[candidate.number]))
    if not any(infected) or all(infected):
        raise BadConfiguration("The cases give no infected or no healthy candidates to learn from.")
    counts = torch.tensor(pixels), torch.tensor(true_pixels)
    return Candidates(torch.stack(patches), torch.tensor(infected), *counts, missed - sum(true_pixels))


def train_candidates(config: TrainingConfig, place: Device) -> Path:
    """Train, choose the threshold on the validation patients, and store the ROC of the test patients.

    Raises:
        BadConfiguration: data are missing, or a split leaves nothing to train or validate on.
    """
    marked = marked_cases(config)
    training, validation = split(config, marked)
    test = [case for case in marked if case.patient in config.test]
    held_back = candidates_of(validation)
    last = CandidateFit(config, candidates_of(training), held_back, place).run()
    network = candidate_classifier()
    network.load_state_dict(state_of(last.with_name(f"{config.name}-best.pt")))
    judge = CandidateJudge(network.eval().to(place.torch_device), place, 0.5)
    # Dice of both finders together would be that of the baseline, which has by far the most candidates.
    of_networks = candidates_of(validation, FINDERS[:1])
    threshold = best_threshold(judge.infected_shares(of_networks.patches.float()), of_networks)
    result = judged(judge, candidates_of(test), threshold) if test else {}
    (Path(config.out) / f"{config.name}-roc.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({key: value for key, value in result.items() if key != "roc"}), flush=True)
    return last


class CandidateFit(Fit):
    """The classifier and the candidates it learns from, infected and healthy ones equally often."""

    def __init__(self, config: TrainingConfig, training: Candidates, validation: Candidates, place: Device) -> None:
        torch.manual_seed(config.seed)
        self._training, self._held_back = training, validation
        share = training.infected.float().mean()
        self._weights = torch.where(training.infected, 1 - share, share)
        super().__init__(config, candidate_classifier(), place, torch.channels_last)

    def batch_loss(self) -> Tensor:
        """Binary cross-entropy of candidates that are shifted and mirrored at random."""
        chosen = torch.multinomial(self._weights, self.config.batch_size, replacement=True)
        patches, truth = _shifted(self._training.patches[chosen].float()), self._training.infected[chosen].float()
        device = self.place.torch_device
        with self.place.autocast():
            logits = self.network(patches.to(device, memory_format=self.layout)).float()[:, 0]
        return functional.binary_cross_entropy_with_logits(logits, truth.to(device))

    def validation_dice(self, network: nn.Module) -> float:
        """Area under the ROC of the candidates held back (there is no mask to overlap)."""
        network.eval()
        shares = CandidateJudge(network, self.place, 0.5).infected_shares(self._held_back.patches.float())
        return area_under_roc(shares, self._held_back.infected)


def _shifted(patches: Tensor) -> Tensor:
    """Random crops of enlarged patches, left-right flips (Wu et al.), and a little contrast."""
    if torch.rand(1) < 0.5:
        patches = patches.flip(3)
    padded = functional.pad(patches, (SHIFT_PIXELS,) * 4, mode="replicate")
    top, left = (int(torch.randint(0, 2 * SHIFT_PIXELS + 1, (1,))) for _ in range(2))
    cropped = padded[:, :, top : top + PATCH_EDGE, left : left + PATCH_EDGE]
    gain = 1 + (torch.rand(len(patches), 1, 1, 1) - 0.5) * 0.15
    return cropped * gain + (torch.rand(len(patches), 1, 1, 1) - 0.5) * 0.05


def area_under_roc(shares: Tensor, infected: Tensor) -> float:
    """Area under the ROC of candidates' shares (n,) against whether each is infected (n,)."""
    return float(np.asarray(compute_roc_auc(shares, infected.float())))


def best_threshold(shares: Tensor, candidates: Candidates) -> float:
    """The threshold that leaves the mask with the best Dice, counted over all pixels."""
    dice = []
    for threshold in THRESHOLDS:
        kept = shares >= threshold
        both, found = int(candidates.hits[kept].sum()), int(candidates.pixels[kept].sum())
        dice.append(2 * both / (found + int(candidates.hits.sum()) + candidates.missed))
    return round(float(THRESHOLDS[int(np.argmax(dice))]), 2)


def judged(judge: CandidateJudge, candidates: Candidates, threshold: float) -> dict[str, Any]:
    """Area under the ROC, accuracy at the threshold, and the curve (false, true positive rate)."""
    shares, infected = judge.infected_shares(candidates.patches.float()), candidates.infected
    cuts = torch.quantile(shares, torch.linspace(0, 1, 60))
    roc = [
        [round(float((shares[group] >= cut).float().mean()), 4) for group in (~infected, infected)]
        for cut in [*cuts.tolist(), 1.1]
    ]
    return {
        "candidates": len(infected),
        "infected": int(infected.sum()),
        "auc": round(area_under_roc(shares, infected), 4),
        "threshold": threshold,
        "accuracy": round(float(((shares >= threshold) == infected).float().mean()), 4),
        "roc": roc,
    }
