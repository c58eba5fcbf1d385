"""The loop of a worker: claim what is queued, run it, sweep, and stop in order."""

import asyncio
import logging
import os
import socket
import uuid
from datetime import timedelta

from channels.db import database_sync_to_async
from django.conf import settings
from django.db import Error
from django.utils import timezone
from django.utils.module_loading import import_string

from portal.jobs.doorbell import Bell
from portal.jobs.gpu import gpu_memory
from portal.jobs.leases import claim, reclaim_dead
from portal.jobs.models import InferenceJob, WorkerBeat
from portal.jobs.runner import remove_leftovers, run

logger = logging.getLogger(__name__)

#: A task that has not ended so long after it was told to is told again.
INSIST_SECONDS = 10.0
#: Signs of life older than this are forgotten.
FORGET_WORKERS_AFTER = timedelta(days=1)


class Engine:
    """Runs up to `INFERENCE_SLOTS` jobs at a time. The bell only saves waiting: sweeps alone would do."""

    def __init__(self, bell: Bell) -> None:
        self.worker = f"{socket.gethostname()[:40]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._bell = bell
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def serve(self) -> None:
        """Work until `stop`; then running jobs go back into the queue."""
        chores = asyncio.create_task(self._do_chores(), name="chores")
        while not self._stopping:
            try:
                await self._sweep()
                await self._fill_slots()
            except (Error, OSError) as error:
                logger.warning("database or storage does not answer (%s); trying again at the next sweep", error)
            await self._bell.wait(settings.INFERENCE_SWEEP_SECONDS)
        await _ended({chores, *self._running})

    def stop(self) -> None:
        """End the loop soon."""
        self._stopping = True
        self._bell.ring()

    async def _sweep(self) -> None:
        await database_sync_to_async(self._beat)()
        if freed := await database_sync_to_async(reclaim_dead)():
            logger.warning("%d jobs were taken back from workers that no longer answer", freed)
        await asyncio.to_thread(remove_leftovers)

    async def _do_chores(self) -> None:
        """What else is due: in threads of their own, so that a slow archive keeps no job waiting."""
        while True:
            for chore in map(import_string, settings.WORKER_CHORES):
                try:
                    await database_sync_to_async(chore, thread_sensitive=False)()
                except Exception:
                    logger.exception("%s failed; it is tried again at the next sweep", chore.__qualname__)
            await asyncio.sleep(settings.INFERENCE_SWEEP_SECONDS)

    def _beat(self) -> None:
        WorkerBeat.objects.update_or_create(worker=self.worker, defaults={"gpus": gpu_memory()})
        WorkerBeat.objects.filter(seen_at__lt=timezone.now() - FORGET_WORKERS_AFTER).delete()

    async def _fill_slots(self) -> None:
        while not self._stopping and len(self._running) < settings.INFERENCE_SLOTS:
            job = await database_sync_to_async(claim)(self.worker)
            if job is None:
                return
            self._start(job)

    def _start(self, job: InferenceJob) -> None:
        task = asyncio.create_task(run(job), name=f"job {job.pk}")
        self._running.add(task)
        task.add_done_callback(self._job_ended)

    def _job_ended(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s ended badly", task.get_name(), exc_info=error)
        self._bell.ring()


async def _ended(tasks: "set[asyncio.Task[None]]") -> None:
    """Cancel tasks and wait until they have ended.

    asgiref loses a cancellation that arrives while a function in its thread waits for a coroutine that then ends well.
    """
    while tasks:
        for task in tasks:
            task.cancel()
        _, tasks = await asyncio.wait(tasks, timeout=INSIST_SECONDS)
