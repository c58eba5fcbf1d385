"""Infection by several networks on slices, their answers averaged."""

from typing import Any

from inference.device import Device
from inference.segmenters.slices import AveragedNetworks, SliceInfection, infection_by, slice_network_of


def load_infection(part: dict[str, Any], files: dict[str, dict[str, str]], device: Device) -> SliceInfection:
    """The infection finder of a model card whose `networks` name, by the role of their file, several networks.

    Raises:
        MissingWeights: a file is absent or not the one the model card names.
    """
    networks = [slice_network_of(network, files[role], device) for role, network in part["networks"].items()]
    return infection_by(AveragedNetworks(networks), part)
