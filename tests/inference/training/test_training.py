"""Training on little data: it learns, goes on where it was broken off, and refuses bad configurations."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.device import pick_device
from inference.errors import BadConfiguration
from inference.networks.segnet import SegNet
from inference.networks.unet import UNet, fused
from inference.training import crossval, loop
from inference.training.augment import augmented
from inference.training.config import TrainingConfig, read_config
from inference.training.datasets import Case, real_cases, sirm_cases
from inference.training.fit import bar, load_what_fits
from inference.training.loop import fit, train
from inference.training.losses import loss_of, median_frequency_weights
from inference.training.samples import truth_of


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


def test_only_a_network_with_a_pretrained_encoder_starts_from_imagenet(config: TrainingConfig) -> None:
    place = pick_device("cpu")
    with pytest.raises(BadConfiguration, match="Only the network pretrained-unet"):
        fit(replace(config, start="imagenet"), [disk_case("a", 1)], [disk_case("b", 2)], place)
    pretrained = replace(config, start="imagenet", network="pretrained-unet", steps=1, validate_every=1)
    last = fit(pretrained, [disk_case("a", 1)], [disk_case("b", 2)], place)
    assert torch.load(last, weights_only=True)["step"] == 1


def test_it_learns_keeps_checkpoints_and_goes_on(config: TrainingConfig) -> None:
    place = pick_device("cpu")
    cases = [disk_case("a", 1)], [disk_case("b", 2)]
    last = fit(config, *cases, place)
    assert torch.load(last, weights_only=True)["step"] == 12
    fit(replace(config, steps=18), *cases, place)
    assert torch.load(last, weights_only=True)["step"] == 18
    assert (last.parent / "tiny.csv").read_text().count("\n") == 4
    assert (last.parent / "tiny.png").stat().st_size > 5000


def test_the_bar_tells_how_long_it_takes() -> None:
    assert bar("x", 75, 100, 50, 60.0) == "x [######################........] 75/100, 1 min left "


def test_it_stops_when_validation_no_longer_improves(config: TrainingConfig) -> None:
    hopeless = replace(config, steps=60, validate_every=2, patience=3, learning_rate=0.0)
    last = fit(hopeless, [disk_case("a", 1)], [disk_case("b", 2)], pick_device("cpu"))
    assert torch.load(last, weights_only=True)["step"] == 8


def test_it_starts_from_another_network_as_far_as_layers_fit(config: TrainingConfig) -> None:
    cases, place = ([disk_case("a", 1)], [disk_case("b", 2)]), pick_device("cpu")
    start = fit(config, *cases, place)
    other = replace(config, name="other", task="kinds", start=str(start), steps=1, learning_rate=0.0)
    first, second = (torch.load(p, weights_only=True) for p in (start, fit(other, *cases, place)))
    assert torch.equal(first["state"]["down.0.0.weight"], second["raw"]["down.0.0.weight"])
    assert second["raw"]["head.weight"].shape[0] == 4


def test_a_25d_network_begins_with_the_answer_of_the_2d_one(tmp_path: Path) -> None:
    torch.manual_seed(2)
    flat, wide = UNet(3, 4).eval(), UNet(9, 4, inputs=3).eval()
    torch.save({"state": flat.state_dict()}, tmp_path / "flat.pt")
    load_what_fits(wide, tmp_path / "flat.pt")
    slices = torch.rand(1, 3, 64, 64)
    found, wanted = wide(slices).unflatten(1, (3, 3)), flat(slices[:, 1:2])
    assert all(torch.allclose(found[:, number], wanted, atol=1e-5) for number in range(3))


def test_cross_validation_tests_every_patient_once(config: TrainingConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [disk_case(name, seed) for seed, name in enumerate("abcdef")]
    monkeypatch.setattr(crossval, "cases_of", lambda *_: iter(cases))
    result = crossval.cross_validate(replace(config, datasets="anywhere", folds=3, steps=4, validate_every=2), "cpu")
    assert set(result["dice"]) == set("abcdef")
    assert {"any", "ground_glass", "consolidation"} == set(result["pooled"])
    assert len(result["folds"]) == 3
    assert (Path(config.out) / "tiny-crossval.json").exists()


def test_cross_validation_may_take_the_threshold_of_the_validation_patients(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [disk_case(name, seed) for seed, name in enumerate("abcdef")]
    monkeypatch.setattr(crossval, "cases_of", lambda *_: iter(cases))
    monkeypatch.setattr(crossval, "best_threshold", lambda *_: 0.9)
    chooses = replace(config, datasets="anywhere", folds=2, steps=2, validate_every=2, chooses_threshold=True)
    result = crossval.cross_validate(chooses, "cpu")
    assert result["thresholds"] == [0.9, 0.9]
    assert result["dice"]["a"] == pytest.approx(result["dice_by_threshold"]["a"]["0.9"], abs=0.02)


def test_contrast_is_changed_as_far_as_configured() -> None:
    hu, labels = torch.full((64, 1, 16, 16), -500.0), torch.zeros(64, 1, 16, 16)
    spread = []
    for contrast in (0.0, 0.33, 1.0):
        torch.manual_seed(1)
        values, _ = augmented(hu, labels, "kinds", contrast)
        spread.append(float(values[:, 0, 6:10, 6:10].mean(dim=(1, 2)).std()))
    assert spread[0] < spread[1] / 2 < spread[2] / 4


def test_the_best_threshold_is_the_one_with_the_best_dice() -> None:
    shares = torch.tensor([[0.1, 0.9], [0.35, 0.65], [0.6, 0.4]])[:, :, None, None]
    truth = torch.tensor([1, 0, 0])[:, None, None]
    assert crossval.best_threshold(shares, truth, "infection") == pytest.approx(0.65)


def test_the_bifurcated_networks_threshold_is_chosen_on_validation_slices(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "configured_cases", lambda _: iter([disk_case("a", 1), disk_case("b", 2)]))
    bifurcated = replace(
        config, task="lung-infection", network="bifurcated", base_channels=8, steps=2, validate_every=2
    )
    train(bifurcated, "cpu")
    stored = json.loads((Path(config.out) / "tiny-threshold.json").read_text())
    assert stored["dice"][str(stored["threshold"])] == max(stored["dice"].values())
    assert len(stored["dice"]) == 17


def test_rare_classes_weigh_more() -> None:
    labels = torch.zeros(2, 10, 10, dtype=torch.uint8)
    labels[0, :5] = 1
    labels[1, 0, :5] = 2
    weights = median_frequency_weights(labels, 4)
    assert weights[2] > weights[1] > weights[0] > 0
    assert weights[1] == pytest.approx(1.0)
    assert weights[3] == 0


def test_segnet_keeps_the_size_and_learns_from_every_layer() -> None:
    network = SegNet(4, 4)
    logits = network(torch.rand(2, 1, 64, 64))
    assert logits.shape == (2, 4, 64, 64)
    logits.sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_segnet_has_the_size_of_the_paper() -> None:
    convolutions = [m for m in SegNet(2).encoder.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [m.out_channels for m in convolutions] == [64, 64, 128, 128, 256, 256, 256]


def test_the_sirm_slices_stand_upright_with_three_kinds(datasets: Path) -> None:
    cases = list(sirm_cases(datasets / "sirm100"))
    assert len(cases) == 100
    assert {int(label) for case in cases for label in np.unique(case.infection)} == {0, 1, 2, 3}
    healthy = np.concatenate([case.hu[(case.lung > 0) & (case.infection == 0)] for case in cases])
    assert np.median(healthy) == pytest.approx(-850, abs=60)
    # Effusion gathers at the back, which is down in an upright slice.
    rows = np.concatenate([np.nonzero(case.infection == 3)[1] for case in cases])
    assert np.median(rows) > 128


def test_a_binary_training_counts_every_kind_as_one(config: TrainingConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [disk_case(name, seed) for seed, name in enumerate("abcd")]
    for label, case in enumerate(cases):
        assert case.infection is not None
        case.infection[case.infection > 0] = label % 3 + 1
        assert set(np.unique(truth_of(case, "binary"))) == {0, 1}
        assert (truth_of(case, "binary") > 0).sum() == (case.infection > 0).sum()
    monkeypatch.setattr(crossval, "cases_of", lambda *_: iter(cases))
    binary = replace(config, task="binary", loss="balanced-entropy", datasets="anywhere", folds=4, steps=4)
    result = crossval.cross_validate(replace(binary, validate_every=2), "cpu")
    assert set(result["pooled"]) == set(result["mean"]) == {"any"}
    marked = {case.name: int((case.infection > 0).sum()) for case in cases if case.infection is not None}
    assert {name: pixels["true"] for name, pixels in result["infected_pixels"].items()} == marked


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
        ("name: x\ntask: heart\ndatasets: d\ntest: []\nvalidation: []\nout: o\n", "lung, infection"),
        ("name: x\ntask: lung\ndatasets: d\ntest: []\nvalidation: []\nout: o\nsteps: many\n", "steps"),
    ],
)
def test_a_bad_configuration_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(BadConfiguration, match=words):
        read_config(path)


CONFIGURATIONS = sorted((Path(__file__).parents[3] / "inference" / "training" / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_the_shipped_configurations_are_valid_and_keep_test_patients_apart(path: Path) -> None:
    config = read_config(path)
    assert config.name == path.stem
    assert not set(config.test) & set(config.validation)


def test_a_missing_data_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match=r"1\.nii\.gz"):
        list(real_cases(tmp_path))
