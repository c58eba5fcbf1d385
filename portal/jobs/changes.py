"""What a change of a job means to the browsers of this process: asked once, however many of them follow."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from django.utils.translation import override

from portal.jobs.models import InferenceJob
from portal.jobs.payload import job_payload
from portal.patients.access import people_who_see

#: Changes that late browsers may still ask for.
REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class Change:
    """The job as it is now (None: it is gone), and the keys of the users who may see it."""

    payload: dict[str, Any] | None
    readers: frozenset[UUID]


class Changes:
    """Answers by the `change` of a message, which is another one for every message."""

    def __init__(self) -> None:
        self._asked: OrderedDict[str, asyncio.Task[Change]] = OrderedDict()

    async def of(self, message: dict[str, Any]) -> Change:
        """The change that a message of `portal.jobs.doorbell.announce` tells of."""
        key = message["change"]
        if key not in self._asked:
            self._asked[key] = asyncio.create_task(database_sync_to_async(_look)(message["job_id"]))
            while len(self._asked) > REMEMBERED:
                self._asked.popitem(last=False)
        # A browser that goes away must not take the answer from the others.
        return await asyncio.shield(self._asked[key])


@override(None)
def _look(job_id: str) -> Change:
    # Many people hear of one change: each is told in their own language.
    job = InferenceJob.objects.select_related("scan").filter(pk=job_id).first()
    if job is None:
        return Change(None, frozenset())
    return Change(job_payload(job), frozenset(people_who_see(job.scan.patient_id).values_list("pk", flat=True)))


#: Those of this process.
CHANGES = Changes()
