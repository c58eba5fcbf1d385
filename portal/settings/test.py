"""For the test suite: real PostgreSQL and Redis where LUNGTREND_TEST_POSTGRES / _REDIS name them, else embedded."""

import os
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("LUNGTREND_HOME", tempfile.mkdtemp(prefix="lungtrend-test-"))

from portal.settings.base import *  # noqa: F403
from portal.settings.base import LUNGTREND_HOME

SECRET_KEY = "test-only-" + "x1y2z3" * 10
ALLOWED_HOSTS = ["*"]
# Tests create many users; the production hasher would cost a tenth of a second for each.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MEDIA_ROOT = Path(LUNGTREND_HOME) / "media"

DATABASES: dict[str, dict[str, Any]]
if postgres_name := os.environ.get("LUNGTREND_TEST_POSTGRES"):
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": postgres_name,
            "USER": os.environ.get("PGUSER", "postgres"),
            "HOST": os.environ.get("PGHOST", "127.0.0.1"),
        },
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": LUNGTREND_HOME / "test.sqlite3",
            "TEST": {"NAME": LUNGTREND_HOME / "test.sqlite3"},
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA busy_timeout=20000;",
            },
        },
    }

if redis_url := os.environ.get("LUNGTREND_TEST_REDIS"):
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            "CONFIG": {"hosts": [{"address": redis_url, "socket_timeout": 30}], "prefix": f"test-{os.getpid()}"},
        },
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
