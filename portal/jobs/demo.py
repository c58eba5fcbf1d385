"""The demo: three accounts, one care team, and synthetic patients whose scans go through the real ingest and jobs."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import Min
from django.utils import timezone

from inference.phantom import SCENARIOS, Acquisition, Scenario, SyntheticIdentity, scans_of, write_series
from portal.accounts.models import Role, User
from portal.jobs.intake import complete_upload
from portal.patients.models import CareTeam
from portal.scans.intake import open_upload, receive_file
from portal.scans.models import Scan

TEAM = "Ward 4 (demo)"
ACCOUNTS = {"clinician": Role.CLINICIAN, "radiologist": Role.RADIOLOGIST, "administrator": Role.ADMINISTRATOR}
#: Scenario, name and birth date of each demo patient.
PATIENTS = (
    ("growing", "Synthetic^Ada", "19610412"),
    ("onset", "Synthetic^Boris", "19550930"),
    ("stable", "Synthetic^Clara", "19720103"),
    ("resolving", "Synthetic^Dmitri", "19480618"),
    ("new", "Synthetic^Elif", "19830227"),
)
ACQUISITION = Acquisition(size=384, slices=86)


def demo_password() -> str:
    """The demo accounts' password: from the environment, or made once and kept readable by its owner alone."""
    if given := os.environ.get("LUNGTREND_DEMO_PASSWORD"):
        return given
    path: Path = settings.LUNGTREND_HOME / "demo-password"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(12))
    return path.read_text()


def known_password() -> str | None:
    """The demo password if the clinician can still log in with it; None when it was changed."""
    password = demo_password()
    return password if User.objects.get(username="clinician").check_password(password) else None


def ensure_accounts() -> None:
    """Create the team and the accounts that are missing; changed passwords stay as they are."""
    team, _ = CareTeam.objects.get_or_create(name=TEAM)
    for username, role in ACCOUNTS.items():
        user, is_new = User.objects.get_or_create(username=username, defaults={"role": role})
        if is_new:
            user.is_staff = user.is_superuser = role == Role.ADMINISTRATOR
            user.set_password(demo_password())
            user.save()
        team.members.add(user)


def send_patients() -> Iterator[str]:
    """Send the scans of the demo patients that have none yet; yields a line for each scan."""
    sender = User.objects.get(username="clinician")
    for seed, (name, person, birth_date) in enumerate(PATIENTS, start=1):
        identity = SyntheticIdentity(f"DEMO-{seed:03d}", person, birth_date)
        scenario = SCENARIOS[name]
        if Scan.objects.filter(patient__mrn=identity.mrn).count() >= len(scenario.visits):
            continue
        start = _start_of(identity.mrn) or _new_start(scenario, hours_ago=2 + 3 * seed)
        for visit, scan in scans_of(scenario, seed=seed, acquisition=ACQUISITION):
            acquired_at = timezone.localtime(start + timedelta(hours=visit.hours))
            with tempfile.TemporaryDirectory() as folder:
                files = write_series(scan.volume, Path(folder), identity=identity, acquired_at=acquired_at)
                upload = open_upload(by=sender)
                for file in files:
                    receive_file(upload=upload, name=file.name, chunks=[file.read_bytes()])
            complete_upload(by=sender, upload=upload, claimed_patient=None, acquired_at=None)
            yield f"{identity.mrn} {name}: scan of {acquired_at:%Y-%m-%d %H:%M} sent"


def _start_of(mrn: str) -> datetime | None:
    """When the course of a patient whose scans were sent only in part began: it goes on where it stopped."""
    start: datetime | None = Scan.objects.filter(patient__mrn=mrn).aggregate(start=Min("acquired_at"))["start"]
    return start


def _new_start(scenario: Scenario, *, hours_ago: int) -> datetime:
    """Start of a course whose last scan was taken `hours_ago`. In UTC, so that no clock change shortens it."""
    last = timezone.now().replace(minute=40, second=0, microsecond=0) - timedelta(hours=hours_ago)
    return last - timedelta(hours=scenario.visits[-1].hours)
