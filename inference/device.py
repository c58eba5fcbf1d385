"""Where and how networks run: what this machine can do is asked, never assumed."""

from dataclasses import dataclass

import torch

from inference.errors import BadConfiguration

CPU_BATCH, LARGEST_BATCH = 16, 128
#: Of a batch, what goes through a network together on a CPU.
CPU_PIECE = 2


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

    def batch(self, item_mib: float) -> int:
        """How many items of `item_mib` working memory each to compute at once.

        On a GPU as many as half of what is free holds; on the CPU larger batches win nothing.
        """
        if self.torch_device.type != "cuda":
            return CPU_BATCH
        free_bytes, _ = torch.cuda.mem_get_info(self.torch_device)
        return max(1, min(LARGEST_BATCH, int(free_bytes / 2 / 2**20 / item_mib)))

    def piece(self, items: int) -> int:
        """How many of a batch's items go through a network together.

        On a CPU few: the allocator gives large tensors back at once, so that every layer has to ask for its memory
        again, page by page.
        """
        return CPU_PIECE if self.torch_device.type == "cpu" else items

    def laid(self, values: torch.Tensor, layout: torch.memory_format) -> torch.Tensor:
        """A tensor on the device in a memory layout; on its way to a GPU it passes through pinned memory."""
        if self.torch_device.type == "cuda":
            return values.pin_memory().to(self.torch_device, non_blocking=True, memory_format=layout)
        return values.to(self.torch_device, memory_format=layout)

    def autocast(self) -> torch.autocast:
        """Context in which a network runs."""
        return torch.autocast(self.torch_device.type, torch.bfloat16, enabled=self.has_fast_bf16)


CPU = torch.device("cpu")


def cpu_device() -> Device:
    """The CPU, with bfloat16 where it has units for it; without them it emulates bfloat16, slower than float32."""
    return Device(CPU, torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())


def pick_device(wanted: str) -> Device:
    """`auto` takes a GPU where there is one, else the CPU.

    Raises:
        BadConfiguration: `cuda` was asked for and is not there.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise BadConfiguration("This machine has no CUDA device; use --device cpu or auto.")
    if wanted != "cpu" and torch.cuda.is_available():
        return Device(torch.device("cuda"), torch.cuda.is_bf16_supported())
    return cpu_device()
