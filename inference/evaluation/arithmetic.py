"""How far the networks are from what this processor can do: measured FLOP/s of one large convolution beside theirs."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from inference.catalogue import card_of
from inference.device import CPU_BATCH, Device, pick_device
from inference.preprocess.slices import INPUT_SIZE
from inference.segmenters.slices import network_of

#: The convolution that stands for the processor: channels and edge of its images.
CHANNELS, EDGE, BATCH = 128, 128, 8
REPEATS = 5
GIGA = 1e9


def arithmetic(pipeline: str, device: str) -> dict[str, Any]:
    """GFLOP, seconds and GFLOP/s of a batch of slices through each slice network of a pipeline."""
    place = pick_device(device)
    card = card_of(pipeline)
    large = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
    result: dict[str, Any] = {"large_convolution": _measured(large, (BATCH, CHANNELS, EDGE, EDGE), place)}
    for role in ("lung", "infection"):
        part = card["parameters"][role]
        if part["method"] == "slices":
            shape = (CPU_BATCH, part.get("slices", 1), INPUT_SIZE, INPUT_SIZE)
            result[role] = _measured(network_of(part, card["files"][role]), shape, place)
            result[role]["share_of_large_convolution"] = round(
                result[role]["gflop_per_s"] / result["large_convolution"]["gflop_per_s"], 2
            )
    return result


def _measured(network: nn.Module, shape: tuple[int, ...], place: Device) -> dict[str, float]:
    ready = network.eval().to(place.torch_device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.rand(shape).to(place.torch_device, memory_format=torch.channels_last)
    with torch.inference_mode():
        with FlopCounterMode(display=False) as counter:
            ready(images)
        with place.autocast():
            seconds = _quickest(ready, images)
    gflop = counter.get_total_flops() / GIGA
    return {"gflop": round(gflop, 1), "seconds": round(seconds, 4), "gflop_per_s": round(gflop / seconds, 1)}


def _quickest(network: Callable[[Tensor], Tensor], images: Tensor) -> float:
    """Seconds of the quickest of several runs; the first ones warm up."""
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        network(images)
        if images.is_cuda:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return min(seconds)
