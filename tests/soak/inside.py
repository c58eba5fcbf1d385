"""What the soak test asks of its installation, in a process with its settings; answers in JSON."""

import hashlib
import json
import os
import sys
from pathlib import Path

import django

django.setup()

import numpy as np  # noqa: E402
from django.conf import settings  # noqa: E402
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.db.models import Count, Max, Min  # noqa: E402
from knox.models import AuthToken  # noqa: E402

from portal.accounts.models import AuditEvent, Role, User  # noqa: E402
from portal.jobs.models import InferenceJob  # noqa: E402
from portal.jobs.services import submit_scan  # noqa: E402
from portal.jobs.states import OPEN_STATES, JobState  # noqa: E402
from portal.patients.models import CareTeam, Patient  # noqa: E402
from portal.scans import inventory  # noqa: E402
from portal.scans.inventory import remove_orphans, take_inventory  # noqa: E402
from portal.scans.models import Instance, Origin, Scan, Segmentation, UploadedFile  # noqa: E402
from portal.scans.storage import path_of  # noqa: E402
from tests.factories import make_scan  # noqa: E402
from tests.samples import GRID, measurements_of, write_masks  # noqa: E402


def template() -> dict[str, str]:
    """The result that the fast pipeline copies."""
    folder = write_masks(Path(os.environ["SOAK_TEMPLATE"]))
    np.save(folder / "volume.npy", np.zeros(GRID.shape_zyx, np.int16))
    (folder / "measurements.json").write_text(json.dumps(measurements_of(80.0)))
    return {"template": str(folder)}


def fill(jobs: int, poison_every: int) -> dict[str, int]:
    """Scans with a job each; every so many-th kills whoever reads it."""
    template()
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


def session_of(user: User) -> str:
    """The key of a session in which this user has logged in."""
    session = SessionStore()
    session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def person() -> dict[str, str]:
    """A clinician with a team, an API token and a session."""
    user = User.objects.create_user("sender", password=os.environ.get("SOAK_PASSWORD"), role=Role.CLINICIAN)
    CareTeam.objects.create(name="Senders").members.add(user)
    return {"token": AuthToken.objects.create(user)[1], "session": session_of(user)}


def addresses() -> dict[str, list[str]]:
    """Where requests came from, as the audit trail has it."""
    return {"addresses": sorted({str(event.address) for event in AuditEvent.objects.exclude(address=None)})}


def uploads(acknowledged: str) -> dict[str, int]:
    """What became of files that the server said it has; `acknowledged` is a JSON file of (upload, sha256)."""
    rows = {(str(row.upload_id), row.sha256): row.path for row in UploadedFile.objects.all()}
    promised = [tuple(pair) for pair in json.loads(Path(acknowledged).read_text())]
    kept = [pair for pair in promised if pair in rows]
    inventory.YOUNG_SECONDS = 0
    before = take_inventory()
    remove_orphans(before)
    images = Scan.objects.annotate(images=Count("instances"))
    return {
        "scans": Scan.objects.count(),
        "lost": len(promised) - len(kept),
        "changed": sum(_sha256(path_of(rows[pair])) != pair[1] for pair in kept),
        "missing": len(before.missing),
        "orphans_swept": len(before.orphans),
        "left_after_sweep": len(take_inventory().orphans),
        "half_visible": sum(scan.images != scan.geometry["shape_zyx"][0] for scan in images),
        "without_job": Scan.objects.exclude(jobs__isnull=False).count(),
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def ended() -> dict[str, float]:
    """Jobs that have ended, and the seconds from the first start to the last end."""
    done = InferenceJob.objects.filter(state=JobState.SUCCEEDED).aggregate(
        jobs=Count("pk"), first=Min("started_at"), last=Max("finished_at")
    )
    seconds = (done["last"] - done["first"]).total_seconds() if done["jobs"] else 0.0
    return {"ended": done["jobs"], "seconds": seconds, **inspect()}


QUESTIONS = {
    "template": template,
    "fill": fill,
    "count": count,
    "inspect": inspect,
    "person": person,
    "addresses": addresses,
    "uploads": uploads,
    "ended": ended,
}

if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    print(json.dumps(QUESTIONS[name](*(int(text) if text.isdigit() else text for text in arguments))))
