"""What a training run is: one readable YAML file, typed and checked."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from inference.errors import BadConfiguration

#: `kinds` also knows pleural effusion; it learns from single lung-masked slices. `binary` learns from the same ones
#: whether a pixel shows any of it. `lung-infection` sees whole slices and finds both. `volume` learns in 3D. `lobes`
#: and `fissures` learn from lobe maps, `candidates` from regions that other networks found.
#: `effusion` alone is looked for in whole slices, real ones with fluid laid into them (`inference.training.effusions`).
#: `restoration` undoes a local change of contrast (`inference.training.restoration`).
Task = Literal[
    "lung",
    "infection",
    "kinds",
    "binary",
    "lung-infection",
    "effusion",
    "volume",
    "lobes",
    "fissures",
    "candidates",
    "restoration",
]
#: Slice tasks that look at the box around the lungs alone; their classes exclude each other, the first is background.
WITHIN_LUNGS: tuple[Task, ...] = ("infection", "kinds", "binary")
#: Of them those that learn from the SIRM slices.
ON_SIRM: tuple[Task, ...] = ("kinds", "binary")
Network = Literal["unet", "segnet", "bifurcated", "unet3d", "ctsunet", "resnet18", "pretrained-unet", "fissures"]
#: `balanced-entropy`: cross-entropy weighted by median frequency (Saood and Hatem).
Loss = Literal["dice-entropy", "balanced-entropy"]
KINDS: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "list": (list,),
    "bool": (bool,),
}


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """One network's training. `test` and `validation` name patients; everybody else trains."""

    name: str
    task: Task
    datasets: str
    test: list[str]
    validation: list[str]
    out: str
    network: Network = "unet"
    loss: Loss = "dice-entropy"
    base_channels: int = 16
    #: Neighbouring slices seen and segmented at once: 1, or 3 for 2.5D.
    slices: int = 1
    #: Share of the published channels (ctsunet).
    width: float = 1.0
    batch_size: int = 16
    steps: int = 2000
    learning_rate: float = 2e-3
    validate_every: int = 100
    seed: int = 7
    #: Synthetic patients (inference.phantom) that train beside the real ones, and how often they are drawn.
    phantoms: int = 0
    phantom_weight: float = 0.55
    #: Validations without a better one after which training stops; 0: never.
    patience: int = 0
    #: Checkpoint to start from, as far as its layers fit; `imagenet`: the published weights of a pretrained encoder;
    #: empty: from random weights.
    start: str = ""
    #: Further data sets, each as LAYOUT:FOLDER; the layouts are in `inference.training.layouts`.
    extra: list[str] = field(default_factory=list)
    #: Share of the draws that fall to cases of the other sets (their test patients left out); 0: none train beside.
    beside_share: float = 0.0
    #: How much more often slices that show effusion are drawn: it is rare, and small where it is.
    effusion_weight: float = 1.0
    #: How far brightness and contrast are changed at random, as a share of the usual; little where they tell kinds.
    contrast: float = 1.0
    #: Tested as the mean of a slice and its mirror image.
    mirrored_test: bool = False
    #: `crossval` takes the threshold that is best on each fold's validation patients, not 0.5.
    chooses_threshold: bool = False
    folds: int = field(default=5)


def read_config(path: Path) -> TrainingConfig:
    """Read and check a configuration.

    Raises:
        BadConfiguration: unreadable, or with an unknown, missing or mistyped entry, which is named.
    """
    try:
        entries: Any = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as trouble:
        raise BadConfiguration(f"{path} cannot be read as a YAML configuration.") from trouble
    if not isinstance(entries, dict):
        raise BadConfiguration(f"{path} holds no entries.")
    known = {entry.name: entry for entry in fields(TrainingConfig)}
    if unknown := sorted(set(entries) - set(known)):
        raise BadConfiguration(f"{path.name} has an unknown entry {unknown[0]}; known are {', '.join(known)}.")
    try:
        config = TrainingConfig(**entries)
    except TypeError as lack:
        raise BadConfiguration(f"{path.name} lacks an entry: {lack}.") from lack
    for name, entry in known.items():
        kinds = KINDS.get(str(getattr(entry.type, "__name__", entry.type)))
        if kinds and not isinstance(getattr(config, name), kinds):
            raise BadConfiguration(f"{path.name}: {name} must be of type {entry.type}.")
    for name, choices in (("task", Task), ("network", Network), ("loss", Loss)):
        if getattr(config, name) not in get_args(choices):
            allowed = ", ".join(get_args(choices))
            raise BadConfiguration(f"{path.name}: {name} is {getattr(config, name)}; it can be {allowed}.")
    return config
