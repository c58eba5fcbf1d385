"""As in production, several workers and a queue, but with a pipeline that takes a moment and leases that end soon."""

import os
import sys

from portal.settings.test import *  # noqa: F403

MEDIA_ROOT = os.environ["SOAK_MEDIA"]
INFERENCE_COMMAND = [sys.executable, str(BASE_DIR / "tests" / "soak" / "fast_pipeline.py")]  # noqa: F405
INFERENCE_LEASE_SECONDS = 4
INFERENCE_SWEEP_SECONDS = 0.5
INFERENCE_SLOTS = int(os.environ.get("SOAK_SLOTS", "2"))
if DATABASES["default"]["ENGINE"].endswith("postgresql"):  # noqa: F405
    # As in production: without it, a hundred requests at a time are more connections than PostgreSQL gives.
    DATABASES["default"]["OPTIONS"] = {"pool": {"min_size": 2, "max_size": 20}}  # noqa: F405
# Processes of one installation hear each other; its Redis is its own.
CHANNEL_LAYERS["default"].get("CONFIG", {})["prefix"] = "soak"  # noqa: F405
