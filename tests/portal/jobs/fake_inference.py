"""Stands in for `python -m inference segment`: behaves as MODE in the environment says."""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from tests.samples import measurements_of, write_masks


def main() -> int:
    out = Path(sys.argv[sys.argv.index("--out") + 1])
    mode = os.environ["FAKE_MODE"]
    print(json.dumps({"stage": "reading", "percent": 5}), flush=True)
    write_masks(out)
    np.save(out / "volume.npy", np.zeros((4, 6, 5), np.int16))
    print(json.dumps({"stage": "lungs", "percent": 40}), flush=True)
    if mode == "refuse":
        # As many names as a long series has: the line is far longer than asyncio reads by default.
        files = [f"a-folder-with-a-long-name/IM{number:06d}.dcm" for number in range(3000)]
        print(
            json.dumps({"error": "No lungs were found in this scan.", "code": "no-lungs", "files": files}), flush=True
        )
        return 2
    if mode == "crash":
        os.kill(os.getpid(), 9)
    if mode == "hang":
        time.sleep(60)
    (out / "measurements.json").write_text(json.dumps(measurements_of(80.0)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
