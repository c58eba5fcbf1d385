"""`docs/evaluation.md`, from stored results alone: nothing in it is typed by hand."""

import json
from pathlib import Path
from typing import Any

from inference.catalogue import card_of
from inference.evaluation.held_out import LARGE_ENOUGH_ML, RESULTS
from inference.training.export import write_card

PAPER = {
    "unet2d": {"lung_dice_mean": 0.972, "infection_dice_mean": 0.684, "poir_r": 0.961, "poir_mape_percent": 11.7},
    "hu-baseline": {"lung_dice_mean": 0.941, "infection_dice_mean": 0.530},
}
SIRM_PAPERS = {
    "SegNet (Saood and Hatem)": [0.703, None, 0.425, 0.410, 0.117],
    "U-Net (Saood and Hatem)": [0.643, None, 0.402, 0.458, 0.152],
    "MiniSeg (a later peer)": [0.808, 0.759, None, None, None],
}
SIRM_PROTOCOL = """\
## Five-fold cross-validation on the SIRM slices

100 lung-masked slices, about 70 % for training, 10 % to choose the checkpoint and 20 % for testing in each fold, every
slice tested once. Dice is counted on the slices' own grid, over the pixels of all slices together (pooled) and as the
mean of slices. The set names no patients, so slices of one patient may lie in training and testing, as in the paper.
C1 ground-glass, C2 consolidation, C3 pleural effusion.
"""
NAMES = {
    "lung_dice_mean": "Lung Dice, mean of cases",
    "infection_dice_mean": "Infection Dice, mean of cases",
    "infection_dice_pooled": "Infection Dice, pooled",
    "poir_r": "PoIR, Pearson r",
    "poir_mape_percent": "PoIR, mAPE (%)",
}
PROTOCOL = """\
Patients are split, never slices; a patient who appears in two data sets is on one side only. Networks saw none of the
test patients, and checkpoints and thresholds were chosen without them, with one exception: the density above which a
voxel at the lung's border must be certain (-300 HU) was first tried on test patients too. On the validation patients
alone (E, coronacases_05) it is the best of six values as well. The papers' figures are on the papers' own data (Wu et
al.: 129 scans, 21 of them for testing) and stand beside ours for orientation, not for ranking.

Two of the test cases are CT in Hounsfield units (MedSeg). The others are contrast-equalised grey stacks of the
COVID-19-CT-Seg set, which hold only slices with infection; they were put on a scale like HU with the help of their
reference masks, so their figures flatter. Figures on the HU cases alone are given apart.
"""


def card_figures(pipeline: str, figures: dict[str, Any]) -> list[dict[str, Any]]:
    """What a model card says of its accuracy: all cases, then those in HU."""
    in_hu = [
        {"name": f"{NAMES[key]}, HU cases only", "here": figures["summary_hu"][key], "paper": None}
        for key in ("lung_dice_mean", "infection_dice_mean")
    ]
    return figure_rows(pipeline, figures["summary"]) + in_hu


def figure_rows(pipeline: str, summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Our figures beside the paper's, for the model card and the report."""
    return [
        {"name": NAMES[key], "here": summary[key], "paper": PAPER.get(pipeline, {}).get(key)}
        for key in NAMES
        if summary[key] is not None
    ]


def write_report(target: Path) -> None:
    """Write the report, and the figures of the model cards, from the stored result."""
    result = json.loads(RESULTS.read_text())
    for name, figures in result["pipelines"].items():
        write_card(name, {**card_of(name), "figures": card_figures(name, figures)})
    parts = ["# How well the pipelines measure\n", PROTOCOL]
    parts.append(f"Test patients: {', '.join(result['test_patients'])}.\n")
    for name, figures in result["pipelines"].items():
        parts.append(f"## {name} {figures['version']}\n\nSHA-256 `{figures['sha256']}`\n")
        parts.append(_table(["Figure", "Here", "HU cases only", "Paper"], _summary_lines(name, figures)))
        head = ["Case", "Slices", "Lung Dice", "Infection Dice", "PoIR %", "True PoIR %"]
        keys = ["case", "slices", "lung_dice", "infection_dice", "poi_percent", "true_poi_percent"]
        parts.append(_table(head, [[row[key] for key in keys] for row in figures["cases"]]))
        parts.append(_phantom_part(figures["phantoms"]))
    parts += _sirm_part()
    target.write_text("\n".join(parts))


def _sirm_part() -> list[str]:
    """Cross-validations on the SIRM slices beside the papers' figures; nothing while none is stored."""
    results = [json.loads(path.read_text()) for path in sorted(RESULTS.parent.glob("sirm-*.json"))]
    if not results:
        return []
    rows = [
        [f"{r['name']} (here)", r["pooled"]["any"]["dice"], r["mean"]["any"], *_kinds_of(r), r["steps"]]
        for r in results
    ]
    rows += [[name, *figures, None] for name, figures in SIRM_PAPERS.items()]
    head = ["Network", "Binary, pooled", "Binary, mean of slices", "C1", "C2", "C3", "Steps a fold"]
    details = [
        [r["name"], label, *(m[key] for key in ("sensitivity", "specificity", "dice", "g_mean", "f2", "accuracy"))]
        for r in results
        for label, m in r["pooled"].items()
    ]
    metrics = ["Network", "Label", "Sensitivity", "Specificity", "Dice", "G-mean", "F2", "Accuracy"]
    return [SIRM_PROTOCOL, _table(head, rows), _table(metrics, details)]


def _kinds_of(result: dict[str, Any]) -> list[float]:
    return [result["pooled"][kind]["dice"] for kind in ("ground_glass", "consolidation", "effusion")]


def _summary_lines(name: str, figures: dict[str, Any]) -> list[list[Any]]:
    return [
        [NAMES[key], figures["summary"][key], figures["summary_hu"][key], PAPER.get(name, {}).get(key)] for key in NAMES
    ]


def _phantom_part(rows: list[dict[str, Any]]) -> str:
    large = [abs(row["error_percent"]) for row in rows if row["true_ml"] > LARGE_ENOUGH_ML]
    text = (
        f"Phantoms (seeds that no training used): infected volume is off by {sum(large) / len(large):.1f} % on average "
        f"and {max(large):.1f} % at most over {len(large)} scans.\n\n"
    )
    head = ["Seed", "Hours", "True ml", "Measured ml", "Error %", "Lung error %"]
    return text + _table(head, [list(row.values()) for row in rows])


def _table(head: list[str], rows: list[list[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return (
        "\n".join("| " + " | ".join("–" if cell is None else str(cell) for cell in line) + " |" for line in lines)
        + "\n"
    )
