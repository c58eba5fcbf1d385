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
