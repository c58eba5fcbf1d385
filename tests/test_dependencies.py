"""What is installed is what the lock files say, all of it, under licences that the product may be given away with."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).resolve().parents[1]
RUNTIME, TEST = REPOSITORY / "requirements.lock", REPOSITORY / "requirements-test.lock"
#: Installed with Python itself.
NOT_LOCKED = {"pip", "setuptools", "wheel"}


def pins(path: Path) -> dict[str, str]:
    """Versions by name of what a lock file asks of this Python."""
    lines = [line.strip() for line in path.read_text().splitlines() if line.strip() and line[0] not in "#-"]
    wanted = [Requirement(line) for line in lines]
    asked = [each for each in wanted if each.marker is None or each.marker.evaluate()]
    return {_name(each.name): str(each.specifier).removeprefix("==") for each in asked}


def _name(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def test_everything_is_pinned_and_installed_as_pinned() -> None:
    wanted = pins(RUNTIME) | pins(TEST)
    installed = {_name(dist.name): dist.version.split("+")[0] for dist in importlib.metadata.distributions()}
    assert {name: installed.get(name) for name in wanted} == wanted
    assert set(installed) - set(wanted) - NOT_LOCKED == set()


def test_what_is_installed_fits_together() -> None:
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_lock_files_name_no_registry() -> None:
    locks = [
        RUNTIME,
        TEST,
        *REPOSITORY.glob("frontend/package-lock.json"),
        *REPOSITORY.glob("tests/*/package-lock.json"),
    ]
    for path in locks:
        assert not re.search(r"https?://", path.read_text()), path


@pytest.mark.parametrize("name", sorted(pins(RUNTIME)))
def test_no_licence_of_the_product_reaches_its_own_code(name) -> None:
    """LGPL libraries may be used as they are; GPL ones would bind the whole."""
    told = importlib.metadata.metadata(name)
    texts = [told.get("License-Expression") or "", *told.get_all("Classifier", []), (told.get("License") or "")[:80]]
    assert not re.search(r"(?<!L)(?<!Lesser )\b(A?GPL|GNU (Affero )?General Public)", " ".join(texts)), name
