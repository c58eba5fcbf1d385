"""Cross-validations on the SIRM slices and the Ma cases, beside what the papers reached."""

from typing import Any

from inference.evaluation import papers
from inference.evaluation.held_out import rounded
from inference.evaluation.protocols import MA_PROTOCOL, SIRM_PROTOCOL
from inference.evaluation.tables import NAMES, all_stored, table
from inference.metrics import mape_percent, pearson_r
from inference.volumetry import poi_percent

#: Smaller shares of infection have no meaningful relative error.
MARKED_PERCENT = 1.0


def sirm_part() -> list[str]:
    """Cross-validations on the SIRM slices beside the papers' figures; nothing while none is stored."""
    results = all_stored("sirm-*.json")
    if not results:
        return []
    rows = [
        [f"{r['name']} (here)", r["pooled"]["any"]["dice"], r["mean"]["any"], *_kinds_of(r), r["steps"]]
        for r in results
    ]
    rows += [[name, *figures, None] for name, figures in papers.SIRM.items()]
    head = ["Network", "Binary, pooled", "Binary, mean of slices", "C1", "C2", "C3", "Steps a fold"]
    details = [
        [r["name"], label, *(m[key] for key in ("sensitivity", "specificity", "dice", "g_mean", "f2", "accuracy"))]
        for r in results
        for label, m in r["pooled"].items()
    ]
    metrics = ["Network", "Label", "Sensitivity", "Specificity", "Dice", "G-mean", "F2", "Accuracy"]
    return [SIRM_PROTOCOL, table(head, rows), table(metrics, details)]


def ma_part() -> list[str]:
    """The cross-validation on the Ma cases; nothing while none is stored."""
    results = all_stored("ma-*.json")
    if not results:
        return []
    rows = [
        [f"{r['name']} (here)", r["mean"]["any"], _of_coronacases(r), r["pooled"]["any"]["dice"], *_poir(r), r["steps"]]
        for r in results
    ]
    rows += [[name, figure, *[None] * 5] for name, figure in papers.MA.items()]
    rows += [[name, None, figure, *[None] * 4] for name, figure in papers.CORONACASES.items()]
    head = [
        "Network",
        "Infection Dice, mean of cases",
        "Of the coronacases",
        "Pooled",
        NAMES["poir_r"],
        NAMES["poir_mape_percent"],
        "Steps a fold",
    ]
    cases = [[case, *(r["dice"].get(case) for r in results)] for case in results[0]["dice"]]
    return [MA_PROTOCOL, table(head, rows), table(["Infection Dice", *(r["name"] for r in results)], cases)]


def _of_coronacases(result: dict[str, Any]) -> float | None:
    dice = [dice for case, dice in result["dice"].items() if case.startswith("coronacases")]
    return rounded(sum(dice) / len(dice)) if dice else None


def _poir(result: dict[str, Any]) -> list[float | None]:
    """Pearson's r over all stacks of a cross-validation, and mAPE of those with `MARKED_PERCENT` and more."""
    shares = [
        [poi_percent(result["infected_pixels"][case][which], lung) for case, lung in result["lung_pixels"].items()]
        for which in ("found", "true")
    ]
    marked = [pair for pair in zip(*shares, strict=True) if pair[1] >= MARKED_PERCENT]
    mape = mape_percent([found for found, _ in marked], [true for _, true in marked])
    return [rounded(pearson_r(*shares)), rounded(mape, 1)]


def _kinds_of(result: dict[str, Any]) -> list[float | None]:
    """Dice of C1, C2 and C3; none of a binary training."""
    return [result["pooled"].get(kind, {}).get("dice") for kind in ("ground_glass", "consolidation", "effusion")]
