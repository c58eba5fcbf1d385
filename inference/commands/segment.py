"""`segment`: read one scan, analyse it, write masks and measurements."""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from inference.catalogue import DEFAULT_PIPELINE, pipeline_named
from inference.errors import UnreadableFile
from inference.explanation import write_explanation
from inference.io import Reading, read_input, write_mask
from inference.pipeline import analyse, load_segmenter
from inference.progress import Progress, Stage

#: Progress lines are at least this far apart, but for a new stage.
LINE_SECONDS = 0.25


class LinePrinter:
    """Prints progress as JSON lines, a few a second."""

    def __init__(self) -> None:
        self._stage: Stage | None = None
        self._printed_at = 0.0

    def __call__(self, stage: Stage, percent: float) -> None:
        """Print unless the last line is too fresh."""
        now = time.monotonic()
        if stage is self._stage and now - self._printed_at < LINE_SECONDS:
            return
        self._stage, self._printed_at = stage, now
        print(json.dumps({"stage": stage, "percent": round(percent)}), flush=True)


def run(options: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        InferenceError: with one sentence, for anything wrong with the input.
    """
    entry = pipeline_named(options.pipeline or DEFAULT_PIPELINE)
    out: Path = options.out
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as trouble:
        raise UnreadableFile(f"The output folder {out} cannot be made: {trouble.strerror}.") from trouble
    progress = Progress(LinePrinter() if options.progress else None)
    with progress.stage(Stage.READING) as on_progress:
        reading = read_input(options.input, on_progress)
        if options.save_volume:
            save_volume(reading, out)
    segmenter = load_segmenter(entry, options.device)
    analysis = analyse(reading, entry, segmenter, progress)
    with progress.stage(Stage.WRITING):
        write_mask(analysis.masks.lung, out / "lung.nii.gz")
        write_mask(analysis.masks.lobes, out / "lobes.nii.gz")
        write_mask(analysis.masks.infection, out / "infection.nii.gz")
        if analysis.explanation is not None:
            write_explanation(analysis.explanation, out)
    write_json(out / "measurements.json", {**analysis.measurements, "timings_s": progress.timings_s})


def save_volume(reading: Reading, out: Path) -> None:
    """Write the HU volume so that single slices can be read by their offset."""
    part = out / "part-volume.npy"
    np.save(part, reading.volume.hu, allow_pickle=False)
    part.replace(out / "volume.npy")


def write_json(path: Path, content: object) -> None:
    """Write a JSON file that appears whole or not at all."""
    part = path.with_name(f"part-{path.name}")
    part.write_text(json.dumps(content, indent=1) + "\n")
    part.replace(path)
