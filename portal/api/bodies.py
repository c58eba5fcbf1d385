"""Bodies of requests that this machine cannot hold.

Django reads a body into a temporary file before any view or middleware sees the request; where that fails, only the
ASGI application around Django can still answer.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from portal.api.errors import NOT_NOW

logger = logging.getLogger(__name__)

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def sorry_without_room(application: Application) -> Application:
    """An ASGI application that answers 503 with a sentence when a body could not be put down."""

    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await application(scope, receive, noting)
        except OSError as trouble:
            if has_begun:
                raise
            logger.error("the body of a request could not be put down", exc_info=trouble)
            body = json.dumps({"detail": str(NOT_NOW)}).encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    return answering
