"""The pipelines of this installation. Listing them loads no network."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inference.errors import UnknownPipeline

WEIGHTS = Path(__file__).parent / "weights"
DEFAULT_PIPELINE = "lungtrend"


@dataclass(frozen=True, slots=True)
class PipelineEntry:
    """One pipeline: what it is called, which module makes it, and what identifies its results.

    `sha256` is over the weights, or over the parameters of a method that has none. `floor_ml` is the smallest
    infected volume that the pipeline tells from nothing, as measured on scans without infection.
    """

    name: str
    version: str
    sha256: str
    description: str
    floor_ml: float
    module: str

    def as_dict(self) -> dict[str, Any]:
        """JSON types, for lists of pipelines."""
        fields = asdict(self)
        del fields["module"]
        return fields


def catalogue() -> tuple[PipelineEntry, ...]:
    """Every pipeline whose model card lies beside the weights, the default one first, then by name."""
    cards = [card for path in WEIGHTS.glob("*.json") if "module" in (card := json.loads(path.read_text()))]
    entries = map(_entry, cards)
    return tuple(sorted(entries, key=lambda entry: (entry.name != DEFAULT_PIPELINE, entry.name)))


def chosen(names: Sequence[str]) -> tuple[PipelineEntry, ...]:
    """The named entries; without names all.

    Raises:
        UnknownPipeline: there is none of a name.
    """
    return tuple(pipeline_named(name) for name in names) or catalogue()


def pipeline_named(name: str) -> PipelineEntry:
    """One entry.

    Raises:
        UnknownPipeline: there is none of this name.
    """
    entries = {entry.name: entry for entry in catalogue()}
    if name not in entries:
        raise UnknownPipeline(f"There is no pipeline {name}; choose one of {', '.join(entries)}.")
    return entries[name]


def card_of(name: str) -> dict[str, Any]:
    """The model card of a pipeline: identity, data, licences, protocol, figures, limits."""
    card: dict[str, Any] = json.loads((WEIGHTS / f"{name}.json").read_text())
    return card


def _entry(card: dict[str, Any]) -> PipelineEntry:
    return PipelineEntry(
        name=card["name"],
        version=card["version"],
        sha256=combined_sha256(card),
        description=card["description"],
        floor_ml=card["measurement_floor_ml"],
        module=card["module"],
    )


def combined_sha256(card: dict[str, Any]) -> str:
    """One checksum for a pipeline: over its parameters and the checksums of its weight files."""
    content = {"parameters": card["parameters"], "files": card["files"]}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
