"""From checkpoints to shipped weights and their model card."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from inference.catalogue import WEIGHTS


def export_weights(checkpoints: dict[str, Path], name: str, card: dict[str, Any]) -> dict[str, Any]:
    """Write one safetensors file a checkpoint and the card that names their checksums; returns the card."""
    files = {}
    for role, checkpoint in checkpoints.items():
        state = torch.load(checkpoint, weights_only=True)["state"]
        path = WEIGHTS / f"{name}-{role}.safetensors"
        save_file({key: value.contiguous() for key, value in state.items()}, path)
        path.chmod(0o644)
        files[role] = {"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    card = {**card, "files": files}
    (WEIGHTS / f"{name}.json").write_text(json.dumps(card, indent=2) + "\n")
    return card
