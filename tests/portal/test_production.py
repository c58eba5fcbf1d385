"""The production settings reach a real PostgreSQL."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="needs PostgreSQL: set LUNGTREND_TEST_POSTGRES")
@pytest.mark.django_db(transaction=True)
def test_production_connects_and_finds_every_migration_applied(tmp_path) -> None:
    database = connection.settings_dict
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "portal.settings.production",
        "LUNGTREND_SECRET_KEY": secrets.token_urlsafe(60),
        "LUNGTREND_HOSTS": "lungtrend.example",
        "LUNGTREND_DB_NAME": database["NAME"],
        "LUNGTREND_DB_USER": database["USER"],
        "LUNGTREND_DB_HOST": database["HOST"],
        "LUNGTREND_DB_PASSWORD": database["PASSWORD"] or secrets.token_urlsafe(20),
        "LUNGTREND_REDIS_URL": "redis://127.0.0.1:6379/15",
        "LUNGTREND_HOME": str(tmp_path),
    }
    command = [sys.executable, "manage.py", "migrate", "--check"]
    answer = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


SOUND = {
    "LUNGTREND_SECRET_KEY": "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789-_aBcDeFgHiJkLmNoPq",
    "LUNGTREND_HOSTS": "lungtrend.example",
    "LUNGTREND_DB_PASSWORD": "kDw93hf-0sj2",
    "LUNGTREND_REDIS_URL": "redis://localhost:6379/0",
}


def start(tmp_path: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("LUNGTREND")}
    environment = ours | SOUND | {"LUNGTREND_HOME": str(tmp_path)} | changes
    environment["DJANGO_SETTINGS_MODULE"] = "portal.settings.production"
    command = [sys.executable, "-c", "import django; django.setup()"]
    return subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)


def test_sound_settings_are_taken(tmp_path) -> None:
    done = start(tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        *((name, "", f"Set {name}") for name in SOUND),
        ("LUNGTREND_SECRET_KEY", "short", "too weak"),
        ("LUNGTREND_SECRET_KEY", "a" * 60, "too weak"),
        ("LUNGTREND_DB_PASSWORD", "ChangeMe", "anybody would guess"),
        ("LUNGTREND_HOSTS", "*", "wildcard"),
        ("LUNGTREND_HOSTS", "lungtrend.example, *.example", "wildcard"),
    ],
)
def test_missing_and_weak_settings_are_refused_with_a_sentence(tmp_path, name, value, sentence) -> None:
    done = start(tmp_path, **{name: value})
    assert done.returncode != 0
    assert sentence in done.stderr.splitlines()[-1]
