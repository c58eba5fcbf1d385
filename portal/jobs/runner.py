"""Running one claimed job to its end: a result, a reason, or back into the queue."""

import asyncio
import logging
import shutil
import time
import uuid
import zipfile
from pathlib import Path

from channels.db import database_sync_to_async
from django.conf import settings
from django.db import Error, transaction
from django.utils import timezone

from portal.accounts.tracing import TRACE
from portal.jobs import child
from portal.jobs.doorbell import announce
from portal.jobs.leases import fail, hand_back, held, renew
from portal.jobs.models import InferenceJob
from portal.jobs.states import JobState
from portal.jobs.tasks import Task, task_of
from portal.scans.storage import scratch

logger = logging.getLogger(__name__)

#: How often progress reaches the database and the browsers at most.
REPORT_SECONDS = 1.0
#: Storage key of the temporary folders, one a job.
WORK = "work"
TIMED_OUT = "The analysis took longer than {minutes} minutes and was stopped. Try again, or send a smaller scan."


async def run(job: InferenceJob) -> None:
    """Run one job that this process has claimed. Never raises; when stopped, the job goes back into the queue."""
    TRACE.set(job.trace)
    # Beside the storage, so that results are moved and not copied.
    folder = scratch(WORK) / uuid.uuid4().hex
    try:
        await announce(job)
        task = task_of(job)
        await database_sync_to_async(task.prepare)(folder)
        await _run_child(job, task, folder)
    except asyncio.CancelledError:
        await database_sync_to_async(hand_back)(job, counts=False)
        raise
    except (OSError, Error, KeyError, ValueError, zipfile.BadZipFile):
        logger.exception("job %s could not be run", job.pk)
        await _after_crash(job)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        await announce(job)


def remove_leftovers() -> None:
    """Remove the work folders of workers that were killed: those older than any job may run."""
    oldest = time.time() - 2 * settings.INFERENCE_TIMEOUT_SECONDS
    for folder in scratch(WORK).glob("*"):
        try:
            abandoned = folder.stat().st_mtime < oldest
        except FileNotFoundError:
            # Its job has just ended.
            continue
        if abandoned:
            shutil.rmtree(folder, ignore_errors=True)


async def _after_crash(job: InferenceJob) -> None:
    try:
        await database_sync_to_async(hand_back)(job, counts=True)
    except Error:
        logger.warning("job %s is left to the sweep: the database does not answer", job.pk)


async def _run_child(job: InferenceJob, task: Task, folder: Path) -> None:
    out = folder / "out"
    process = await child.start(task.command(folder))
    follower = asyncio.create_task(_follow(job, task, process, out))
    try:
        async with asyncio.timeout(settings.INFERENCE_TIMEOUT_SECONDS):
            refusal = await follower
            status = await process.wait()
    except TimeoutError:
        minutes = settings.INFERENCE_TIMEOUT_SECONDS // 60
        await database_sync_to_async(fail)(job, sentence=TIMED_OUT.format(minutes=minutes), code="timeout")
        return
    finally:
        child.kill(process)
        follower.cancel()
    await database_sync_to_async(task.keep_early)(out)
    if status == 0:
        await database_sync_to_async(_finish)(job, task, out)
    elif status == child.REFUSED and refusal is not None:
        await database_sync_to_async(fail)(job, sentence=refusal.error, code=refusal.code)
    else:
        logger.warning("job %s: the child ended with status %s", job.pk, status)
        await database_sync_to_async(hand_back)(job, counts=True)


async def _follow(
    job: InferenceJob, task: Task, process: asyncio.subprocess.Process, out: Path
) -> child.Message | None:
    """Pass progress on and keep the lease while the child works; kill it when the claim is lost or cancelled."""
    latest = child.Message()
    refusal: child.Message | None = None

    async def heartbeat() -> None:
        while True:
            await asyncio.sleep(settings.INFERENCE_LEASE_SECONDS / 4)
            await report()

    async def report() -> None:
        try:
            is_ours = await database_sync_to_async(renew)(job, stage=latest.stage, percent=latest.percent)
        except Error:
            # The lease outlasts a short outage; a longer one hands the job to the sweep.
            logger.warning("job %s: the lease could not be renewed", job.pk)
            return
        if not is_ours:
            child.kill(process)
        await announce(job)

    beating = asyncio.create_task(heartbeat())
    reported_at = 0.0
    try:
        async for message in child.messages(process):
            if message.error:
                refusal = message
                continue
            stage_changed = message.stage != latest.stage
            latest = message
            if stage_changed:
                await database_sync_to_async(task.keep_early)(out)
            if stage_changed or time.monotonic() - reported_at > REPORT_SECONDS:
                reported_at = time.monotonic()
                await report()
    finally:
        beating.cancel()
    return refusal


def _finish(job: InferenceJob, task: Task, out: Path) -> None:
    """Store the result and end the job, both or neither, and only while the claim holds."""
    with transaction.atomic():
        if not held(job).select_for_update().exists():
            logger.warning("job %s: the result came after the claim was lost, and is dropped", job.pk)
            return
        segmentation = task.finish(out)
        held(job).update(
            state=JobState.SUCCEEDED,
            segmentation=segmentation,
            stage="",
            percent=100,
            error="",
            finished_at=timezone.now(),
            owner="",
        )
    logger.info("job %s of scan %s: %s is done, attempt %d", job.pk, job.scan_id, job.pipeline, job.attempts)
