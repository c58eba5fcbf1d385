"""`held-out` measures the pipelines on the test patients; `report` writes what is stored into docs/evaluation.md."""

import argparse
import json

from inference.evaluation.held_out import evaluate_held_out
from inference.evaluation.report import write_report
from inference.training.config import read_config


def held_out(options: argparse.Namespace) -> None:
    """Measure and store; takes minutes."""
    results = evaluate_held_out(read_config(options.config), options.pipeline)
    print(json.dumps({name: figures["summary"] for name, figures in results.items()}, indent=1))


def report(options: argparse.Namespace) -> None:
    """Write the report."""
    write_report(options.target)
