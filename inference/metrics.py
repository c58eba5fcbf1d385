"""Agreement of a mask with a reference: every metric of the five papers. Pure.

Two empty masks agree: their overlap metrics are 1. A metric whose denominator is 0 otherwise is None.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.geometry import Vector3

BoolMask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Confusion:
    """Voxel counts: true and false positives and negatives. Adding them pools cases."""

    tp: int
    fp: int
    fn: int
    tn: int

    @classmethod
    def of(cls, predicted: BoolMask, truth: BoolMask) -> Self:
        """Count two masks of one shape."""
        tp = int(np.count_nonzero(predicted & truth))
        fp = int(np.count_nonzero(predicted)) - tp
        fn = int(np.count_nonzero(truth)) - tp
        return cls(tp, fp, fn, predicted.size - tp - fp - fn)

    def __add__(self, other: "Confusion") -> "Confusion":
        return Confusion(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn)

    def metrics(self) -> dict[str, float | None]:
        """Dice, IoU, sensitivity, specificity, PPV, G-mean, F2 (Saood and Hatem, eq. 4) and global accuracy."""
        tp, fp, fn, tn = self.tp, self.fp, self.fn, self.tn
        is_empty = tp + fp + fn == 0
        sensitivity, specificity, ppv = _ratio(tp, tp + fn), _ratio(tn, tn + fp), _ratio(tp, tp + fp)
        both = sensitivity is not None and specificity is not None
        return {
            "dice": 1.0 if is_empty else 2 * tp / (2 * tp + fp + fn),
            "iou": 1.0 if is_empty else tp / (tp + fp + fn),
            "sensitivity": sensitivity,
            "specificity": specificity,
            "ppv": ppv,
            "g_mean": (sensitivity * specificity) ** 0.5 if both else None,  # type: ignore[operator]
            "f2": 1.0 if is_empty else 5 * tp / (5 * tp + 4 * fn + fp),
            "accuracy": _ratio(tp + tn, tp + tn + fp + fn),
        }


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def hd95_mm(predicted: BoolMask, truth: BoolMask, spacing_zyx_mm: Vector3) -> float | None:
    """95th percentile of the distances between two surfaces, both ways together; None when one is empty."""
    if not predicted.any() or not truth.any():
        return None
    surfaces = [mask & ~ndimage.binary_erosion(mask) for mask in (predicted, truth)]
    away = [ndimage.distance_transform_edt(~surface, sampling=spacing_zyx_mm) for surface in surfaces]
    return float(np.percentile(np.concatenate([away[1][surfaces[0]], away[0][surfaces[1]]]), 95))


def pearson_r(predicted: Sequence[float], truth: Sequence[float]) -> float | None:
    """Linear correlation over cases; None for fewer than three (two always lie on a line) or constant values."""
    if len(truth) < 3 or np.ptp(truth) == 0 or np.ptp(predicted) == 0:
        return None
    return float(np.corrcoef(predicted, truth)[0, 1])


def mape_percent(predicted: Sequence[float], truth: Sequence[float]) -> float | None:
    """Mean of |predicted - true| / true over cases with a true value above 0, in per cent (Wu et al.)."""
    pairs = [(p, t) for p, t in zip(predicted, truth, strict=True) if t > 0]
    return 100 * float(np.mean([abs(p - t) / t for p, t in pairs])) if pairs else None
