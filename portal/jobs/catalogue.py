"""The pipelines of this installation, as `inference` lists them."""

from typing import Any

from inference.catalogue import card_of, catalogue


def pipeline_entries() -> list[dict[str, Any]]:
    """Name, version, sha256 and description of every pipeline; loads no network."""
    return [entry.as_dict() for entry in catalogue()]


def pipeline_cards() -> list[dict[str, Any]]:
    """The model card of every pipeline, with its checksum."""
    return [{**card_of(entry.name), "sha256": entry.sha256} for entry in catalogue()]
