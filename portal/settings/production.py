"""Behind TLS, on PostgreSQL and Redis. Refuses to start without its secrets."""

import os

from django.core.exceptions import ImproperlyConfigured
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

from portal.settings.base import *  # noqa: F403

#: What passwords must not be, whatever else they are.
GUESSED_FIRST = frozenset({"password", "postgres", "lungtrend", "changeme", "change-me", "secret", "admin", "123456"})


def _required(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise ImproperlyConfigured(f"Set {name}: production does not start without it.")
    if value.lower() in GUESSED_FIRST:
        raise ImproperlyConfigured(f"{name} is among the first that anybody would guess; choose a random one.")
    return value


SECRET_KEY = _required("LUNGTREND_SECRET_KEY")
if len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 5:
    raise ImproperlyConfigured("LUNGTREND_SECRET_KEY is too weak: use at least 50 random characters.")
DEBUG = False
ALLOWED_HOSTS = [host.strip() for host in _required("LUNGTREND_HOSTS").split(",") if host.strip()]
if any("*" in host for host in ALLOWED_HOSTS):
    raise ImproperlyConfigured("LUNGTREND_HOSTS must name the portal's own hosts; a wildcard lets others speak for it.")
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ.get("LUNGTREND_DB_NAME", "lungtrend"),
        "USER": os.environ.get("LUNGTREND_DB_USER", "lungtrend"),
        "PASSWORD": _required("LUNGTREND_DB_PASSWORD"),
        "HOST": os.environ.get("LUNGTREND_DB_HOST", "localhost"),
        "PORT": os.environ.get("LUNGTREND_DB_PORT", "5432"),
        "OPTIONS": {
            "pool": {"min_size": 2, "max_size": 20},
            "sslmode": os.environ.get("LUNGTREND_DB_SSLMODE", "prefer"),
        },
    },
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            "hosts": [
                {
                    "address": _required("LUNGTREND_REDIS_URL"),
                    # redis-py's own time-out must outlast the layer's five-second blocking pop.
                    "socket_timeout": 30,
                    "retry": Retry(ExponentialBackoff(cap=2, base=0.1), 1000),
                },
            ],
        },
    },
}

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SECURE_HSTS_SECONDS = 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
