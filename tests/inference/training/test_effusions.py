"""Fluid laid into real slices: where it gathers, what it looks like, and that a network learns to find it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.device import pick_device
from inference.labels import InfectionLabel
from inference.training.config import TrainingConfig
from inference.training.datasets import Case
from inference.training.effusions import effusion_cases, with_effusion
from inference.training.loop import fit
from inference.training.samples import truth_of

SIZE, SLICES = 96, 12


def chest(name: str, seed: int, *, is_stack: bool = True) -> Case:
    """Two lungs in soft tissue with noise; nobody marked an infection."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE]
    lung = np.zeros((SLICES, SIZE, SIZE), np.uint8)
    for centre in (28, 68):
        lung[:, ((y - 48) / 32) ** 2 + ((x - centre) / 15) ** 2 < 1] = 1
    hu = np.where(lung > 0, -850, 50) + rng.normal(0, 12, lung.shape)
    return Case(name, name, hu.astype(np.int16), lung, None, knows_kinds=False, is_stack=is_stack)


@pytest.mark.parametrize("is_stack", [True, False])
def test_fluid_lies_at_the_back_of_what_was_lung(is_stack: bool) -> None:
    bare = chest("a", 1, is_stack=is_stack)
    volumes, depths = [], []
    for seed in range(8):
        wet = with_effusion(bare, np.random.default_rng(seed))
        fluid = wet.infection == InfectionLabel.EFFUSION
        assert not fluid[bare.lung == 0].any()
        assert not wet.lung[fluid].any()
        assert (wet.hu[bare.lung == 0] == bare.hu[bare.lung == 0]).all()
        volumes.append(fluid.sum())
        depths.append(np.nonzero(fluid)[1].mean() - np.nonzero(bare.lung)[1].mean())
        if is_stack:
            assert fluid[: SLICES // 2].sum() > fluid[SLICES // 2 :].sum()
        assert -40 < np.median(wet.hu[fluid]) < 60
    assert min(volumes) > 0
    assert min(depths) > 3
    assert len(set(volumes)) == len(volumes)
    assert bare.infection is None
    assert (bare.hu[bare.lung > 0] < -700).all()


def test_the_same_seed_lays_the_same_fluid() -> None:
    first, again = (with_effusion(chest("a", 1), np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first.hu, again.hu)


def test_a_case_without_lung_stays_dry() -> None:
    bare = chest("a", 1)
    dry = with_effusion(replace(bare, lung=np.zeros_like(bare.lung)), np.random.default_rng(0))
    assert dry.infection is not None
    assert not dry.infection.any()


def test_effusion_is_no_infection() -> None:
    wet = with_effusion(chest("a", 1), np.random.default_rng(0))
    assert wet.infection is not None
    truths = {task: truth_of(wet, task) for task in ("infection", "effusion", "kinds")}
    assert not truths["infection"].any()
    assert np.array_equal(truths["effusion"], wet.infection > 0)
    assert np.array_equal(truths["kinds"], wet.infection)


def test_every_real_case_comes_dry_and_wet(datasets: Path) -> None:
    cases = effusion_cases(datasets, 1)
    dry, wet = next(cases), next(cases)
    assert dry.patient == wet.patient
    assert dry.infection is not None
    assert not dry.infection.any()
    assert wet.infection is not None
    assert set(np.unique(wet.infection)) == {0, InfectionLabel.EFFUSION}


def test_a_network_learns_to_find_it(tmp_path: Path) -> None:
    config = TrainingConfig(
        name="wet", task="effusion", datasets="", test=[], validation=["b"], out=str(tmp_path),
        base_channels=4, batch_size=4, steps=100, learning_rate=1e-2, validate_every=50,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    training, validation = ([with_effusion(chest(name, seed), rng)] for seed, name in enumerate("ab"))
    last = fit(config, training, validation, pick_device("cpu"))
    assert torch.load(last, weights_only=True)["best_dice"] > 0.2
