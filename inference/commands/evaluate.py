"""`evaluate`: masks against a reference."""

import argparse
import json

from inference.evaluation.compare import compare


def run(options: argparse.Namespace) -> None:
    """Print the metrics as JSON."""
    print(json.dumps(compare(options.pred, options.truth), indent=1))
