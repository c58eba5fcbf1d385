"""What holds in every installation. Secrets and addresses come from the environment, never from here."""

import os
from pathlib import Path

from csp.constants import NONE, SELF

from inference.catalogue import DEFAULT_PIPELINE


def _words(name: str, otherwise: str = "") -> list[str]:
    """Values of a variable, separated by commas."""
    return [word.strip() for word in os.environ.get(name, otherwise).split(",") if word.strip()]


BASE_DIR = Path(__file__).resolve().parents[2]
#: Database, uploads, masks and the embedded secret live here; back this folder up.
LUNGTREND_HOME = Path(os.environ.get("LUNGTREND_HOME", BASE_DIR / "var")).resolve()
#: Shown on every page, report and DICOM object.
#: Translated where it is shown (msgid in `portal.scans.signing`).
RESEARCH_USE_NOTICE = "For research use; not a medical device."

INSTALLED_APPS = [
    "portal.accounts",
    "portal.patients",
    "portal.scans",
    "portal.jobs",
    "portal.dashboard",
    "portal.api",
    "portal.dicom",
    "portal.fhir",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "channels",
    "csp",
    "drf_spectacular",
    "knox",
    "rest_framework",
]

MIDDLEWARE = [
    "portal.accounts.tracing.trace_requests",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "portal.accounts.middleware.require_second_factor",
]

ROOT_URLCONF = "portal.urls"
ASGI_APPLICATION = "portal.asgi.application"
WSGI_APPLICATION = None

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.dashboard.context.site",
            ],
        },
    },
]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# People
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
ACCOUNT_ADAPTER = "portal.accounts.adapter.ClosedAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_RATE_LIMITS = {"login": "60/m/ip", "login_failed": "10/m/ip,5/5m/key"}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
#: Nobody gets further than to setting one up without a second factor. Single sign-on counts as one: it has its own.
REQUIRE_SECOND_FACTOR = os.environ.get("LUNGTREND_REQUIRE_MFA", "") == "1"

# Single sign-on by OpenID Connect, for people who have an account here under the same name
OIDC_SERVER = os.environ.get("LUNGTREND_OIDC_SERVER", "")
OIDC_NAME = os.environ.get("LUNGTREND_OIDC_NAME", "the hospital's account")
#: The provider's claim that holds the user name.
OIDC_CLAIM = os.environ.get("LUNGTREND_OIDC_CLAIM", "preferred_username")
SOCIALACCOUNT_ADAPTER = "portal.accounts.adapter.KnownPeopleAdapter"
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "hospital",
                "name": OIDC_NAME,
                "client_id": os.environ.get("LUNGTREND_OIDC_CLIENT_ID", ""),
                "secret": os.environ.get("LUNGTREND_OIDC_CLIENT_SECRET", ""),
                "settings": {"server_url": OIDC_SERVER},
            }
        ]
        if OIDC_SERVER
        else [],
    }
}
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "worklist"
LOGOUT_REDIRECT_URL = "account_login"

# Sessions end after this much idle time; every request starts it anew.
SESSION_COOKIE_AGE = 60 * int(os.environ.get("LUNGTREND_SESSION_MINUTES", "60"))
SESSION_SAVE_EVERY_REQUEST = True
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

# Cornerstone decodes in wasm and web workers, and draws its tools' cursors from blob images.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, "'wasm-unsafe-eval'"],
        "worker-src": [SELF, "blob:"],
        # The hash is that of an empty style element, which Plotly fills through the CSSOM.
        "style-src": [SELF, "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"],
        "img-src": [SELF, "data:", "blob:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        # The login form leads on to the provider of single sign-on, where there is one.
        "form-action": [SELF, *([OIDC_SERVER] if OIDC_SERVER else [])],
        "frame-ancestors": [NONE],
    },
}

# Time: stored in UTC, shown in the hospital's zone.
USE_TZ = True
TIME_ZONE = os.environ.get("LUNGTREND_TIME_ZONE", "Europe/Berlin")
# Language: that of the reader's choice or browser; else the installation's.
USE_I18N = True
LANGUAGES = [("en-gb", "English"), ("de", "Deutsch")]
LANGUAGE_CODE = os.environ.get("LUNGTREND_LANGUAGE", "en-gb")
LOCALE_PATHS = [BASE_DIR / "portal" / "locale"]
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"

# Files
STATIC_URL = "/static/"
STATIC_ROOT = Path(os.environ.get("LUNGTREND_STATIC", LUNGTREND_HOME / "static"))
FRONTEND_DIST = BASE_DIR / "frontend" / "dist"
STATICFILES_DIRS = [("app", FRONTEND_DIST)]
MEDIA_ROOT = LUNGTREND_HOME / "media"
#: S3-compatible object storage instead; MEDIA_ROOT then holds this machine's copies, up to so many bytes.
S3_BUCKET = os.environ.get("LUNGTREND_S3_BUCKET", "")
STORAGE_COPIES_BYTES = int(float(os.environ.get("LUNGTREND_COPIES_GB", "50")) * 1e9)
_S3 = {
    "BACKEND": "storages.backends.s3.S3Storage",
    "OPTIONS": {
        "bucket_name": S3_BUCKET,
        "endpoint_url": os.environ.get("LUNGTREND_S3_ENDPOINT") or None,
        "region_name": os.environ.get("LUNGTREND_S3_REGION") or None,
        "access_key": os.environ.get("LUNGTREND_S3_KEY") or None,
        "secret_key": os.environ.get("LUNGTREND_S3_SECRET") or None,
        "addressing_style": os.environ.get("LUNGTREND_S3_ADDRESSING", "path"),
        "file_overwrite": True,
    },
}
STORAGES = {
    "default": _S3 if S3_BUCKET else {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
#: Files an upload request may carry; the client sends small batches so that progress is fine-grained.
DATA_UPLOAD_MAX_NUMBER_FILES = 1000
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
#: The largest single file (bytes) and the largest upload (bytes) that are accepted.
UPLOAD_MAX_FILE_BYTES = 4 * 1024**3
UPLOAD_MAX_TOTAL_BYTES = 16 * 1024**3

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "knox.auth.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "portal.api.errors.answer_refusal",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
REST_KNOX = {"TOKEN_TTL": None, "AUTH_HEADER_PREFIX": "Token"}
SPECTACULAR_SETTINGS = {
    "TITLE": "LungTrend",
    "DESCRIPTION": "Serial chest CT of pneumonia patients. " + RESEARCH_USE_NOTICE,
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "portal.api.schema.add_refusals",
    ],
    "ENUM_NAME_OVERRIDES": {"OutgoingStateEnum": "portal.jobs.outgoing.OutgoingState"},
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
}

# Inference
INFERENCE_DEFAULT_PIPELINE = os.environ.get("LUNGTREND_PIPELINE", DEFAULT_PIPELINE)
INFERENCE_DEVICE = os.environ.get("LUNGTREND_DEVICE", "auto")
#: Program that analyses a scan, for tests; empty: the `inference` command line.
INFERENCE_COMMAND: list[str] = []
INFERENCE_LEASE_SECONDS = 60
INFERENCE_MAX_ATTEMPTS = 3
INFERENCE_TIMEOUT_SECONDS = 30 * 60
#: The most memory that one analysis, or one look at pixels for a web request, may use (GiB).
INFERENCE_MEMORY_GIB = os.environ.get("LUNGTREND_MEMORY_GB", "12")
INFERENCE_SLOTS = int(os.environ.get("LUNGTREND_SLOTS", "1"))
INFERENCE_SWEEP_SECONDS = 5

#: How others reach this portal, for example https://lungtrend.example; where it is empty, as each request says.
PUBLIC_ADDRESS = os.environ.get("LUNGTREND_PUBLIC_ADDRESS", "").rstrip("/")

# Mail, for notices of flags
EMAIL_HOST = os.environ.get("LUNGTREND_EMAIL_HOST", "localhost")
EMAIL_PORT = int(os.environ.get("LUNGTREND_EMAIL_PORT", "25"))
EMAIL_HOST_USER = os.environ.get("LUNGTREND_EMAIL_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("LUNGTREND_EMAIL_PASSWORD", "")
EMAIL_USE_TLS = os.environ.get("LUNGTREND_EMAIL_TLS", "") == "1"
DEFAULT_FROM_EMAIL = os.environ.get("LUNGTREND_EMAIL_FROM", "lungtrend@localhost")

# DICOM receiver
DICOM_AE_TITLE = os.environ.get("LUNGTREND_DICOM_AET", "LUNGTREND")
#: AE titles that may send; nobody may while this is empty.
DICOM_ALLOWED_AE_TITLES = _words("LUNGTREND_DICOM_ALLOWED")
#: A study is complete when none of its images came for this long.
DICOM_QUIET_SECONDS = float(os.environ.get("LUNGTREND_DICOM_QUIET_SECONDS", "30"))
#: PEM files; with a CA, senders must show certificates that it signed.
DICOM_TLS_CERTIFICATE = os.environ.get("LUNGTREND_DICOM_TLS_CERTIFICATE", "")
DICOM_TLS_KEY = os.environ.get("LUNGTREND_DICOM_TLS_KEY", "")
DICOM_TLS_CA = os.environ.get("LUNGTREND_DICOM_TLS_CA", "")

# Which of the series that scanners send are analysed by themselves (`portal.jobs.routing`)
ROUTING_BODY_PARTS = _words("LUNGTREND_ROUTING_BODY_PARTS", "CHEST,THORAX,LUNG,HEART,ABDOMEN,TRUNK,WHOLE")
ROUTING_SLICES = os.environ.get("LUNGTREND_ROUTING_SLICES", "thin")
ROUTING_KERNELS = _words("LUNGTREND_ROUTING_KERNELS")

#: What every worker does after each sweep of the queue, by dotted path; none of it may raise.
WORKER_CHORES = [
    "portal.jobs.arrivals.complete_quiet",
    "portal.scans.courses.check_courses",
    "portal.accounts.chain.link_events",
    "portal.accounts.sessions.clear_expired",
    "portal.dicom.delivery.deliver",
    "portal.dicom.priors.fetch_priors",
    "portal.fhir.notices.tell_of_flags",
]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"trace": {"()": "portal.accounts.tracing.TraceFilter"}},
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name} {trace} {message}", "style": "{"},
        "json": {"()": "portal.accounts.tracing.JsonFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "filters": ["trace"],
            "formatter": "json" if os.environ.get("LUNGTREND_LOG_FORMAT") == "json" else "line",
        }
    },
    "root": {"handlers": ["console"], "level": os.environ.get("LUNGTREND_LOG_LEVEL", "INFO")},
}
