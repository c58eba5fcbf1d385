"""Synthetic patients: exact, repeatable, standard-conforming."""

import shutil
import subprocess

import numpy as np
import pytest

from inference.labels import InfectionLabel, LobeLabel, LungLabel
from inference.phantom import SCENARIOS, Acquisition, PhantomPatient, scans_of
from tests.samples import dicom_folder

SMALL = Acquisition(size=96, slices=30)


@pytest.mark.parametrize("wanted_ml", [0.0, 25.0, 120.0, 400.0])
def test_the_infected_volume_is_what_was_asked_for(wanted_ml: float) -> None:
    truth = PhantomPatient(4).scan(Acquisition(size=128, slices=40, infected_ml=wanted_ml)).truth
    assert truth.infected_ml == pytest.approx(wanted_ml, abs=0.2)


def test_anatomy_is_an_adults() -> None:
    truth = PhantomPatient(1).scan(SMALL).truth
    sides = [truth.lung.volume_ml(side) for side in LungLabel]
    assert all(1800 < ml < 4000 for ml in sides)
    assert all(truth.lobes.volume_ml(lobe) > 150 for lobe in LobeLabel)
    assert np.array_equal(truth.lung.labels > 0, truth.lobes.labels > 0)


def test_infection_lies_in_the_lung_and_effusion_outside() -> None:
    truth = PhantomPatient(2).scan(Acquisition(size=96, slices=30, infected_ml=200, effusion_ml=60)).truth
    infected = np.isin(truth.infection.labels, (InfectionLabel.GROUND_GLASS, InfectionLabel.CONSOLIDATION))
    assert (truth.lung.labels[infected] > 0).all()
    effusion = truth.infection.labels == InfectionLabel.EFFUSION
    assert (truth.lung.labels[effusion] == 0).all()
    assert truth.infection.volume_ml(InfectionLabel.EFFUSION) == pytest.approx(60, abs=1.5)


def test_a_patient_keeps_the_anatomy_and_lesions_grow_in_place() -> None:
    (_, first), (_, second), *_ = scans_of(SCENARIOS["growing"], seed=5, acquisition=SMALL)
    assert np.array_equal(first.truth.lung.labels, second.truth.lung.labels)
    before, after = first.truth.infection.labels > 0, second.truth.infection.labels > 0
    assert not (before & ~after).any()


def test_the_same_seed_gives_the_same_scan() -> None:
    scans = [PhantomPatient(6).scan(SMALL).volume.hu for _ in range(2)]
    assert np.array_equal(*scans)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy of dicom3tools is not installed")
def test_the_dicom_conforms_to_the_standard(tmp_path) -> None:
    path = dicom_folder(tmp_path)[0]
    report = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    assert "Error" not in report.stderr + report.stdout
