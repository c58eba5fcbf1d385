"""What the soak test asks of its installation, in a process with its settings; answers in JSON."""

import json
import os
import sys
from pathlib import Path

import django

django.setup()

import numpy as np  # noqa: E402
from django.db.models import Count  # noqa: E402

from portal.accounts.models import Role, User  # noqa: E402
from portal.jobs.models import InferenceJob  # noqa: E402
from portal.jobs.services import submit_scan  # noqa: E402
from portal.jobs.states import OPEN_STATES, JobState  # noqa: E402
from portal.patients.models import CareTeam, Patient  # noqa: E402
from portal.scans.inventory import take_inventory  # noqa: E402
from portal.scans.models import Instance, Origin, Scan, Segmentation, UploadedFile  # noqa: E402
from portal.scans.storage import path_of  # noqa: E402
from tests.factories import make_scan  # noqa: E402
from tests.samples import GRID, measurements_of, write_masks  # noqa: E402


def fill(jobs: int, poison_every: int) -> dict[str, int]:
    """Scans with a job each; every so many-th kills whoever reads it."""
    template = write_masks(Path(os.environ["SOAK_TEMPLATE"]))
    np.save(template / "volume.npy", np.zeros(GRID.shape_zyx, np.int16))
    (template / "measurements.json").write_text(json.dumps(measurements_of(80.0)))
    user = User.objects.create_user("soak", role=Role.CLINICIAN)
    team = CareTeam.objects.create(name="Soak")
    team.members.add(user)
    for number in range(jobs):
        patient = Patient.objects.create(mrn=f"S-{number}")
        patient.care_teams.add(team)
        scan = make_scan(patient, user)
        name = "poison" if number % poison_every == poison_every - 1 else "slice"
        key = f"uploads/{scan.upload_id}/{name}.dcm"
        path_of(key).parent.mkdir(parents=True, exist_ok=True)
        path_of(key).write_bytes(name.encode())
        file = UploadedFile.objects.create(upload=scan.upload, name=f"{name}.dcm", sha256="0" * 64, size=5, path=key)
        Instance.objects.create(scan=scan, index=0, file=file)
        submit_scan(by=user, scan=scan)
    return {"jobs": InferenceJob.objects.count()}


def count() -> dict[str, int]:
    """Jobs that still owe something."""
    return {"open": InferenceJob.objects.filter(state__in=OPEN_STATES).count()}


def inspect() -> dict[str, int]:
    """What became of everything."""
    jobs = InferenceJob.objects.all()
    succeeded, failed = jobs.filter(state=JobState.SUCCEEDED), jobs.filter(state=JobState.FAILED)
    doubles = Segmentation.objects.filter(origin=Origin.MODEL).values("scan").annotate(times=Count("pk"))
    poisoned = Scan.objects.filter(instances__file__name="poison.dcm")
    return {
        **count(),
        "succeeded": succeeded.count(),
        "failed": failed.count(),
        "double": doubles.filter(times__gt=1).count(),
        "without_result": succeeded.filter(segmentation=None).count(),
        "without_reason": failed.filter(error="").count(),
        "poison_not_failed": poisoned.exclude(jobs__state=JobState.FAILED).count(),
        "most_attempts": max(jobs.values_list("attempts", flat=True), default=0),
        "missing_files": len(take_inventory().missing),
    }


if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    print(json.dumps({"fill": fill, "count": count, "inspect": inspect}[name](*map(int, arguments))))
