"""Where and how networks run: what this machine can do is asked, never assumed."""

from dataclasses import dataclass

import torch

from inference.errors import BadConfiguration


@dataclass(frozen=True, slots=True)
class Device:
    """A torch device, and whether bfloat16 is quicker there than float32."""

    torch_device: torch.device
    has_fast_bf16: bool

    @property
    def name(self) -> str:
        """In words, for timings."""
        if self.torch_device.type == "cuda":
            return torch.cuda.get_device_name(self.torch_device)
        return f"cpu, {torch.get_num_threads()} threads, {'bf16' if self.has_fast_bf16 else 'float32'}"

    def autocast(self) -> torch.autocast:
        """Context in which a network runs."""
        return torch.autocast(self.torch_device.type, torch.bfloat16, enabled=self.has_fast_bf16)


def pick_device(wanted: str) -> Device:
    """`auto` takes a GPU where there is one, else the CPU.

    Raises:
        BadConfiguration: `cuda` was asked for and is not there.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise BadConfiguration("This machine has no CUDA device; use --device cpu or auto.")
    if wanted != "cpu" and torch.cuda.is_available():
        return Device(torch.device("cuda"), torch.cuda.is_bf16_supported())
    # Without matrix units for bfloat16 the CPU emulates it, slower than float32.
    return Device(torch.device("cpu"), torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())
