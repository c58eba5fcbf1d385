"""Weights as shipped, checked against the model card that names them."""

import hashlib

from safetensors.torch import load_file
from torch import Tensor

from inference.catalogue import WEIGHTS
from inference.errors import MissingWeights


def verified_weights(file: dict[str, str]) -> dict[str, Tensor]:
    """Tensors of a file `{name, sha256}`.

    Raises:
        MissingWeights: it is absent or not the one the model card names.
    """
    path = WEIGHTS / file["name"]
    if not path.exists():
        raise MissingWeights(f"The weights {file['name']} are missing; install LungTrend again.")
    if hashlib.sha256(path.read_bytes()).hexdigest() != file["sha256"]:
        raise MissingWeights(f"The weights {file['name']} differ from their model card; install LungTrend again.")
    return load_file(path)
