"""One synthetic chest, made once: a volume with its truth, and the same as a DICOM folder."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from inference.phantom import Acquisition, PhantomPatient, SyntheticIdentity, SyntheticScan, write_series

INFECTED_ML = 150.0


@pytest.fixture(scope="session")
def chest_scan() -> SyntheticScan:
    return PhantomPatient(seed=3).scan(Acquisition(infected_ml=INFECTED_ML, size=192, slices=60))


@pytest.fixture(scope="session")
def chest_folder(chest_scan: SyntheticScan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chest")
    identity = SyntheticIdentity("SYN-003", "Synthetic^Test")
    write_series(chest_scan.volume, folder, identity=identity, acquired_at=datetime(2026, 1, 12, 8, 30, tzinfo=UTC))
    return folder
