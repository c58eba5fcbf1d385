#!/usr/bin/env bash
# Everything a change must pass. Uses the real PostgreSQL and Redis where they answer on localhost.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH" PYTHONUNBUFFERED=1
unset LUNGTREND_HOME

needed=()
need() { command -v "$1" >/dev/null || needed+=("$2"); }
need chromium chromium
need dciodvfy dicom3tools
need storescu dcmtk
need Orthanc orthanc
need ip iproute2
need openssl openssl
need nginx nginx-light
need xgettext gettext
need systemd-analyze systemd
[ -e /usr/share/orthanc/plugins/libOrthancDicomWeb.so ] || needed+=(orthanc-dicomweb)

# Installing a server starts it, and Orthanc would listen on every address: nothing is started here.
install_without_starting() {
  local policy=/usr/sbin/policy-rc.d ours=
  [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && ours=1; }
  apt-get update -qq && apt-get install -y -qq "$@" >/dev/null
  [ -z "$ours" ] || rm "$policy"
}

if [ ${#needed[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    install_without_starting "${needed[@]}"
  else
    echo "Missing for the tests: ${needed[*]}. Install these Debian packages and try again." >&2
    exit 1
  fi
fi

step() { printf '\n== %s\n' "$1"; }

step "style and types"
ruff check .
ruff format --check .
mypy
lint-imports

step "front end"
(cd frontend && npm run --silent check && npm run --silent test)

step "Cornerstone's loader, as a client of DICOMweb"
if [ ! -e tests/cornerstone/dist/index.html ] || [ tests/cornerstone/main.ts -nt tests/cornerstone/dist/index.html ]; then
  (cd tests/cornerstone && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build)
fi

step "migrations are complete, production settings are sound"
DJANGO_SETTINGS_MODULE=portal.settings.test python manage.py makemigrations --check --dry-run
LUNGTREND_SECRET_KEY=$(python -c 'import secrets; print(secrets.token_urlsafe(60))') \
LUNGTREND_HOSTS=lungtrend.example LUNGTREND_DB_PASSWORD=$(python -c 'import secrets; print(secrets.token_urlsafe(20))') \
LUNGTREND_REDIS_URL=redis://localhost:6379/0 LUNGTREND_HOME=$(mktemp -d) \
DJANGO_SETTINGS_MODULE=portal.settings.production python manage.py check --deploy --fail-level WARNING

step "tests on embedded SQLite, with a real browser"
pytest

if python -c 'import psycopg; psycopg.connect("host=127.0.0.1 user=postgres dbname=postgres", connect_timeout=2)' 2>/dev/null; then
  export LUNGTREND_TEST_POSTGRES=lungtrend
  if python -c 'import redis; redis.Redis(socket_timeout=2).ping()' 2>/dev/null; then
    export LUNGTREND_TEST_REDIS=redis://127.0.0.1:6379/15
  fi
  step "tests of the portal on PostgreSQL${LUNGTREND_TEST_REDIS:+ and Redis}"
  pytest tests/portal
else
  echo "PostgreSQL does not answer on localhost: its part of the tests is left out."
fi
