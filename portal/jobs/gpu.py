"""How full the GPUs of a worker's machine are, as the driver says; torch is not loaded for it."""

import logging
import shutil
import subprocess
from typing import Any

logger = logging.getLogger(__name__)

QUERY = ["--query-gpu=index,memory.used,memory.total", "--format=csv,noheader,nounits"]
PATIENCE_SECONDS = 5
MIB = 2**20


def gpu_memory() -> list[dict[str, Any]]:
    """`gpu` (index), `used` and `total` (bytes) of every GPU; empty where there is none, or no driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        done = subprocess.run([program, *QUERY], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True)
        rows = [[int(text) for text in line.split(",")] for line in done.stdout.splitlines() if line.strip()]
    except (OSError, subprocess.SubprocessError, ValueError) as trouble:
        logger.warning("the memory of the GPUs could not be read: %s", trouble)
        return []
    return [{"gpu": index, "used": used * MIB, "total": total * MIB} for index, used, total in rows]
