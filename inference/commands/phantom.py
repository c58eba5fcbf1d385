"""`phantom`: synthetic serial scans as DICOM, with the truth beside them."""

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path

from inference.commands.segment import write_json
from inference.io import write_mask
from inference.phantom import Acquisition, SyntheticIdentity, scans_of, write_series
from inference.phantom.scenarios import scenario_named

#: The first scan of every course, so that the same call writes the same files.
FIRST_SCAN = datetime(2026, 1, 12, 8, 30, tzinfo=UTC)


def run(options: argparse.Namespace) -> None:
    """Write one folder a scan (`0/dicom`, `0/lung.nii.gz`, ...) and `truth.json`."""
    out: Path = options.out
    scenario = scenario_named(options.scenario)
    identity = SyntheticIdentity(f"SYN-{options.seed:03d}", f"Synthetic^{scenario.name.capitalize()}")
    acquisition = Acquisition(size=options.size, slices=options.slices)
    truth = []
    for number, (visit, scan) in enumerate(scans_of(scenario, seed=options.seed, acquisition=acquisition)):
        folder = out / str(number)
        acquired_at = FIRST_SCAN + timedelta(hours=visit.hours)
        write_series(scan.volume, folder / "dicom", identity=identity, acquired_at=acquired_at)
        for name in ("lung", "lobes", "infection"):
            write_mask(getattr(scan.truth, name), folder / f"{name}.nii.gz")
        truth.append(
            {
                "folder": f"{number}/dicom",
                "acquired_at": acquired_at.isoformat(),
                "lung_ml": round(scan.truth.lung_ml, 3),
                "infected_ml": round(scan.truth.infected_ml, 3),
            }
        )
    write_json(out / "truth.json", {"scenario": scenario.name, "mrn": identity.mrn, "scans": truth})
