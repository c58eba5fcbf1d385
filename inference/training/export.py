"""From checkpoints to shipped weights and their model card."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from inference.catalogue import WEIGHTS, card_of
from inference.training.fit import state_of

#: Endings of a training's checkpoints; the shipped file is named after the training.
ENDINGS = ("-best", "-last")


def export_weights(checkpoints: Mapping[str, Sequence[Path]], name: str) -> dict[str, Any]:
    """Make checkpoints, by role, the weights of a pipeline; returns its card.

    Each becomes one safetensors file named after its training; a file that is shipped already may serve another
    pipeline as well. Of several checkpoints of a role, one of which began as the other, the mean is shipped. Every card
    that names a renewed file gets its new checksum. What a card says of data, training and limits is for a person to
    write; `report` fills in the figures.
    """
    card = card_of(name)
    for role, averaged in checkpoints.items():
        path = _shipped(averaged)
        entry = {"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        card = write_card(name, {**card, "files": {**card["files"], role: entry}})
        _renew_checksums(entry)
    return card


def write_card(name: str, card: dict[str, Any]) -> dict[str, Any]:
    """Replace the card of a pipeline."""
    (WEIGHTS / f"{name}.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n")
    return card


def mean_of(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Weights averaged one by one (Wortsman et al., model soups); what counts batches is the first one's."""
    first, *_ = states
    return {
        key: torch.stack([state[key].float() for state in states]).mean(dim=0) if value.is_floating_point() else value
        for key, value in first.items()
    }


def _shipped(averaged: Sequence[Path]) -> Path:
    checkpoint = averaged[0]
    is_shipped = checkpoint.suffix == ".safetensors" and checkpoint.resolve().parent == WEIGHTS.resolve()
    if is_shipped and len(averaged) == 1:
        return checkpoint
    stem = checkpoint.stem
    for ending in ENDINGS:
        stem = stem.removesuffix(ending)
    path = WEIGHTS / f"{stem}.safetensors"
    state = mean_of([state_of(one) for one in averaged])
    save_file({key: value.contiguous() for key, value in state.items()}, path)
    path.chmod(0o644)
    return path


def _renew_checksums(entry: dict[str, str]) -> None:
    for path in WEIGHTS.glob("*.json"):
        card = json.loads(path.read_text())
        files = {role: entry if file["name"] == entry["name"] else file for role, file in card.get("files", {}).items()}
        if files != card.get("files", {}):
            write_card(path.stem, {**card, "files": files})
