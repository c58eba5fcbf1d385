"""A bound on memory, so that no input can take the machine down: what exceeds it is refused like other bad input.

And what the process does with memory that it has used.
"""

import ctypes
import os
import resource
from pathlib import Path

from inference.errors import InferenceError

#: Limit in GiB, set by whoever starts this process; absent: none.
VARIABLE = "INFERENCE_MEMORY_GIB"
#: With an NVIDIA driver, processes map more than they use: there the limit would be wrong.
DRIVER = Path("/dev/nvidiactl")
GIB = 1024**3
#: Parameters of glibc's mallopt(3), and a size beyond that of any layer's result.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 2**31 - 1
#: How libraries say that they got no memory, where they raise something else than MemoryError.
SIGNS = ("allocate memory", "bad_alloc", "bad allocation", "Cannot allocate", "Unable to allocate")


class OutOfMemory(InferenceError):
    """The input needs more memory than an analysis may use."""

    code = "memory"


def limit_memory() -> None:
    """Limit the private memory of this process to `INFERENCE_MEMORY_GIB`, where it is set and can be kept."""
    gib = float(os.environ.get(VARIABLE) or 0)
    if gib > 0 and not DRIVER.exists():
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = int(gib * GIB)
        resource.setrlimit(resource.RLIMIT_DATA, (wanted if most < 0 else min(wanted, most), most))


def keep_freed_memory() -> None:
    """Have the C library keep freed memory for the next layer of a network; by default it goes back to the system.

    Getting it anew, page by page, took a quarter of an analysis. Other C libraries than glibc are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, KEPT_BYTES)
        mallopt(TRIM_THRESHOLD, KEPT_BYTES)


def is_for_want_of_memory(fault: BaseException) -> bool:
    """Whether an error says that memory ran out."""
    return isinstance(fault, MemoryError) or (
        isinstance(fault, RuntimeError | OSError) and any(sign in str(fault) for sign in SIGNS)
    )


def out_of_memory() -> OutOfMemory:
    """The refusal, with its sentence."""
    limit = os.environ.get(VARIABLE, "")
    within = f" than the {limit} GiB that an analysis may use" if limit else " than there is"
    return OutOfMemory(
        f"This input needs more memory{within}; send fewer or smaller slices, or tell the administrator."
    )
