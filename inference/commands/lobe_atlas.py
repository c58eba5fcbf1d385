"""`build-lobe-atlas`: the atlas and its card."""

import argparse
import json

from inference.training.lobe_atlas import build_lobe_atlas


def run(options: argparse.Namespace) -> None:
    """Build, and print the card."""
    print(json.dumps(build_lobe_atlas(options.folder), indent=1))
