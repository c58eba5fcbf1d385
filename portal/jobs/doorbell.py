"""Messages over Channels. All of them may be lost: the database row is the truth, and sweeps find what was missed."""

import asyncio
import logging
from uuid import UUID, uuid4

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from portal.jobs.models import InferenceJob
from portal.patients.models import CareTeam

logger = logging.getLogger(__name__)

#: The Channels name that workers listen on.
INFERENCE_CHANNEL = "inference"
#: Redis clients try again for minutes. A request or a lease must not wait for a message that may be lost anyway.
LAYER_SECONDS = 2.0


class Bell:
    """Wakes the engine of this process; ringing twice is the same as once."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake the engine."""
        self._event.set()

    async def wait(self, timeout_s: float) -> None:
        """Return when rung, or after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return
        finally:
            self._event.clear()


#: The one bell of a worker process: its consumer rings it, its engine waits for it.
BELL = Bell()


def ring(job_id: UUID) -> None:
    """Tell a worker that a job is queued. Failure is logged only: the sweep finds the job anyway."""
    try:
        async_to_sync(send)(INFERENCE_CHANNEL, {"type": "job.submitted", "job_id": str(job_id)})
    except Exception:  # noqa: BLE001 - whatever the layer raises, the job is safe in the database
        logger.warning("doorbell for job %s was not heard; the next sweep finds it", job_id)


async def send(channel: str, message: dict[str, str]) -> None:
    """Send to a channel.

    Raises:
        TimeoutError: the layer has not taken the message within `LAYER_SECONDS`; other errors are the layer's own.
    """
    async with asyncio.timeout(LAYER_SECONDS):
        await get_channel_layer().send(channel, message)


def team_group(team_id: int) -> str:
    """Channels group of one care team's browsers."""
    return f"team.{team_id}"


async def announce(job: InferenceJob) -> None:
    """Tell the browsers of the patient's care teams that a job has changed."""
    layer = get_channel_layer()
    try:
        teams = [
            team async for team in CareTeam.objects.filter(patients__scans=job.scan_id).values_list("pk", flat=True)
        ]
        async with asyncio.timeout(LAYER_SECONDS):
            message = {"type": "job.changed", "job_id": str(job.pk), "change": uuid4().hex}
            for team in set(teams):
                await layer.group_send(team_group(team), message)
    except Exception:  # noqa: BLE001 - see `ring`
        logger.warning("change of job %s was not announced", job.pk)


def announce_now(job: InferenceJob) -> None:
    """`announce` for synchronous callers."""
    async_to_sync(announce)(job)
