"""The candidate classifier as a part of a pipeline."""

from typing import Any

from inference.candidates import CandidateJudge
from inference.device import Device
from inference.networks.classifier import candidate_classifier
from inference.segmenters.weights import verified_weights


def load_candidates(part: dict[str, Any], file: dict[str, str], device: Device) -> CandidateJudge:
    """The classifier as shipped.

    Raises:
        MissingWeights: the file is absent or not the one the model card names.
    """
    network = candidate_classifier()
    network.load_state_dict(verified_weights(file))
    return CandidateJudge(network.eval().to(device.torch_device), device, part["threshold"])
