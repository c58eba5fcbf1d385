"""What the parts of the report are made of: stored results and Markdown tables."""

import json
from collections.abc import Sequence
from typing import Any

from inference.evaluation import held_out

#: Figures of the held-out patients.
NAMES = {
    "lung_dice_mean": "Lung Dice, mean of cases",
    "infection_dice_mean": "Infection Dice, mean of cases",
    "infection_dice_pooled": "Infection Dice, pooled",
    "infection_dice_median": "Infection Dice, median",
    "infection_iou_mean": "Infection IoU",
    "infection_sensitivity_mean": "Infection sensitivity",
    "infection_specificity_mean": "Infection specificity",
    "infection_ppv_mean": "Infection PPV",
    "infection_hd95_mm_mean": "Infection HD95 (mm)",
    "poir_r": "PoIR, Pearson r",
    "poir_mape_percent": "PoIR, mAPE (%)",
}


def stored(name: str) -> Any | None:
    """What lies in a file of the results; None where nothing is stored."""
    return next(iter(all_stored(name)), None)


def all_stored(pattern: str) -> list[Any]:
    """What lies in the files of the results that match, by name."""
    return [json.loads(path.read_text()) for path in sorted(held_out.RESULTS.parent.glob(pattern))]


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table; what is not known is a dash."""
    lines = [head, ["---"] * len(head), *rows]
    return (
        "\n".join("| " + " | ".join("–" if cell is None else str(cell) for cell in line) + " |" for line in lines)
        + "\n"
    )
