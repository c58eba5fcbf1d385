"""What a process does with memory that it has used."""

import ctypes
import subprocess
import sys

import pytest

#: Prints how many pages the system had to hand out for the same memory the second time.
TWICE = """
import ctypes, resource, sys
from inference.memory import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = libc.malloc(256 << 20)
    libc.memset(block, 1, 256 << 20)
    libc.free(block)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages(what: str) -> int:
    return int(subprocess.run([sys.executable, "-c", TWICE, what], check=True, capture_output=True).stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="another C library than glibc")
def test_freed_memory_is_kept_for_the_next_layer() -> None:
    assert pages("given back") > 10_000
    assert pages("kept") < 100
