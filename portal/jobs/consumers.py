"""Channels consumers: the doorbell of workers, and the browsers that follow jobs."""

from io import BytesIO
from typing import Any

from channels.consumer import AsyncConsumer
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.core.handlers.asgi import ASGIRequest
from django.utils.translation import get_language_from_request, override

from portal.accounts.middleware import lacks_second_factor
from portal.accounts.models import User
from portal.jobs.access import visible_jobs
from portal.jobs.changes import CHANGES
from portal.jobs.doorbell import BELL, team_group
from portal.jobs.payload import job_payload
from portal.jobs.states import OPEN_STATES
from portal.scans.said import said

#: Close code of a socket without login.
NOT_LOGGED_IN = 4401


class InferenceConsumer(AsyncConsumer):
    """Hears that a job was submitted and wakes the engine, no more: the job itself is in the database."""

    async def job_submitted(self, message: dict[str, Any]) -> None:
        """Ring."""
        BELL.ring()


class JobsConsumer(AsyncJsonWebsocketConsumer):
    """`/ws/jobs/`: tells a browser about the jobs of the patients its user may see.

    Visibility is asked anew for every message, so that leaving a care team takes effect at once.
    """

    async def connect(self) -> None:
        """Refuse strangers; send the open jobs to others."""
        self.user = self.scope.get("user")
        self.teams: list[int] = []
        # A socket's first message is a request like any other: cookie and Accept-Language are in it.
        self.language = get_language_from_request(ASGIRequest({**self.scope, "method": "GET"}, BytesIO()))
        await self.accept()
        if not isinstance(self.user, User) or await database_sync_to_async(lacks_second_factor)(self.user):
            await self.close(NOT_LOGGED_IN)
            return
        self.teams = await database_sync_to_async(self._team_ids)()
        for team in self.teams:
            await self.channel_layer.group_add(team_group(team), self.channel_name)
        await self._send_open_jobs()

    async def disconnect(self, code: int) -> None:
        """Leave the groups."""
        for team in self.teams:
            await self.channel_layer.group_discard(team_group(team), self.channel_name)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        """`{"type": "hello"}` asks for the open jobs again."""
        if isinstance(self.user, User) and isinstance(content, dict) and content.get("type") == "hello":
            await self._send_open_jobs()

    async def job_changed(self, message: dict[str, Any]) -> None:
        """Pass a change on if this user may see it."""
        change = await CHANGES.of(message)
        if change.payload is not None and self.user is not None and self.user.pk in change.readers:
            await self._tell(change.payload)

    async def _send_open_jobs(self) -> None:
        for payload in await database_sync_to_async(self._open_payloads)():
            await self._tell(payload)

    async def _tell(self, payload: dict[str, Any]) -> None:
        with override(self.language):
            told = {**payload, "error": said(payload["error"])}
        await self.send_json({"type": "job", "job": told})

    def _team_ids(self) -> list[int]:
        return list(self.user.care_teams.values_list("pk", flat=True))

    @override(None)
    def _open_payloads(self) -> list[dict[str, Any]]:
        user = User.objects.filter(pk=self.user.pk, is_active=True).first()
        if user is None:
            return []
        return [job_payload(job) for job in visible_jobs(user).filter(state__in=OPEN_STATES).select_related("scan")]
