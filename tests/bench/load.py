"""A hospital's worth of rows: how long pages take with 10 000 patients and 50 000 scans. Prints JSON.

LUNGTREND_TEST_POSTGRES=bench DJANGO_SETTINGS_MODULE=portal.settings.test python -m tests.bench.load
"""

import argparse
import gc
import json
import statistics
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django

django.setup()

from django.db import connection, reset_queries  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import override_settings, setup_test_environment  # noqa: E402
from django.utils import timezone  # noqa: E402

from portal.accounts.models import AuditAction, AuditEvent, Role, User  # noqa: E402
from portal.patients.models import CareTeam, Patient  # noqa: E402
from portal.scans.courses import check_courses  # noqa: E402
from portal.scans.models import Measurement, Origin, Scan, ScanKind, Segmentation, Upload  # noqa: E402
from portal.scans.revisions import measurement_fields  # noqa: E402
from tests.samples import GRID, measurements_of  # noqa: E402

SCANS_EACH = 5
#: One patient in so many grows fast.
GROWS = 50
BATCH = 2000


def fill(patients: int) -> tuple[User, list[Patient]]:
    """Patients of one team with five measured scans each, a fifth of them already looked at."""
    team = CareTeam.objects.create(name="Everybody")
    reader = User.objects.create_user("reader", password=uuid.uuid4().hex, role=Role.RADIOLOGIST)
    team.members.add(reader)
    upload = Upload.objects.create(by=reader)
    everyone = Patient.objects.bulk_create(
        [Patient(mrn=f"L-{number:06d}", name=f"Load, Patient {number}") for number in range(patients)], BATCH
    )
    Patient.care_teams.through.objects.bulk_create(
        [Patient.care_teams.through(patient=patient, careteam=team) for patient in everyone], BATCH
    )
    now = timezone.now()
    scans = [
        Scan(
            patient=patient,
            upload=upload,
            kind=ScanKind.DICOM,
            content_digest=uuid.uuid4().hex,
            study_uid=f"2.25.{number}{visit}",
            series_uid=f"2.25.{number}{visit}.1",
            acquired_at=now - timedelta(hours=30 * (SCANS_EACH - visit) + number % 97),
            geometry=GRID.as_dict(),
            slice_thickness_mm=1.0,
        )
        for number, patient in enumerate(everyone)
        for visit in range(SCANS_EACH)
    ]
    Scan.objects.bulk_create(scans, BATCH)
    results = [
        Segmentation(
            scan=scan,
            number=1,
            origin=Origin.MODEL,
            pipeline="lungtrend",
            pipeline_version="1.0",
            weights_sha256="a" * 64,
        )
        for scan in scans
    ]
    Segmentation.objects.bulk_create(results, BATCH)
    figures = [
        measurement_fields(measurements_of(100.0 + 60 * (place % SCANS_EACH) * (place // SCANS_EACH % GROWS == 0)))
        for place in range(len(results))
    ]
    Measurement.objects.bulk_create(
        [Measurement(segmentation=result, **values) for result, values in zip(results, figures, strict=True)], BATCH
    )
    AuditEvent.objects.bulk_create(
        [
            AuditEvent(
                actor=reader,
                actor_name="reader",
                action=AuditAction.VIEW,
                subject_type="scans.scan",
                subject_id=str(scan.pk),
                patient_id=scan.patient_id,
            )
            for scan in scans[::SCANS_EACH]
        ],
        BATCH,
    )
    while check_courses():
        pass
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return reader, everyone


def timed(ask: Callable[[], Any], times: int) -> dict[str, float]:
    """Seconds of server time: median, and the 95th percentile."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        answer = ask()
        taken.append(time.perf_counter() - start)
        assert answer.status_code == 200, answer.status_code
    taken.sort()
    return {
        "median_ms": round(1000 * statistics.median(taken), 1),
        "p95_ms": round(1000 * taken[int(0.95 * (len(taken) - 1))], 1),
    }


def queries_of(ask: Callable[[], Any]) -> int:
    """Statements that one request sends."""
    reset_queries()
    with override_settings(DEBUG=True):
        connection.force_debug_cursor = True
        ask()
        connection.force_debug_cursor = False
    return len(connection.queries)


def main() -> None:
    """Fill a database of its own, measure, and remove it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=60)
    options = parser.parse_args()
    setup_test_environment()
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0)
    try:
        start = time.perf_counter()
        reader, patients = fill(options.patients)
        filled = time.perf_counter() - start
        client = Client()
        client.force_login(reader)
        # As the ASGI application does.
        gc.freeze()
        pages = {
            "worklist": "/",
            "worklist, last page": f"/?page={-(-len(patients) // 50)}",
            "search": f"/?search={patients[-1].mrn}",
            "patient": f"/patients/{patients[0].pk}/",
            "timeline by REST": f"/api/v1/patients/{patients[0].pk}/timeline/",
            "patients by REST": "/api/v1/patients/",
            "DICOMweb studies": "/dicomweb/studies?limit=50",
        }
        table: dict[str, Any] = {"database": connection.vendor, "patients": len(patients), "fill_s": round(filled, 1)}
        for what, address in pages.items():

            def ask(address: str = address) -> Any:
                return client.get(address)

            ask()
            table[what] = {**timed(ask, options.times), "queries": queries_of(ask)}
        print(json.dumps(table, indent=1))
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


if __name__ == "__main__":
    main()
