"""Sessions that have ended leave the database."""

import time

from django.contrib.sessions.backends.db import SessionStore

#: How often a worker looks.
EVERY_SECONDS = 3600
_looked_at = 0.0


def clear_expired() -> bool:
    """A worker's chore: remove the sessions that have expired; True when it was time to look."""
    global _looked_at
    if _looked_at and time.monotonic() - _looked_at < EVERY_SECONDS:
        return False
    _looked_at = time.monotonic()
    SessionStore.clear_expired()
    return True
