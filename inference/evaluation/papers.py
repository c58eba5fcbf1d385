"""What the five papers printed, each on its own data. Numbers only; our figures stand in the stored results."""

from typing import Any

#: Figures by pipeline and key of `held_out.summary_of`.
BY_PIPELINE: dict[str, dict[str, float]] = {
    "hu-baseline": {"lung_dice_mean": 0.941, "infection_dice_mean": 0.530},
    "unet2d": {"lung_dice_mean": 0.972, "infection_dice_mean": 0.684},
    "unet2d-candidate-classifier": {"infection_dice_mean": 0.743},
    "unet25d": {"lung_dice_mean": 0.967, "infection_dice_mean": 0.693},
    "unet25d-candidate-classifier": {"infection_dice_mean": 0.757, "poir_r": 0.961, "poir_mape_percent": 11.7},
    "bifurcated": {
        "infection_dice_mean": 0.768,
        "infection_iou_mean": 0.702,
        "infection_ppv_mean": 0.820,
        "infection_sensitivity_mean": 0.759,
        "infection_specificity_mean": 0.99,
    },
    "unet3d": {"lung_dice_mean": 0.971, "infection_dice_mean": 0.761, "infection_dice_median": 0.804},
}
#: Area under the ROC of the candidate classifier, and its accuracy at the threshold 0.45 (Wu et al.).
CANDIDATES = {"auc": 0.913, "accuracy": 0.938, "threshold": 0.45}
#: Best thresholds and their mean Dice (Wu et al.).
THRESHOLDS = {"lung": {"hu": -200, "dice": 0.941}, "infection": {"hu": -750, "dice": 0.530}}
#: Five-fold Dice on the SIRM slices: binary pooled, binary mean of slices, C1, C2, C3.
SIRM: dict[str, list[float | None]] = {
    "SegNet (Saood and Hatem)": [0.703, None, 0.425, 0.410, 0.117],
    "U-Net (Saood and Hatem)": [0.643, None, 0.402, 0.458, 0.152],
    "MiniSeg (a later peer)": [0.808, 0.759, None, None, None],
}
#: Five-fold infection Dice on the cases of Ma et al., mean of folds or cases.
MA = {"Bifurcated (Yazdekhasty et al.)": 0.768, "3D U-Net (Müller et al.)": 0.761}
CORONACASES = {"MiniSeg": 0.81}
#: IoU by lobe and its mean, and mean HD95 in mm (Xie et al., COVID-19 test set).
LOBES: dict[str, Any] = {
    "iou": {"RUL": 0.919, "RML": 0.877, "RLL": 0.919, "LUL": 0.935, "LLL": 0.908, "mean": 0.912},
    "hd95_mm": 6.4,
}
