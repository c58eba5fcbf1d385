"""The WebSocket tells people about the jobs of their own patients, and strangers nothing."""

import json

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async

from portal.accounts.models import User
from portal.jobs import changes
from portal.jobs.consumers import NOT_LOGGED_IN, JobsConsumer
from portal.jobs.doorbell import announce
from portal.jobs.services import submit_scan
from portal.patients.access import people_who_see, visible_patients
from portal.patients.models import CareTeam
from tests.factories import make_scan

pytestmark = pytest.mark.django_db(transaction=True)


class Socket(ApplicationCommunicator):
    """A browser's end of the WebSocket."""

    def __init__(self, user) -> None:
        scope = {"type": "websocket", "path": "/ws/jobs/", "headers": [], "subprotocols": [], "user": user}
        super().__init__(JobsConsumer.as_asgi(), scope)

    async def connect(self) -> None:
        await self.send_input({"type": "websocket.connect"})
        assert (await self.receive_output(5))["type"] == "websocket.accept"

    async def news(self) -> dict:
        return json.loads((await self.receive_output(5))["text"])

    async def disconnect(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(5)


@pytest.fixture
def job(patient, clinician):
    return submit_scan(by=clinician, scan=make_scan(patient, clinician))


def test_open_jobs_and_changes_reach_the_care_team(clinician, job) -> None:
    async def scenario() -> list[dict]:
        socket = Socket(clinician)
        await socket.connect()
        first = await socket.news()
        await announce(job)
        second = await socket.news()
        await socket.disconnect()
        return [first, second]

    news = async_to_sync(scenario)()
    assert [(item["type"], item["job"]["id"], item["job"]["state"]) for item in news] == [
        ("job", str(job.pk), "queued")
    ] * 2


def test_another_ward_hears_nothing(stranger, job) -> None:
    async def scenario() -> bool:
        socket = Socket(stranger)
        await socket.connect()
        await announce(job)
        silent = await socket.receive_nothing(0.5)
        await socket.disconnect()
        return silent

    assert async_to_sync(scenario)()


def test_leaving_the_team_takes_effect_at_once(clinician, team, job) -> None:
    async def scenario() -> bool:
        socket = Socket(clinician)
        await socket.connect()
        await socket.news()
        await database_sync_to_async(team.members.remove)(clinician)
        await announce(job)
        silent = await socket.receive_nothing(0.5)
        await socket.disconnect()
        return silent

    assert async_to_sync(scenario)()


def test_a_stranger_is_shown_the_door() -> None:
    async def scenario() -> dict:
        socket = Socket(None)
        await socket.connect()
        closed = await socket.receive_output(5)
        await socket.disconnect()
        return closed

    closed = async_to_sync(scenario)()
    assert (closed["type"], closed["code"]) == ("websocket.close", NOT_LOGGED_IN)


def test_without_the_second_factor_that_is_required_nothing_is_heard(clinician, job, settings) -> None:
    settings.REQUIRE_SECOND_FACTOR = True

    async def scenario() -> dict:
        socket = Socket(clinician)
        await socket.connect()
        return await socket.receive_output(5)

    closed = async_to_sync(scenario)()
    assert (closed["type"], closed["code"]) == ("websocket.close", NOT_LOGGED_IN)


def test_a_person_who_may_no_longer_log_in_hears_nothing(clinician, job) -> None:
    async def scenario() -> bool:
        socket = Socket(clinician)
        await socket.connect()
        await socket.news()
        await database_sync_to_async(User.objects.filter(pk=clinician.pk).update)(is_active=False)
        await announce(job)
        silent = await socket.receive_nothing(0.5)
        await socket.disconnect()
        return silent

    assert async_to_sync(scenario)()


def test_many_browsers_ask_the_database_once(clinician, job, monkeypatch) -> None:
    asked = []
    look = changes._look
    monkeypatch.setattr(changes, "_look", lambda job_id: asked.append(job_id) or look(job_id))

    async def scenario() -> list[dict]:
        sockets = [Socket(clinician) for _ in range(20)]
        for socket in sockets:
            await socket.connect()
            await socket.news()
        await announce(job)
        news = [await socket.news() for socket in sockets]
        await announce(job)
        news += [await socket.news() for socket in sockets]
        for socket in sockets:
            await socket.disconnect()
        return news

    assert len(async_to_sync(scenario)()) == 40
    assert len(asked) == 2


def test_both_sides_of_the_visibility_rule_agree(patient, clinician, radiologist, stranger) -> None:
    CareTeam.objects.create(name="Another").members.add(clinician)
    User.objects.filter(pk=radiologist.pk).update(is_active=False)
    sees = {user.pk for user in User.objects.all() if visible_patients(user).filter(pk=patient.pk).exists()}
    assert {user.pk for user in people_who_see(patient)} == sees == {clinician.pk}
