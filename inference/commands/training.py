"""`train` and `crossval`."""

import argparse
import json
from pathlib import Path

from inference.errors import BadConfiguration
from inference.training.config import read_config
from inference.training.crossval import cross_validate
from inference.training.export import export_weights
from inference.training.loop import train as train_network


def train(options: argparse.Namespace) -> None:
    """Train; a run that was broken off goes on from its last checkpoint."""
    print(train_network(read_config(options.config)))


def release(options: argparse.Namespace) -> None:
    """Ship checkpoints as the weights of a pipeline.

    Raises:
        BadConfiguration: a checkpoint is not given as ROLE=FILE (or ROLE=FILE+FILE), or is absent.
    """
    checkpoints: dict[str, list[Path]] = {}
    for given in options.checkpoints:
        role, _, files = given.partition("=")
        averaged = [Path(file) for file in files.split("+")]
        if not files or not all(path.is_file() for path in averaged):
            raise BadConfiguration(
                f"{given} is no checkpoint; name each as ROLE=FILE, for example lung=.train/x-best.pt."
            )
        checkpoints[role] = averaged
    print(json.dumps(export_weights(checkpoints, options.pipeline)["files"], indent=1))


def crossval(options: argparse.Namespace) -> None:
    """Train and test every fold, and print Dice by patient."""
    print(json.dumps(cross_validate(read_config(options.config)), indent=1))
