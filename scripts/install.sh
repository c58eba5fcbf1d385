#!/usr/bin/env bash
# Make the virtual environment and install what `runtime` or `test` needs.
set -euo pipefail
cd "$(dirname "$0")/.."

find_python() {
  for name in python3.11 python3.12 python3.13 python3; do
    if command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  echo "Python 3.11 or newer is missing; install it and try again." >&2
  exit 1
}

[ -x .venv/bin/python ] || "$(find_python)" -m venv .venv
export PIP_DISABLE_PIP_VERSION_CHECK=1
if [ "$1" = runtime ]; then
  # torch first, and exactly this one: any other request would bring gigabytes of another build.
  .venv/bin/python -m pip install --quiet "torch==2.13.0"
  .venv/bin/python -m pip install --quiet -r requirements.lock
else
  .venv/bin/python -m pip install --quiet -r requirements-test.lock
fi
