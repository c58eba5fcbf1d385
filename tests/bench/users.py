"""200 people at work in a hospital of 10 000 patients and 50 000 scans, on PostgreSQL, Redis and two web servers.

    python -m tests.bench.users --users 200 --seconds 60

Each belongs to one of twenty care teams, opens a page now and then (worklist, patient, timeline by REST) and keeps a
WebSocket. People come within the first half minute, which is not counted. Prints JSON: requests a second, latency at
the client by page, errors.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from typing import Any

import httpx
from websockets.asyncio.client import connect

from tests.soak.installation import REPOSITORY, installation

TEAMS = 20
#: Mean seconds between two pages of one person.
THINK_SECONDS = 30.0
#: How often each page is opened.
PAGES = {"worklist": 5, "patient": 3, "timeline": 2}


def fill(patients: int, users: int) -> dict[str, Any]:
    """The hospital, its teams and people; a session and some patients of each."""
    import django  # noqa: PLC0415 - this part runs in a process with the installation's settings

    django.setup()
    from django.db import connection  # noqa: PLC0415

    from portal.accounts.models import Role, User  # noqa: PLC0415
    from portal.patients.models import CareTeam, Patient  # noqa: PLC0415
    from tests.bench import load  # noqa: PLC0415
    from tests.soak.inside import session_of  # noqa: PLC0415

    _, everyone = load.fill(patients)
    through = Patient.care_teams.through
    through.objects.all().delete()
    teams = [CareTeam.objects.create(name=f"Team {number}") for number in range(TEAMS)]
    through.objects.bulk_create(
        [through(patient=patient, careteam=teams[place % TEAMS]) for place, patient in enumerate(everyone)], 2000
    )
    people = []
    for number in range(users):
        user = User.objects.create_user(f"user-{number}", role=Role.CLINICIAN)
        teams[number % TEAMS].members.add(user)
        own = [str(patient.pk) for patient in everyone[number % TEAMS :: TEAMS][:40]]
        people.append({"session": session_of(user), "patients": own})
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return {"people": people}


async def work(people: list[dict[str, Any]], addresses: list[str], seconds: float) -> dict[str, Any]:
    """Everybody at work for so long."""
    taken: dict[str, list[float]] = defaultdict(list)
    errors: list[str] = []
    begin = time.monotonic() + THINK_SECONDS
    until = begin + seconds

    async def person(number: int, who: dict[str, Any]) -> None:
        rng = random.Random(number)
        address = addresses[number % len(addresses)]
        cookie = {"Cookie": f"sessionid={who['session']}"}
        await asyncio.sleep(rng.uniform(0, THINK_SECONDS))
        socket = address.replace("http", "ws") + "/ws/jobs/"
        async with (
            connect(socket, additional_headers=cookie, origin=address, open_timeout=60),
            httpx.AsyncClient(base_url=address, headers=cookie, timeout=30) as client,
        ):
            while time.monotonic() < until:
                page = rng.choices(list(PAGES), list(PAGES.values()))[0]
                patient = rng.choice(who["patients"])
                path = {"worklist": "/", "patient": f"/patients/{patient}/"}.get(
                    page, f"/api/v1/patients/{patient}/timeline/"
                )
                start = time.perf_counter()
                try:
                    answer = await client.get(path)
                except httpx.HTTPError as trouble:
                    errors.append(f"{page}: {trouble!r}")
                else:
                    if time.monotonic() > begin:
                        taken[page].append(time.perf_counter() - start)
                    if answer.status_code != httpx.codes.OK:
                        errors.append(f"{page}: {answer.status_code}")
                await asyncio.sleep(rng.uniform(0, 2 * THINK_SECONDS))

    await asyncio.gather(*(person(number, who) for number, who in enumerate(people)))
    table = {
        page: {
            "requests": len(times),
            "median_ms": round(1000 * statistics.median(times)),
            "p95_ms": round(1000 * sorted(times)[int(0.95 * (len(times) - 1))]),
        }
        for page, times in sorted(taken.items())
    }
    requests = sum(len(times) for times in taken.values())
    return {"requests_a_second": round(requests / seconds, 1), **table, "errors": errors[:10]}


def main() -> int:
    """Build the installation, work, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--patients", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--fill", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fill:
        print(json.dumps(fill(options.patients, options.users)))
        return 0
    with installation(0) as place:
        command = [sys.executable, "-m", "tests.bench.users", "--fill"]
        numbers = ["--users", str(options.users), "--patients", str(options.patients)]
        done = subprocess.run(
            [*command, *numbers], cwd=REPOSITORY, env=place.environment, check=True, stdout=subprocess.PIPE
        )
        people = json.loads(done.stdout.decode().splitlines()[-1])["people"]
        addresses = [place.start_web() for _ in range(2)]
        outcome = asyncio.run(work(people, addresses, options.seconds))
    print(
        json.dumps({"users": options.users, "patients": options.patients, "cores": os.cpu_count(), **outcome}, indent=1)
    )
    return 1 if outcome["errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
