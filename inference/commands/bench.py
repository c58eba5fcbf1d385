"""`bench`: seconds and memory of the pipelines on a synthetic scan, each in a process of its own."""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from inference.catalogue import DEFAULT_PIPELINE, chosen
from inference.device import pick_device
from inference.errors import InferenceError
from inference.evaluation.arithmetic import arithmetic

COMMAND = (sys.executable, "-m", "inference")


def run(options: argparse.Namespace) -> None:
    """Make the scan, analyse it with the pipelines (all unless some are named), and print the table as JSON."""
    with tempfile.TemporaryDirectory(prefix="lungtrend-bench-") as folder:
        size, slices = str(options.size), str(options.slices)
        scans = Path(folder) / "scans"
        run_child("phantom", "--out", str(scans), "--scenario", "new", "--size", size, "--slices", slices)
        (scan,) = json.loads((scans / "truth.json").read_text())["scans"]
        table = {
            "scan": {"slices": options.slices, "size": options.size, "infected_ml": scan["infected_ml"]},
            "machine": {"processor": platform.machine(), "cores": os.cpu_count()},
            "device": pick_device(options.device).name,
            "arithmetic": arithmetic(DEFAULT_PIPELINE, options.device),
            "pipelines": [
                _measured(entry.name, scans / scan["folder"], Path(folder) / entry.name, options.device)
                for entry in chosen(options.pipeline)
            ],
        }
    print(json.dumps(table, indent=1))


def _measured(pipeline: str, scan: Path, out: Path, device: str) -> dict[str, Any]:
    started = time.perf_counter()
    peak_mib = run_child("segment", str(scan), "--out", str(out), "--pipeline", pipeline, "--device", device)
    seconds = time.perf_counter() - started
    figures = json.loads((out / "measurements.json").read_text())
    return {
        "name": pipeline,
        "total_s": round(seconds, 2),
        "peak_rss_mib": round(peak_mib),
        "stages_s": figures["timings_s"],
        "lung_ml": figures["lung_ml"],
        "infected_ml": figures["infected_ml"],
    }


def run_child(*arguments: str) -> float:
    """Run one command of this program, start-up included; returns its peak resident memory in MiB (Linux).

    Raises:
        InferenceError: the command failed.
    """
    child = subprocess.Popen([*COMMAND, *arguments])
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise InferenceError(f"`{arguments[0]}` ended with status {child.returncode}; there is nothing to measure.")
    return usage.ru_maxrss / 1024
