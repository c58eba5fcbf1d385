"""Loss and validation Dice of a training as a picture."""

import csv
from pathlib import Path

from matplotlib.figure import Figure


def draw_curves(log: Path, target: Path) -> None:
    """PNG of the log of a training (see `loop.LOG_FIELDS`)."""
    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    steps = [int(row["step"]) for row in rows]
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    left = figure.subplots()
    right = left.twinx()
    left.plot(steps, [float(row["loss"]) for row in rows], color="tab:gray", label="loss")
    right.plot(steps, [float(row["validation_dice"]) for row in rows], color="tab:red", label="validation Dice")
    left.set_xlabel("step")
    left.set_ylabel("loss")
    right.set_ylabel("validation Dice")
    right.set_ylim(0, 1)
    figure.legend(loc="outside upper center", ncols=2)
    figure.savefig(target, dpi=110)
