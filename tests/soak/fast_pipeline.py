"""A pipeline that takes a fraction of a second: it copies a result that was made before."""

import json
import os
import random
import shutil
import sys
import time
from pathlib import Path


def main() -> int:
    """Behave like `python -m inference segment`; a scan whose folder holds `poison` kills the child every time."""
    scan, out = Path(sys.argv[1]), Path(sys.argv[sys.argv.index("--out") + 1])
    print(json.dumps({"stage": "reading", "percent": 5}), flush=True)
    shutil.copytree(os.environ["SOAK_TEMPLATE"], out, dirs_exist_ok=True)
    time.sleep(float(os.environ.get("SOAK_SECONDS", 0)) or random.uniform(0.05, 0.3))
    print(json.dumps({"stage": "infection", "percent": 60}), flush=True)
    if any(path.suffix == ".poison" or "poison" in str(path.resolve()) for path in scan.iterdir()):
        os.kill(os.getpid(), 9)
    return 0


if __name__ == "__main__":
    sys.exit(main())
