"""Pictures of the evaluation, from stored results alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
from matplotlib import pyplot as plt
from numpy.typing import NDArray

from inference.evaluation.held_out import metrics_of
from inference.volume import Volume

INCHES, DPI = (8.0, 4.2), 110
#: Limits of agreement: this many standard deviations about the mean difference (Bland and Altman).
AGREEMENT = 1.96


def dice_boxes(results: Mapping[str, dict[str, Any]], path: Path) -> None:
    """Infection Dice of every held-out stack, a box a pipeline."""
    figure, axes = plt.subplots(figsize=INCHES)
    dice = [[metrics_of(row, "infection")["dice"] or 0.0 for row in result["cases"]] for result in results.values()]
    axes.boxplot(dice, tick_labels=list(results), showmeans=True)
    for number, values in enumerate(dice, start=1):
        axes.plot(np.full(len(values), number), values, "o", markersize=3, alpha=0.5, color="tab:blue")
    axes.set(ylabel="Infection Dice", ylim=(0, 1))
    axes.tick_params(axis="x", rotation=30)
    for label in axes.get_xticklabels():
        label.set_horizontalalignment("right")
    _save(figure, path)


def bland_altman(result: dict[str, Any], name: str, path: Path) -> None:
    """Difference of measured and true PoIR against their mean, of one pipeline's held-out stacks."""
    measured, true = (np.asarray([row[key] for row in result["cases"]]) for key in ("poi_percent", "true_poi_percent"))
    difference, middle = measured - true, (measured + true) / 2
    figure, axes = plt.subplots(figsize=INCHES)
    axes.plot(middle, difference, "o")
    for offset, style in ((0.0, "-"), (AGREEMENT, "--"), (-AGREEMENT, "--")):
        level = float(difference.mean() + offset * difference.std(ddof=1))
        axes.axhline(level, linestyle=style, color="tab:gray")
        axes.annotate(f"{level:+.1f}", (1.0, level), xycoords=("axes fraction", "data"), fontsize=8)
    axes.set(
        xlabel="Mean of measured and true PoIR (%)", ylabel="Measured - true (percentage points)", title=f"{name}: PoIR"
    )
    _save(figure, path)


def roc_curve(roc: Sequence[Sequence[float]], auc: float, path: Path) -> None:
    """ROC of the candidate classifier on held-out patients."""
    figure, axes = plt.subplots(figsize=(4.6, 4.2))
    false, true = zip(*roc, strict=True)
    axes.plot(false, true, label=f"AUC {auc:.3f}")
    axes.plot([0, 1], [0, 1], linestyle=":", color="tab:gray")
    axes.set(xlabel="1 - specificity", ylabel="Sensitivity", xlim=(0, 1), ylim=(0, 1.01))
    axes.legend(loc="lower right")
    _save(figure, path)


def threshold_curves(sweep: dict[str, Any], path: Path) -> None:
    """Mean Dice against the HU threshold, lung and infection."""
    figure, axes = plt.subplots(figsize=INCHES)
    for name in ("lung", "infection"):
        levels, dice = zip(*sweep[name]["dice_by_hu"], strict=True)
        axes.plot(levels, dice, marker="o", markersize=3, label=name)
    axes.set(xlabel="Threshold (HU)", ylabel="Mean Dice", ylim=(0, 1))
    axes.legend()
    _save(figure, path)


def lobe_panels(scans: Sequence[tuple[Volume, NDArray[np.uint8]]], path: Path) -> None:
    """Lobes over axial volumes, a row a scan: coronal through the middle, sagittal through the right and left lung."""
    figure, grid = plt.subplots(len(scans), 3, figsize=(8.0, 2.6 * len(scans)), squeeze=False)
    for row, (volume, lobes) in zip(grid, scans, strict=True):
        z_mm, y_mm, x_mm = volume.geometry.spacing_zyx_mm
        _, rows, columns = np.nonzero(lobes)
        middle, right, left = int(np.median(rows)), *(int(np.percentile(columns, share)) for share in (22, 78))
        planes = [
            (volume.hu[:, middle], lobes[:, middle], z_mm / x_mm),
            (volume.hu[:, :, right], lobes[:, :, right], z_mm / y_mm),
            (volume.hu[:, :, left], lobes[:, :, left], z_mm / y_mm),
        ]
        for axes, (hu, labels, aspect) in zip(row, planes, strict=True):
            axes.imshow(hu, cmap="gray", vmin=-1350, vmax=150, origin="lower", aspect=aspect)
            shown = np.ma.masked_equal(labels, 0)
            axes.imshow(shown, cmap="Set1", vmin=1, vmax=9, alpha=0.4, origin="lower", aspect=aspect)
            axes.axis("off")
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, dpi=DPI, metadata={"Software": None})
    plt.close(figure)
