"""One machine, one process group: SQLite, in-memory channel layer, plain HTTP on localhost. The default."""

import os
import secrets

from portal.settings.base import *  # noqa: F403
from portal.settings.base import LUNGTREND_HOME


def _own_secret() -> str:
    """A secret of this installation's own, made on first start and readable by its owner alone."""
    path = LUNGTREND_HOME / "secret"
    LUNGTREND_HOME.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_urlsafe(50))
    return path.read_text()


SECRET_KEY = os.environ.get("LUNGTREND_SECRET_KEY") or _own_secret()
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": LUNGTREND_HOME / "lungtrend.sqlite3",
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA busy_timeout=20000;",
        },
    },
}
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
