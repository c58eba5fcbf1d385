"""Training on little data: it learns, goes on where it was broken off, and refuses bad configurations."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.device import pick_device
from inference.errors import BadConfiguration
from inference.networks.unet import UNet, fused
from inference.training.config import TrainingConfig, read_config
from inference.training.datasets import Case, grey_as_hu, real_cases
from inference.training.loop import fit
from inference.training.losses import loss_of


def disk_case(name: str, seed: int) -> Case:
    """Bright disks on dark lungs, every one infected."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:64, :64]
    hu = np.full((6, 64, 64), -850, np.int16)
    infection = np.zeros((6, 64, 64), np.uint8)
    for z in range(6):
        cy, cx = rng.integers(15, 49, 2)
        infection[z][(y - cy) ** 2 + (x - cx) ** 2 < 100] = 1
    hu[infection > 0] = -300
    return Case(name, name, hu, np.ones_like(infection), infection, knows_kinds=True)


@pytest.fixture
def config(tmp_path: Path) -> TrainingConfig:
    return TrainingConfig(
        name="tiny",
        task="infection",
        datasets="",
        test=[],
        validation=["b"],
        out=str(tmp_path),
        base_channels=4,
        batch_size=4,
        steps=12,
        validate_every=6,
    )


def test_it_learns_keeps_checkpoints_and_goes_on(config: TrainingConfig) -> None:
    place = pick_device("cpu")
    cases = [disk_case("a", 1)], [disk_case("b", 2)]
    last = fit(config, *cases, place)
    assert torch.load(last, weights_only=True)["step"] == 12
    fit(replace(config, steps=18), *cases, place)
    assert torch.load(last, weights_only=True)["step"] == 18
    assert (last.parent / "tiny.jsonl").read_text().count("\n") == 3


def test_a_split_without_validation_is_refused(config: TrainingConfig) -> None:
    with pytest.raises(BadConfiguration, match="split"):
        fit(config, [disk_case("a", 1)], [], pick_device("cpu"))


def test_where_kinds_are_unknown_either_kind_is_right() -> None:
    labels = torch.ones(1, 16, 16, dtype=torch.long)
    logits = torch.zeros(1, 3, 16, 16)
    as_glass, as_consolidation = logits.clone(), logits.clone()
    as_glass[:, 1] = as_consolidation[:, 2] = 9.0
    unknown, known = torch.tensor([False]), torch.tensor([True])
    assert loss_of(as_glass, labels, unknown, "infection") == pytest.approx(
        float(loss_of(as_consolidation, labels, unknown, "infection"))
    )
    assert loss_of(as_glass, labels, known, "infection") < loss_of(as_consolidation, labels, known, "infection")


def test_folding_normalisation_changes_nothing() -> None:
    torch.manual_seed(1)
    network = UNet(3, 4).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.3, 0.3)
            module.running_var.uniform_(0.5, 2)
    slices = torch.rand(2, 1, 64, 64)
    before = network(slices)
    assert torch.allclose(fused(network)(slices), before, atol=1e-4)


def test_equalised_grey_lands_on_lung_and_tissue() -> None:
    grey = np.full((1, 40, 40), 180, np.uint8)
    lung = np.zeros((1, 40, 40), np.uint8)
    lung[:, 5:30, 5:30] = 1
    grey[lung > 0] = 40
    hu = grey_as_hu(grey, lung, np.zeros_like(lung))
    assert np.median(hu[lung > 0]) == pytest.approx(-850, abs=90)
    assert np.median(hu[lung == 0]) == pytest.approx(20, abs=60)


def test_a_patient_has_one_name_in_all_sets(datasets: Path) -> None:
    patients = {case.name: case.patient for case in real_cases(datasets)}
    assert patients["medseg-2"] == patients["medseg-3"] == patients["radiopaedia_A_thin"]
    assert patients["medseg-6"] == patients["radiopaedia_D1"] == patients["radiopaedia_D2"]
    assert len(set(patients.values())) == 17


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: x\nmagic: 1\n", "unknown entry magic"),
        ("name: x\n", "lacks an entry"),
        ("just text", "no entries"),
        ("name: x\ntask: heart\ndatasets: d\ntest: []\nvalidation: []\nout: o\n", "lung or infection"),
        ("name: x\ntask: lung\ndatasets: d\ntest: []\nvalidation: []\nout: o\nsteps: many\n", "steps"),
    ],
)
def test_a_bad_configuration_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(BadConfiguration, match=words):
        read_config(path)


@pytest.mark.parametrize("name", ["unet2d-lung", "unet2d-infection"])
def test_the_shipped_configurations_are_valid_and_keep_test_patients_apart(name: str) -> None:
    folder = Path(__file__).parents[3] / "inference" / "training" / "configs"
    config = read_config(folder / f"{name}.yaml")
    assert not set(config.test) & set(config.validation)


def test_a_missing_data_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match=r"1\.nii\.gz"):
        list(real_cases(tmp_path))
