"""What was backed up comes back byte for byte; damage is noticed; nothing is overwritten; no file lacks an owner."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from portal.scans.backup import BackupFailed, check_backup, write_backup
from portal.scans.files import mask_path, volume_key
from portal.scans.inventory import take_inventory
from portal.scans.models import Segmentation
from portal.scans.storage import path_of
from tests.portal.results import measured_scan

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def scan(patient, clinician, tmp_path):
    return measured_scan(patient, clinician, tmp_path)


def age(folder: Path) -> None:
    """As if everything had been there for two days."""
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (time.time() - 2 * 86400,) * 2)


@pytest.mark.django_db
def test_every_file_has_a_row_and_every_row_its_files(scan, settings) -> None:
    age(Path(settings.MEDIA_ROOT))
    assert take_inventory().is_sound
    call_command("check_storage")


@pytest.mark.django_db
def test_what_belongs_to_nobody_is_found_and_removed_and_what_is_young_stays(scan, settings) -> None:
    media = Path(settings.MEDIA_ROOT)
    left = [
        media / "uploads/nobody/x.dcm",
        media / f"scans/{scan.pk}/revisions/unknown/lung.nii.gz",
        media / "work/old/x",
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"left behind")
    age(media)
    young = media / "incoming" / "just-now"
    young.parent.mkdir(exist_ok=True)
    young.write_bytes(b"on its way")
    assert len(take_inventory().orphans) == 3
    call_command("check_storage", remove=True)
    assert take_inventory().is_sound
    assert young.exists()
    assert path_of(volume_key(scan)).exists()


@pytest.mark.django_db
def test_a_missing_mask_is_named(scan) -> None:
    revision = Segmentation.objects.get()
    mask_path(revision, "lung").unlink()
    with pytest.raises(CommandError, match=r"lung\.nii\.gz"):
        call_command("check_storage")


@pytest.mark.django_db(transaction=True)
def test_a_second_backup_copies_only_what_is_new_and_damage_is_noticed(scan, patient, clinician, tmp_path) -> None:
    folder = tmp_path / "backup"
    first = write_backup(folder)
    assert first.copied == first.files > 24
    measured_scan(patient, clinician, tmp_path, hours=24.0)
    second = write_backup(folder)
    assert second.copied == second.files - first.files
    assert check_backup(folder).files == second.files
    victim = next((folder / "media").rglob("lung.nii.gz"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"!")
    with pytest.raises(BackupFailed, match="damaged"):
        check_backup(folder)


def manage(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "LUNGTREND_HOME": str(home),
        "DJANGO_SETTINGS_MODULE": "portal.settings.embedded",
        "LUNGTREND_DEMO_PASSWORD": "a-long-enough-password",
    }
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)


def test_an_installation_moves_to_another_place_whole(tmp_path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for arguments in (["migrate", "-v0"], ["seed_demo"]):
        assert manage(old, *arguments).returncode == 0
    received = old / "media" / "uploads" / "x" / "one.dcm"
    received.parent.mkdir(parents=True)
    received.write_bytes(b"as received")
    assert "and the database" in manage(old, "backup", str(tmp_path / "backup")).stdout
    assert manage(new, "migrate", "-v0").returncode == 0
    restored = manage(new, "restore", str(tmp_path / "backup"))
    assert restored.stdout.startswith("Restored 1 files"), restored.stderr
    assert (new / "media" / "uploads" / "x" / "one.dcm").read_bytes() == b"as received"
    people = manage(new, "shell", "-v0", "-c", "from portal.accounts.models import User; print(User.objects.count())")
    assert people.stdout.strip() == "3"
    again = manage(new, "restore", str(tmp_path / "backup"))
    assert again.returncode == 1
    assert "holds files already" in again.stderr
