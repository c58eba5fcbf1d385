"""A worker process: the Channels listener that hears the doorbell, and the engine that does the work."""

import asyncio
import logging

from channels.layers import get_channel_layer
from channels.routing import get_default_application
from channels.worker import Worker

from portal.jobs.doorbell import BELL, INFERENCE_CHANNEL
from portal.jobs.engine import Engine

logger = logging.getLogger(__name__)

LISTEN_AGAIN_SECONDS = 2.0


async def listen() -> None:
    """Hear the doorbell, also after the channel layer was away; meanwhile the sweep finds jobs."""
    while True:
        try:
            await Worker(get_default_application(), [INFERENCE_CHANNEL], get_channel_layer()).arun()
        except Exception:  # noqa: BLE001 - whatever the layer raises, listening must go on
            logger.warning("the channel layer went away; listening again")
        await asyncio.sleep(LISTEN_AGAIN_SECONDS)


async def work(engine: Engine) -> None:
    """Run listener and engine until the engine is stopped."""
    listener = asyncio.create_task(listen())
    try:
        await engine.serve()
    finally:
        listener.cancel()


def new_engine() -> Engine:
    """The engine of this process, woken by the process's bell."""
    return Engine(BELL)
