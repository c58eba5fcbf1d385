"""The pipelines of this installation, as `inference` lists them."""

from typing import Any

from django.utils.translation import gettext_noop

from inference.catalogue import card_of, catalogue


def pipeline_entries() -> list[dict[str, Any]]:
    """Name, version, sha256 and description of every pipeline; loads no network."""
    return [entry.as_dict() for entry in catalogue()]


#: The figure of a card that tells how far volumes are off: mean absolute error of PoIR on patients held out, per cent.
ERROR_FIGURE = "PoIR, mAPE (%)"


def known_error(pipeline: str, sha256: str) -> float | None:
    """How far this pipeline's infected share was off on patients it never saw, as a share of the truth (mean).

    None for other weights than those that are installed, and for pipelines whose card does not tell.
    """
    entry = next((entry for entry in catalogue() if entry.name == pipeline and entry.sha256 == sha256), None)
    if entry is None:
        return None
    told = {figure["name"]: figure["here"] for figure in card_of(pipeline)["figures"]}.get(ERROR_FIGURE)
    return float(told) / 100 if told is not None else None


#: Figures of the cards that the overview shows, in this order, by the names that the cards use.
OVERVIEW = (
    gettext_noop("Lung Dice, mean of cases"),
    gettext_noop("Infection Dice, mean of cases"),
    gettext_noop("Infection Dice, mean of cases, HU cases only"),
    gettext_noop("PoIR, Pearson r"),
    ERROR_FIGURE,
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
