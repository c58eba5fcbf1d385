"""`train` and `crossval`."""

import argparse
import json

from inference.training.config import read_config
from inference.training.crossval import cross_validate
from inference.training.loop import train as train_network


def train(options: argparse.Namespace) -> None:
    """Train; a run that was broken off goes on from its last checkpoint."""
    print(train_network(read_config(options.config)))


def crossval(options: argparse.Namespace) -> None:
    """Train and test every fold, and print Dice by patient."""
    print(json.dumps(cross_validate(read_config(options.config)), indent=1))
