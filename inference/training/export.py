"""From checkpoints to shipped weights and their model card."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from inference.catalogue import WEIGHTS, card_of


def export_weights(checkpoints: dict[str, Path], name: str) -> dict[str, Any]:
    """Write one safetensors file a checkpoint, and their checksums into the pipeline's card; returns the card.

    What the card says of data, training and limits is for a person to write; `report` fills in the figures.
    """
    card = card_of(name)
    files = dict(card["files"])
    for role, checkpoint in checkpoints.items():
        state = torch.load(checkpoint, weights_only=True)["state"]
        path = WEIGHTS / f"{name}-{role}.safetensors"
        save_file({key: value.contiguous() for key, value in state.items()}, path)
        path.chmod(0o644)
        files[role] = {"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    return write_card(name, {**card, "files": files})


def write_card(name: str, card: dict[str, Any]) -> dict[str, Any]:
    """Replace the card of a pipeline."""
    (WEIGHTS / f"{name}.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n")
    return card
