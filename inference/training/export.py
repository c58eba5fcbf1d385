"""From checkpoints to shipped weights and their model card."""

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from inference.catalogue import WEIGHTS, card_of
from inference.training.fit import state_of

#: Endings of a training's checkpoints; the shipped file is named after the training.
ENDINGS = ("-best", "-last")


def export_weights(checkpoints: dict[str, Path], name: str) -> dict[str, Any]:
    """Make checkpoints, by role, the weights of a pipeline; returns its card.

    Each becomes one safetensors file named after its training; a file that is shipped already may serve another
    pipeline as well. Every card that names a renewed file gets its new checksum. What a card says of data, training
    and limits is for a person to write; `report` fills in the figures.
    """
    card = card_of(name)
    for role, checkpoint in checkpoints.items():
        path = _shipped(checkpoint)
        entry = {"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        card = write_card(name, {**card, "files": {**card["files"], role: entry}})
        _renew_checksums(entry)
    return card


def write_card(name: str, card: dict[str, Any]) -> dict[str, Any]:
    """Replace the card of a pipeline."""
    (WEIGHTS / f"{name}.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n")
    return card


def _shipped(checkpoint: Path) -> Path:
    if checkpoint.suffix == ".safetensors" and checkpoint.resolve().parent == WEIGHTS.resolve():
        return checkpoint
    stem = checkpoint.stem
    for ending in ENDINGS:
        stem = stem.removesuffix(ending)
    path = WEIGHTS / f"{stem}.safetensors"
    save_file({key: value.contiguous() for key, value in state_of(checkpoint).items()}, path)
    path.chmod(0o644)
    return path


def _renew_checksums(entry: dict[str, str]) -> None:
    for path in WEIGHTS.glob("*.json"):
        card = json.loads(path.read_text())
        files = {role: entry if file["name"] == entry["name"] else file for role, file in card.get("files", {}).items()}
        if files != card.get("files", {}):
            write_card(path.stem, {**card, "files": files})
