"""Data of the first released state live on after an upgrade: in the database of an installation of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
#: The last migrations of version 0.1.0.
RELEASED = {
    "accounts": "0002_audit_trail_is_append_only",
    "patients": "0001_patients_and_care_teams",
    "scans": "0002_registrations",
    "jobs": "0002_registration_jobs",
}
FILL = """
import json
from datetime import UTC, datetime, timedelta
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from tests.samples import GRID, measurements_of

apps = MigrationExecutor(connection).loader.project_state(list(RELEASED.items())).apps
model = apps.get_model
user = model("accounts", "User").objects.create(username="reader", role="radiologist", is_active=True)
team = model("patients", "CareTeam").objects.create(name="Ward")
team.members.add(user)
patient = model("patients", "Patient").objects.create(mrn="OLD-1", name="Before, Ada")
patient.care_teams.add(team)
for number, infected_ml in enumerate((100.0, 180.0)):
    upload = model("scans", "Upload").objects.create(by=user)
    scan = model("scans", "Scan").objects.create(
        patient=patient, upload=upload, kind="dicom", content_digest=str(number), geometry=GRID.as_dict(),
        study_uid=f"1.2.{number + 1}", series_uid=f"1.2.{number + 1}.1",
        acquired_at=datetime(2026, 3, 2, 8, tzinfo=UTC) + timedelta(hours=30 * number),
    )
    for index, uid in enumerate(("", "1.2.3", "1.2.3")):
        file = model("scans", "UploadedFile").objects.create(
            upload=upload, name=f"{index}.dcm", sha256=str(index), size=1, path=f"uploads/{number}/{index}.dcm"
        )
        model("scans", "Instance").objects.create(scan=scan, index=index, file=file, sop_uid=uid)
    revision = model("scans", "Segmentation").objects.create(
        scan=scan, number=1, origin="model", pipeline="unet2d", pipeline_version="1.0"
    )
    details = measurements_of(infected_ml)
    model("scans", "Measurement").objects.create(
        segmentation=revision, lung_ml=5000, infected_ml=infected_ml, poi_percent=2, ground_glass_ml=infected_ml,
        consolidation_ml=0, effusion_ml=0, severity_score=5, floor_ml=5, details=details,
    )
    model("jobs", "InferenceJob").objects.create(
        scan=scan, pipeline="unet2d", requested_by=user, state="succeeded", segmentation=revision
    )
model("accounts", "AuditEvent").objects.create(actor=user, actor_name="reader", action="view")
"""
LOOK = """
import json
from django.test import Client
from portal.accounts.chain import link_events, verify_chain
from portal.accounts.models import User
from portal.patients.models import Patient
from portal.scans.models import Instance
from inference.io.identifiers import is_valid_uid

client = Client(SERVER_NAME="localhost")
client.force_login(User.objects.get(username="reader"))
patient = Patient.objects.get(mrn="OLD-1")
uids = list(Instance.objects.filter(scan__series_uid="1.2.1.1").values_list("sop_uid", flat=True))
link_events()
print(json.dumps({
    "worklist": "Before, Ada" in client.get("/").content.decode(),
    "flag": client.get(f"/api/v1/patients/{patient.pk}/timeline/").json()["flag"],
    "page": client.get(f"/patients/{patient.pk}/").status_code,
    "studies": len(client.get("/dicomweb/studies").json()),
    "uids": len(set(uids)) == 3 and all(map(is_valid_uid, uids)),
    "trail": list(verify_chain().problems),
}))
"""


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "portal.settings.embedded",
        "LUNGTREND_HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONWARNINGS": "ignore",
    }


def manage(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_the_first_version_stored_is_there_after_the_upgrade(environment) -> None:
    for label, migration in RELEASED.items():
        manage(environment, "migrate", "-v0", label, migration)
    manage(environment, "migrate", "-v0", "sessions")
    manage(environment, "shell", "-v0", "-c", f"RELEASED = {RELEASED!r}\n{FILL}")
    manage(environment, "migrate", "-v0")
    told = json.loads(manage(environment, "shell", "-v0", "-c", LOOK).splitlines()[-1])
    assert told == {
        "worklist": True,
        "flag": "rapid-growth",
        "page": 200,
        "studies": 2,
        "uids": True,
        "trail": [],
    }
