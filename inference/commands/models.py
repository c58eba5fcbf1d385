"""`models`: the pipelines of this installation."""

import argparse
import json

from inference.catalogue import DEFAULT_PIPELINE, catalogue


def run(options: argparse.Namespace) -> None:
    """Print them as a JSON list."""
    print(
        json.dumps([{**entry.as_dict(), "default": entry.name == DEFAULT_PIPELINE} for entry in catalogue()], indent=1)
    )
