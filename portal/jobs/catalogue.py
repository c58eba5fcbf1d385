"""The pipelines of this installation, as `inference` lists them."""

from typing import Any

from inference.catalogue import card_of, catalogue


def pipeline_entries() -> list[dict[str, Any]]:
    """Name, version, sha256 and description of every pipeline; loads no network."""
    return [entry.as_dict() for entry in catalogue()]


#: Figures of the cards that the overview shows, in this order.
OVERVIEW = (
    "Lung Dice, mean of cases",
    "Infection Dice, mean of cases",
    "Infection Dice, mean of cases, HU cases only",
    "PoIR, Pearson r",
    "PoIR, mAPE (%)",
)


def pipeline_cards() -> list[dict[str, Any]]:
    """The model card of every pipeline, with its checksum and, as `overview`, the figures named in `OVERVIEW`."""
    return [
        {**card, "sha256": entry.sha256, "overview": _overview(card["figures"])}
        for entry in catalogue()
        for card in (card_of(entry.name),)
    ]


def _overview(figures: list[dict[str, Any]]) -> list[Any]:
    here = {figure["name"]: figure["here"] for figure in figures}
    return [here.get(name) for name in OVERVIEW]
