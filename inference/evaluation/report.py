"""`docs/evaluation.md` and its pictures, from stored results alone: nothing in it is typed by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from inference.catalogue import DEFAULT_PIPELINE, card_of
from inference.evaluation import effusions, held_out, papers
from inference.evaluation.cross_validations import ma_part, sirm_part
from inference.evaluation.held_out import LARGE_ENOUGH_ML, mean_metric, pooled_metrics, rounded, stored_results
from inference.evaluation.lobes import METHODS as LOBE_METHODS
from inference.evaluation.plots import bland_altman, dice_boxes, roc_curve, threshold_curves
from inference.evaluation.protocols import (
    EFFUSION_PROTOCOL,
    LOBE_PROTOCOL,
    PROTOCOL,
    READERS_PROTOCOL,
    RESTORATION_PROTOCOL,
)
from inference.evaluation.tables import NAMES, stored, table
from inference.metrics import Confusion
from inference.training.export import write_card

Results = Mapping[str, dict[str, Any]]
PICTURES = "images/evaluation"
#: Of a scan without effusion.
DRY_COLUMNS = ("scan", "found_ml", "infected_ml")
CARD_FIGURES = ("lung_dice_mean", "infection_dice_mean", "infection_dice_pooled", "poir_r", "poir_mape_percent")
READERS_COLUMNS = {
    "judged": "Judged",
    "judge": "Judged by",
    "slices": "Slices",
    "lung_dice": "Lung Dice",
    "infection_dice": "Infection Dice",
    "infection_hd95_mm": "Infection HD95 (mm)",
    "poi_percent": "PoIR of the judged (%)",
    "true_poi_percent": "PoIR of the judge (%)",
}
READERS_SUMMARY = {
    "lung_dice": "Lung Dice, mean of stacks",
    "infection_dice": "Infection Dice, mean of stacks",
    **{key: NAMES[key] for key in ("poir_r", "poir_mape_percent")},
}
#: Kinds that readers of the held-out cases told apart.
SHOWN_KINDS = ("ground_glass", "consolidation")


def card_figures(pipeline: str, figures: dict[str, Any]) -> list[dict[str, Any]]:
    """What a model card says of its accuracy: our figures beside the paper's, then those on CT in HU."""
    paper = papers.BY_PIPELINE.get(pipeline, {})
    keys = [key for key in NAMES if key in CARD_FIGURES or key in paper]
    rows = [
        {"name": NAMES[key], "here": figures["summary"][key], "paper": paper.get(key)}
        for key in keys
        if figures["summary"][key] is not None
    ]
    in_hu = [
        {"name": f"{NAMES[key]}, HU cases only", "here": figures["summary_hu"][key], "paper": None}
        for key in ("lung_dice_mean", "infection_dice_mean")
    ]
    return rows + in_hu


def write_report(target: Path) -> None:
    """Write the report, its pictures beside it, and the figures of the model cards, from the stored results."""
    results = stored_results()
    for name, figures in results.items():
        write_card(name, {**card_of(name), "figures": card_figures(name, figures)})
    pictures = target.parent / PICTURES
    parts = [PROTOCOL, _overview(results, pictures), *_readers()]
    parts += [
        "## Wu et al.: HU baseline, 2D, 2.5D, candidate classifier\n",
        _beside_paper(results, [name for name in papers.BY_PIPELINE if name not in ("bifurcated", "unet3d")]),
        *_candidates(pictures),
        *_thresholds(pictures),
        "## Yazdekhasty et al.: bifurcated autoencoder\n",
        _beside_paper(results, ["bifurcated"]),
        "## Saood and Hatem: SegNet and U-Net\n",
        *sirm_part(),
        "## Müller et al.: 3D U-Net\n",
        _beside_paper(results, ["unet3d"]),
        *ma_part(),
        "## Xie et al.: lobes\n",
        *_lobes(),
        *_effusion(),
        *_restoration(),
        "## Every case\n",
    ]
    for name, figures in results.items():
        parts += _cases(name, figures)
    target.write_text("\n".join(parts))


def _overview(results: Results, pictures: Path) -> str:
    dice_boxes(results, pictures / "dice.png")
    bland_altman(results[DEFAULT_PIPELINE], DEFAULT_PIPELINE, pictures / "bland-altman.png")
    patients = ", ".join(results[DEFAULT_PIPELINE]["test_patients"])
    head = ["Pipeline", *NAMES.values()]
    rows = [[name, *(figures["summary"][key] for key in NAMES)] for name, figures in results.items()]
    in_hu = [[name, *(figures["summary_hu"][key] for key in NAMES)] for name, figures in results.items()]
    kinds = [
        [name, *(value for kind in SHOWN_KINDS for value in _kind(figures["cases"], kind))]
        for name, figures in results.items()
        if _tells_kinds(figures["cases"])
    ]
    return "\n".join(
        [
            "## All pipelines on held-out patients\n",
            f"Test patients: {patients}. Dice, IoU and the other shares are means of cases unless they say pooled.\n",
            table(head, rows),
            f"![Infection Dice by pipeline]({PICTURES}/dice.png)\n",
            f"![Bland-Altman of PoIR]({PICTURES}/bland-altman.png)\n",
            "CT in Hounsfield units only:\n",
            table(head, in_hu),
            "Kinds of infection, where the readers told them apart (MedSeg; a kind alone in its slice is told by its "
            "density, docs/decisions/0021), by the pipelines that tell them:\n",
            table(
                [
                    "Pipeline",
                    *(f"{k} Dice, {how}" for k in ("Ground-glass", "Consolidation") for how in ("pooled", "mean")),
                ],
                kinds,
            ),
        ]
    )


def _tells_kinds(rows: Sequence[dict[str, Any]]) -> bool:
    """Whether a pipeline ever said ground-glass or consolidation, rightly or wrongly."""
    counts = (Confusion(*row["counts"][kind]) for row in rows for kind in SHOWN_KINDS if kind in row["counts"])
    return any(count.tp + count.fp for count in counts)


def _kind(rows: Sequence[dict[str, Any]], kind: str) -> list[float | None]:
    shown = [row for row in rows if kind in row["counts"]]
    pooled = pooled_metrics(shown, kind)
    mean = mean_metric(shown, kind, "dice")
    return [rounded(pooled["dice"] if pooled else None), rounded(mean)]


def _beside_paper(results: Results, names: Sequence[str]) -> str:
    rows = [
        [name, NAMES[key], results[name]["summary"][key], results[name]["summary_hu"][key], figure]
        for name in names
        if name in results
        for key, figure in papers.BY_PIPELINE[name].items()
    ]
    return table(["Pipeline", "Figure", "Here", "HU cases only", "Paper"], rows)


def _candidates(pictures: Path) -> list[str]:
    """ROC of the classifier; nothing while none is stored."""
    if (found := stored("candidates.json")) is None:
        return []
    roc_curve(found["roc"], found["auc"], pictures / "roc.png")
    text = (
        f"The candidate classifier on {found['candidates']} candidates of held-out patients, {found['infected']} of "
        "them infected (at least 30 % of the pixels truly are; below 10 % it is healthy, between them neither):\n"
    )
    rows = [[key, found[key], papers.CANDIDATES[key]] for key in ("auc", "accuracy", "threshold")]
    return [text, table(["Figure", "Here", "Paper"], rows), f"![ROC]({PICTURES}/roc.png)\n"]


def _thresholds(pictures: Path) -> list[str]:
    """The sweep of HU thresholds; nothing while none is stored."""
    if (sweep := stored("thresholds.json")) is None:
        return []
    threshold_curves(sweep, pictures / "thresholds.png")
    rows = [
        [name, sweep[name]["best_hu"], sweep[name]["best_dice"], paper["hu"], paper["dice"]]
        for name, paper in papers.THRESHOLDS.items()
    ]
    return [
        f"Thresholds from -800 to 0 HU in steps of 50, on {', '.join(sweep['cases'])} (no test patient):\n",
        table(["Mask", "Best HU here", "Mean Dice", "Best HU, paper", "Mean Dice, paper"], rows),
        f"![Dice against the threshold]({PICTURES}/thresholds.png)\n",
    ]


def _lobes() -> list[str]:
    """Lobes by networks and atlas; nothing while none is stored."""
    if (found := stored("lobes.json")) is None:
        return []
    methods = [found[method] for method in LOBE_METHODS]
    head = ["Lobe IoU", "ctsunet", "ctsunet up to fissures (lungtrend)", "Atlas", "Paper"]
    rows = [
        [lobe, *(method["iou"][lobe] for method in methods), figure] for lobe, figure in papers.LOBES["iou"].items()
    ]
    rows.append(["HD95 (mm)", *(method["hd95_mm"] for method in methods), papers.LOBES["hd95_mm"]])
    parts = [LOBE_PROTOCOL, f"Maps: {', '.join(found['maps'])}.\n", table(head, rows)]
    if "patient" in found:
        marked = [[name, *figures.values()] for name, figures in found["patient"].items()]
        columns = ["Lobes by", *next(iter(found["patient"].values()))]
        text = (
            "On a COVID-19 patient's CT (COVID-CT-MD P001) radiologists marked, slice by slice, which lobes are "
            "infected. Agreement over all pairs of slice and lobe, with the infection that ctsunet finds:\n"
        )
        picture = f"![Lobes of a COVID-19 patient and of a healthy person]({PICTURES}/lobes.png)\n"
        credit = "Above P001, below normal001; CT: COVID-CT-MD (figshare), CC BY 4.0.\n"
        parts += [text, table(columns, [[c if isinstance(c, str) else round(c, 4) for c in row] for row in marked])]
        parts += [picture, credit]
    return parts


def _restoration() -> list[str]:
    """HU of restored stacks beside the known ones; nothing while none are stored."""
    if (stacks := stored("restoration.json")) is None:
        return []
    rows = [
        [stack, region, *errors.values()] for stack, regions in stacks.items() for region, errors in regions.items()
    ]
    return [RESTORATION_PROTOCOL, table(["Stack", "Mask", "Mean absolute error (HU)", "Bias (HU)", "Pearson r"], rows)]


def _readers() -> list[str]:
    """Two readers' masks of the same slices; nothing while none are stored."""
    if (found := stored("readers.json")) is None:
        return []
    head = [*READERS_COLUMNS.values()]
    readers, pipeline = (
        [[pair[key] for key in READERS_COLUMNS] for pair in pairs]
        for pairs in (found["pairs"], found["pipeline"]["pairs"])
    )
    together = [[READERS_SUMMARY[key], value] for key, value in found["summary"].items()]
    return [
        READERS_PROTOCOL,
        table(head, readers),
        table(["One reader judged by another", "Figure"], together),
        table(head, pipeline),
    ]


def _effusion() -> list[str]:
    """Effusion as the default pipeline finds it; nothing while none is stored."""
    if (found := stored("effusion.json")) is None:
        return []
    scans = found["scans"]
    wet, dry = ([scan for scan in scans if bool(scan["true_ml"]) is is_wet] for is_wet in (True, False))
    rows = [
        [scan["scan"], scan["true_ml"], scan["found_ml"], rounded(effusions.dice_of(scan)), scan["infected_ml"]]
        for scan in wet
    ]
    return [
        EFFUSION_PROTOCOL,
        table(["Scan", "True (ml)", "Found (ml)", "Dice", "Infection (ml)"], rows),
        "Scans without effusion:\n",
        table(["Scan", "Found (ml)", "Infection (ml)"], [[scan[key] for key in DRY_COLUMNS] for scan in dry]),
    ]


def _cases(name: str, figures: dict[str, Any]) -> list[str]:
    head = ["Case", "Slices", "Lung Dice", "Infection Dice", "Infection HD95 (mm)", "PoIR %", "True PoIR %"]
    rows = [
        [
            row["case"],
            row["slices"],
            *(round(held_out.metrics_of(row, part)["dice"] or 0.0, 4) for part in ("lung", "infection")),
            row["hd95_mm"]["infection"],
            row["poi_percent"],
            row["true_poi_percent"],
        ]
        for row in figures["cases"]
    ]
    return [
        f"### {name} {figures['version']}\n\nSHA-256 `{figures['sha256']}`\n",
        table(head, rows),
        _phantom_part(figures["phantoms"]),
    ]


def _phantom_part(rows: list[dict[str, Any]]) -> str:
    large = [abs(row["error_percent"]) for row in rows if row["true_ml"] > LARGE_ENOUGH_ML]
    return (
        f"Phantoms (seeds that no training used): infected volume is off by {sum(large) / len(large):.1f} % on average "
        f"and {max(large):.1f} % at most over {len(large)} scans.\n"
    )
