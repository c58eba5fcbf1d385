"""Cross-entropy plus soft Dice; where nobody told the kinds of infection, their sum is judged."""

import torch
from torch import Tensor
from torch.nn import functional

from inference.training.config import Task

INFECTED_WEIGHT, KIND_WEIGHT = 2.0, 0.25
#: Yazdekhasty et al., section 2.2: lung, auxiliary and final infection.
BIFURCATED_WEIGHTS = (0.5, 1.0, 2.0)


def _dice_loss(share: Tensor, truth: Tensor) -> Tensor:
    return 1 - (2 * (share * truth).sum() + 1) / (share.sum() + truth.sum() + 1)


def loss_of(logits: Tensor, labels: Tensor, knows_kinds: Tensor, task: Task) -> Tensor:
    """Loss of a batch: logits (n, classes, h, w), labels (n, h, w), whether each sample tells kinds (n,)."""
    logits = logits.float()
    if task == "lung-infection":
        return _bifurcated_loss(logits, labels)
    return _mask_loss(logits, labels) if task in ("lung", "effusion") else _infection_loss(logits, labels, knows_kinds)


def balanced_entropy(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy with a weight a class (Saood and Hatem, section on class balancing)."""
    return functional.cross_entropy(logits.float(), labels, weights)


def median_frequency_weights(labels: Tensor, classes: int) -> Tensor:
    """Weights (classes,) of labels (n, h, w): median of the classes' frequencies over each one's own.

    A class's frequency is its pixels over all pixels of the samples that show it. A class that nowhere occurs weighs 0.
    """
    frequencies = torch.zeros(classes)
    for kind in range(classes):
        shown = (labels == kind).flatten(1)
        with_kind = shown.any(dim=1)
        if with_kind.any():
            frequencies[kind] = shown[with_kind].float().mean()
    present = frequencies > 0
    weights = torch.zeros(classes)
    weights[present] = frequencies[present].median() / frequencies[present]
    return weights


def _mask_loss(logits: Tensor, labels: Tensor) -> Tensor:
    truth = (labels > 0).float()
    entropy = functional.binary_cross_entropy_with_logits(logits[:, 0], truth)
    return entropy + _dice_loss(torch.sigmoid(logits[:, 0]), truth)


def _bifurcated_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Weighted sum of three binary cross-entropies; labels: 1 lung, 2 infected."""
    truths = ((labels > 0).float(), (labels == 2).float(), (labels == 2).float())
    parts = [
        weight * functional.binary_cross_entropy_with_logits(logits[:, n], truth)
        for n, (weight, truth) in enumerate(zip(BIFURCATED_WEIGHTS, truths, strict=True))
    ]
    return torch.stack(parts).sum()


def _infection_loss(logits: Tensor, labels: Tensor, knows_kinds: Tensor) -> Tensor:
    log_shares = functional.log_softmax(logits, dim=1)
    shares = log_shares.exp()
    classes = shares.shape[1]
    infected = labels > 0
    known = knows_kinds[:, None, None]
    by_kind = functional.nll_loss(log_shares, labels.clamp(max=classes - 1), reduction="none")
    by_sum = -torch.where(infected, torch.logsumexp(log_shares[:, 1:], dim=1), log_shares[:, 0])
    entropy = (torch.where(known, by_kind, by_sum) * (1 + INFECTED_WEIGHT * infected)).mean()
    loss = entropy + _dice_loss(shares[:, 1:].sum(dim=1), infected.float())
    for kind in range(1, classes):
        loss = loss + KIND_WEIGHT * _dice_loss(shares[:, kind] * known, (labels == kind).float() * known)
    return loss
