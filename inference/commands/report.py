"""`held-out` measures the pipelines on the test patients; `report` writes what is stored into docs/evaluation.md."""

import argparse
import json

from inference.evaluation.effusions import evaluate_effusion
from inference.evaluation.held_out import evaluate_held_out
from inference.evaluation.lobes import add_marked_scan, draw_lobes, evaluate_lobes
from inference.evaluation.readers import evaluate_readers
from inference.evaluation.report import write_report
from inference.evaluation.restoration import evaluate_restoration
from inference.evaluation.thresholds import sweep_thresholds
from inference.training.config import read_config


def held_out(options: argparse.Namespace) -> None:
    """Measure and store; takes minutes."""
    results = evaluate_held_out(read_config(options.config), options.pipeline)
    print(json.dumps({name: figures["summary"] for name, figures in results.items()}, indent=1))


def thresholds(options: argparse.Namespace) -> None:
    """Sweep and store."""
    print(json.dumps(sweep_thresholds(read_config(options.config)), indent=1))


def lobes(options: argparse.Namespace) -> None:
    """Measure and store."""
    config, checkpoint = options.fissures
    result = evaluate_lobes(read_config(options.config), options.checkpoint, (read_config(config), checkpoint))
    if options.scan and options.marked:
        result = add_marked_scan(options.scan, options.marked)
    if options.draw:
        draw_lobes([options.scan, *options.beside] if options.scan else options.beside, options.draw)
    print(json.dumps({key: value for key, value in result.items() if key != "cases"}, indent=1))


def effusion(options: argparse.Namespace) -> None:
    """Measure and store."""
    evaluate_effusion(read_config(options.config), options.dry)


def restoration(options: argparse.Namespace) -> None:
    """Measure and store."""
    print(json.dumps(evaluate_restoration(read_config(options.config)), indent=1))


def readers(options: argparse.Namespace) -> None:
    """Measure and store."""
    print(json.dumps(evaluate_readers(read_config(options.config)), indent=1))


def report(options: argparse.Namespace) -> None:
    """Write the report."""
    write_report(options.target)
