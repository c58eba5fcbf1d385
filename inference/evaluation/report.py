"""`docs/evaluation.md` and its pictures, from stored results alone: nothing in it is typed by hand."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from inference.catalogue import DEFAULT_PIPELINE, card_of
from inference.evaluation import effusions, held_out, papers
from inference.evaluation.held_out import LARGE_ENOUGH_ML, mean_metric, pooled_metrics, rounded, stored_results
from inference.evaluation.lobes import METHODS as LOBE_METHODS
from inference.evaluation.plots import bland_altman, dice_boxes, roc_curve, threshold_curves
from inference.metrics import Confusion, mape_percent, pearson_r
from inference.training.export import write_card
from inference.volumetry import poi_percent

Results = Mapping[str, dict[str, Any]]
PICTURES = "images/evaluation"
#: Of a scan without effusion.
DRY_COLUMNS = ("scan", "found_ml", "infected_ml")
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
CARD_FIGURES = ("lung_dice_mean", "infection_dice_mean", "infection_dice_pooled", "poir_r", "poir_mape_percent")
PROTOCOL = """\
# How well the pipelines measure

`python -m inference report` writes this page from the files in `inference/evaluation/results/`.

Patients are split, never slices; a patient who appears in two data sets is on one side only. Networks saw none of the
test patients, and checkpoints and thresholds were chosen without them, with these exceptions. The density above which a
voxel at the lung's border must be certain (-300 HU) was first tried on test patients too; on the validation patients
alone (E, coronacases_05) it is the best of six values as well. The threshold of averaged25d was the best on the other
patients of four folds of a cross-validation, but was sought there after another one had failed on test patients. That
dense infection was left out of the lungs was seen on two test patients (I, coronacases_07); the rule that lets it join
them (docs/decisions/0022) was not fitted to them. The weights of unet25d replaced others that had been measured on test
patients (docs/decisions/0021); on the validation patients they are the better ones as well. What lungtrend, averaged25d
and unet25d reach here is a little too kind for that. The papers' figures are on the papers' own data (Wu et al.: 129
scans, 21 of them for testing) and stand beside ours for orientation, not for ranking.

Two of the test cases are CT in Hounsfield units (MedSeg). The others are contrast-equalised grey stacks of the
COVID-19-CT-Seg set, which hold only slices with infection; a network that sees the picture alone put them back on
Hounsfield units, roughly (see below). Figures on the HU cases alone are given apart. Neither set states the size of a
pixel, so distances in mm rest on a nominal one. Most systems were trained on two CPU cores, far shorter and some of
them narrower than in their papers; each model card says how.
"""
RESTORATION_PROTOCOL = """\
## Grey stacks back on Hounsfield units

MedSeg's volumes hold the slices of six stacks, so that their HU are known, as far as MedSeg's could be recovered from
8-bit pictures. The network that restores the stacks (`inference/training/restoration.py`) learnt from the single lung
slices, P001, normal001 and phantoms; none of these patients was among them. Its HU beside the known ones, over all
pixels of the reference masks:
"""
READERS_PROTOCOL = """\
## How far two readers agree

Readers of MedSeg and others of COVID-19-CT-Seg marked the same slices of five patients. Here MedSeg's masks are judged
by the others as a pipeline would be (`inference/evaluation/readers.py`; slices are matched by their likeness). A
pipeline that learnt from both can hardly agree with one reader more than another reader does: the figures above beside
these tell how much room is left. Pearson's r rests on stacks from 2 to 61 % infected; over a narrower range it is less.
Below, on the same slices of the test patients among them, what the default pipeline finds in the MedSeg volumes is
judged by either reader. Distances rest on a nominal spacing.
"""
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
    "poir_r": "PoIR, Pearson r",
    "poir_mape_percent": "PoIR, mAPE (%)",
}
#: Kinds that readers of the held-out cases told apart.
SHOWN_KINDS = ("ground_glass", "consolidation")
#: What a cross-validation cost.
EFFORT = ("Networks a fold", "Steps of each")
#: Smaller shares of infection have no meaningful relative error.
MARKED_PERCENT = 1.0
SIRM_PROTOCOL = """\
### Five-fold cross-validation on the SIRM slices

100 lung-masked slices, about 70 % for training, 10 % to choose the checkpoint and 20 % for testing in each fold, every
slice tested once. Dice is counted on the slices' own grid, over the pixels of all slices together (pooled) and as the
mean of slices. The set names no patients, so slices of one patient may lie in training and testing, as in the paper.
C1 ground-glass, C2 consolidation, C3 pleural effusion. Networks named binary learnt only whether a pixel shows any of
them, as Saood and Hatem's binary ones did; binary Dice of the others is that of their kinds together. Beside
unet-kinds and pretrained-kinds other sets trained, among them MedSeg before its kinds were mended
(docs/decisions/0021).
"""
MA_PROTOCOL = """\
### Five-fold cross-validation by patient on the Ma cases

Every patient of the COVID-19-CT-Seg stacks and of MedSeg is tested once by a network that saw neither him nor, in
training, a slice of his other scans. Dice within the box around the lungs, at a threshold of 0.5 or, where the
configuration says so, at the one that is best on each fold's validation patients. Three stacks (medseg-6,
radiopaedia_D1 and D2) show 17 to 39 infected pixels. PoIR rests on the reference lungs; its mAPE counts stacks with a
true PoIR of 1 % and more.
"""
LOBE_PROTOCOL = """\
Synthetic CT around lobe maps of people who trained none of the methods (`inference/training/synthetic_ct.py`), on a
grid of about 2 mm, within the maps' own lungs. The paper's figures are on real CT of COVID-19 patients.
"""
EFFUSION_PROTOCOL = """\
## Pleural effusion

No set at hand marks effusion in slices whose surroundings are shown. So fluid is laid into the CT of the test patients
(`inference/training/effusions.py`), and phantoms carry some; the default pipeline finds lungs and fluid. Millilitres of
the grey stacks rest on a nominal spacing. How well real effusions are found was not measured. Infection is what was
found in the same scan: fluid, and the lung that it compresses, should add none. Phantoms carry 60 ml of it.
"""


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
        *_sirm(),
        "## Müller et al.: 3D U-Net\n",
        _beside_paper(results, ["unet3d"]),
        *_ma(),
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
            _table(head, rows),
            f"![Infection Dice by pipeline]({PICTURES}/dice.png)\n",
            f"![Bland-Altman of PoIR]({PICTURES}/bland-altman.png)\n",
            "CT in Hounsfield units only:\n",
            _table(head, in_hu),
            "Kinds of infection, where the readers told them apart (MedSeg; a kind alone in its slice is told by its "
            "density, docs/decisions/0021), by the pipelines that tell them:\n",
            _table(
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
    return _table(["Pipeline", "Figure", "Here", "HU cases only", "Paper"], rows)


def _candidates(pictures: Path) -> list[str]:
    """ROC of the classifier; nothing while none is stored."""
    path = held_out.RESULTS.parent / "candidates.json"
    if not path.exists():
        return []
    found = json.loads(path.read_text())
    roc_curve(found["roc"], found["auc"], pictures / "roc.png")
    text = (
        f"The candidate classifier on {found['candidates']} candidates of held-out patients, {found['infected']} of "
        "them infected (at least 30 % of the pixels truly are; below 10 % it is healthy, between them neither):\n"
    )
    rows = [[key, found[key], papers.CANDIDATES[key]] for key in ("auc", "accuracy", "threshold")]
    return [text, _table(["Figure", "Here", "Paper"], rows), f"![ROC]({PICTURES}/roc.png)\n"]


def _thresholds(pictures: Path) -> list[str]:
    """The sweep of HU thresholds; nothing while none is stored."""
    path = held_out.RESULTS.parent / "thresholds.json"
    if not path.exists():
        return []
    sweep = json.loads(path.read_text())
    threshold_curves(sweep, pictures / "thresholds.png")
    rows = [
        [name, sweep[name]["best_hu"], sweep[name]["best_dice"], paper["hu"], paper["dice"]]
        for name, paper in papers.THRESHOLDS.items()
    ]
    return [
        f"Thresholds from -800 to 0 HU in steps of 50, on {', '.join(sweep['cases'])} (no test patient):\n",
        _table(["Mask", "Best HU here", "Mean Dice", "Best HU, paper", "Mean Dice, paper"], rows),
        f"![Dice against the threshold]({PICTURES}/thresholds.png)\n",
    ]


def _sirm() -> list[str]:
    """Cross-validations on the SIRM slices beside the papers' figures; nothing while none is stored."""
    results = _stored("sirm-*.json")
    if not results:
        return []
    rows = [
        [f"{r['name']} (here)", r["pooled"]["any"]["dice"], r["mean"]["any"], *_kinds_of(r), *_effort(r)]
        for r in results
    ]
    rows += [[name, *figures, None, None] for name, figures in papers.SIRM.items()]
    head = ["Network", "Binary, pooled", "Binary, mean of slices", "C1", "C2", "C3", *EFFORT]
    details = [
        [r["name"], label, *(m[key] for key in ("sensitivity", "specificity", "dice", "g_mean", "f2", "accuracy"))]
        for r in results
        for label, m in r["pooled"].items()
    ]
    metrics = ["Network", "Label", "Sensitivity", "Specificity", "Dice", "G-mean", "F2", "Accuracy"]
    return [SIRM_PROTOCOL, _table(head, rows), _table(metrics, details)]


def _ma() -> list[str]:
    """The cross-validation on the Ma cases; nothing while none is stored."""
    results = _stored("ma-*.json")
    if not results:
        return []
    rows = [
        [
            f"{r['name']} (here)",
            r["mean"]["any"],
            _of_coronacases(r),
            r["pooled"]["any"]["dice"],
            *_poir(r),
            *_effort(r),
        ]
        for r in results
    ]
    rows += [[name, figure, *[None] * 6] for name, figure in papers.MA.items()]
    rows += [[name, None, figure, *[None] * 5] for name, figure in papers.CORONACASES.items()]
    head = [
        "Network",
        "Infection Dice, mean of cases",
        "Of the coronacases",
        "Pooled",
        NAMES["poir_r"],
        NAMES["poir_mape_percent"],
        *EFFORT,
    ]
    cases = [[case, *(r["dice"].get(case) for r in results)] for case in results[0]["dice"]]
    return [MA_PROTOCOL, _table(head, rows), _table(["Infection Dice", *(r["name"] for r in results)], cases)]


def _lobes() -> list[str]:
    """Lobes by networks and atlas; nothing while none is stored."""
    path = held_out.RESULTS.parent / "lobes.json"
    if not path.exists():
        return []
    found = json.loads(path.read_text())
    methods = [found[method] for method in LOBE_METHODS]
    head = ["Lobe IoU", "ctsunet", "ctsunet up to fissures (lungtrend)", "Atlas", "Paper"]
    rows = [
        [lobe, *(method["iou"][lobe] for method in methods), figure] for lobe, figure in papers.LOBES["iou"].items()
    ]
    rows.append(["HD95 (mm)", *(method["hd95_mm"] for method in methods), papers.LOBES["hd95_mm"]])
    parts = [LOBE_PROTOCOL, f"Maps: {', '.join(found['maps'])}.\n", _table(head, rows)]
    if "patient" in found:
        marked = [[name, *figures.values()] for name, figures in found["patient"].items()]
        columns = ["Lobes by", *next(iter(found["patient"].values()))]
        text = (
            "On a COVID-19 patient's CT (COVID-CT-MD P001) radiologists marked, slice by slice, which lobes are "
            "infected. Agreement over all pairs of slice and lobe, with the infection that ctsunet finds:\n"
        )
        picture = f"![Lobes of a COVID-19 patient and of a healthy person]({PICTURES}/lobes.png)\n"
        credit = "Above P001, below normal001; CT: COVID-CT-MD (figshare), CC BY 4.0.\n"
        parts += [text, _table(columns, [[c if isinstance(c, str) else round(c, 4) for c in row] for row in marked])]
        parts += [picture, credit]
    return parts


def _restoration() -> list[str]:
    """HU of restored stacks beside the known ones; nothing while none are stored."""
    path = held_out.RESULTS.parent / "restoration.json"
    if not path.exists():
        return []
    stacks = json.loads(path.read_text())
    rows = [
        [stack, region, *errors.values()] for stack, regions in stacks.items() for region, errors in regions.items()
    ]
    return [RESTORATION_PROTOCOL, _table(["Stack", "Mask", "Mean absolute error (HU)", "Bias (HU)", "Pearson r"], rows)]


def _readers() -> list[str]:
    """Two readers' masks of the same slices; nothing while none are stored."""
    path = held_out.RESULTS.parent / "readers.json"
    if not path.exists():
        return []
    found = json.loads(path.read_text())
    head = [*READERS_COLUMNS.values()]
    readers, pipeline = (
        [[pair[key] for key in READERS_COLUMNS] for pair in pairs]
        for pairs in (found["pairs"], found["pipeline"]["pairs"])
    )
    together = [[READERS_SUMMARY[key], value] for key, value in found["summary"].items()]
    return [
        READERS_PROTOCOL,
        _table(head, readers),
        _table(["One reader judged by another", "Figure"], together),
        _table(head, pipeline),
    ]


def _effusion() -> list[str]:
    """Effusion as the default pipeline finds it; nothing while none is stored."""
    path = held_out.RESULTS.parent / "effusion.json"
    if not path.exists():
        return []
    scans = json.loads(path.read_text())["scans"]
    wet, dry = ([scan for scan in scans if bool(scan["true_ml"]) is is_wet] for is_wet in (True, False))
    rows = [
        [scan["scan"], scan["true_ml"], scan["found_ml"], rounded(effusions.dice_of(scan)), scan["infected_ml"]]
        for scan in wet
    ]
    return [
        EFFUSION_PROTOCOL,
        _table(["Scan", "True (ml)", "Found (ml)", "Dice", "Infection (ml)"], rows),
        "Scans without effusion:\n",
        _table(["Scan", "Found (ml)", "Infection (ml)"], [[scan[key] for key in DRY_COLUMNS] for scan in dry]),
    ]


def _stored(pattern: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(held_out.RESULTS.parent.glob(pattern))]


def _effort(result: dict[str, Any]) -> tuple[int, int]:
    """Columns of `EFFORT`."""
    return result.get("members", 1), result["steps"]


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
        _table(head, rows),
        _phantom_part(figures["phantoms"]),
    ]


def _phantom_part(rows: list[dict[str, Any]]) -> str:
    large = [abs(row["error_percent"]) for row in rows if row["true_ml"] > LARGE_ENOUGH_ML]
    return (
        f"Phantoms (seeds that no training used): infected volume is off by {sum(large) / len(large):.1f} % on average "
        f"and {max(large):.1f} % at most over {len(large)} scans.\n"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return (
        "\n".join("| " + " | ".join("–" if cell is None else str(cell) for cell in line) + " |" for line in lines)
        + "\n"
    )
