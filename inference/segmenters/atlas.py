"""Lobes by the atlas: where they usually lie."""

from typing import Any

from inference.device import Device
from inference.lobes import label_lobes
from inference.quality import QualityNote
from inference.volume import Mask, Volume


class AtlasLobes:
    """Knows no fissure."""

    def find_lobes(self, volume: Volume, lung: Mask) -> tuple[Mask, tuple[QualityNote, ...]]:
        """Lobes from the atlas, marked as approximate."""
        return label_lobes(lung)


def load_lobes(part: dict[str, Any], file: None, device: Device) -> AtlasLobes:
    """The atlas as shipped."""
    return AtlasLobes()
