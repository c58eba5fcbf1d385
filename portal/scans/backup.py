"""Backups that can be trusted: database first, then files, each with its checksum; restored only where nothing is.

Files are written once and never changed, so those that the database names at the time of its copy are all there when
they are copied after it. A second backup into the same folder copies only what is new.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import connection

from portal.scans.storage import StoredKey, copy_in, copy_out, stored_keys

MANIFEST, DATABASE, MEDIA = "manifest.json", "database", "media"
#: What is on its way is left out, and what is derived again when somebody asks for it.
ROOMS, DERIVED = ("uploads", "scans"), "/plain/"
BLOCK = 1024 * 1024


class BackupFailed(Exception):
    """`str(error)` says what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What a backup holds."""

    files: int
    copied: int
    size_bytes: int


def write_backup(target: Path) -> BackupReport:
    """Copy database and files into a folder.

    Raises:
        BackupFailed: the database's own tool is missing or failed.
    """
    target.mkdir(parents=True, exist_ok=True)
    database = target / f"{DATABASE}.part"
    _dump(database)
    entries: dict[str, dict[str, object]] = {}
    copied = size = 0
    for stored in _stored():
        kept = target / MEDIA / stored.key
        if not kept.exists() or kept.stat().st_size != stored.size:
            copy_out(stored.key, kept)
            copied += 1
        entries[stored.key] = {"sha256": _sha256(kept), "size": kept.stat().st_size}
        size += kept.stat().st_size
    manifest = {
        "made_at": datetime.now(UTC).isoformat(),
        "vendor": connection.vendor,
        "database_sha256": _sha256(database),
        "files": entries,
    }
    database.replace(target / DATABASE)
    part = target / f"{MANIFEST}.part"
    part.write_text(json.dumps(manifest, indent=1) + "\n")
    part.replace(target / MANIFEST)
    return BackupReport(len(entries), copied, size)


def check_backup(source: Path) -> BackupReport:
    """Compare a backup with its own checksums.

    Raises:
        BackupFailed: a file is missing or has changed.
    """
    manifest = _manifest(source)
    wrong = [] if _is(source / DATABASE, manifest["database_sha256"]) else [DATABASE]
    wrong += [key for key, entry in manifest["files"].items() if not _is(source / MEDIA / key, entry["sha256"])]
    if wrong:
        named = ", ".join(wrong[:10]) + (f" and {len(wrong) - 10} more" if len(wrong) > 10 else "")
        raise BackupFailed(f"The backup is damaged; these are missing or have changed: {named}.")
    sizes = [int(entry["size"]) for entry in manifest["files"].values()]
    return BackupReport(len(sizes), 0, sum(sizes))


def restore_backup(source: Path) -> BackupReport:
    """Put a backup into an installation that holds nothing yet.

    Raises:
        BackupFailed: the backup is damaged or of another kind of database, or something is there already.
    """
    report = check_backup(source)
    manifest = _manifest(source)
    if manifest["vendor"] != connection.vendor:
        raise BackupFailed(f"The backup is of {manifest['vendor']}, this installation uses {connection.vendor}.")
    if any(True for _ in _stored()):
        raise BackupFailed("The storage holds files already; restore into an empty installation.")
    _load(source / DATABASE)
    for key in manifest["files"]:
        copy_in(source / MEDIA / key, key)
    return report


def _stored() -> Iterator[StoredKey]:
    return (stored for room in ROOMS for stored in stored_keys(room) if DERIVED not in stored.key)


def _manifest(source: Path) -> dict[str, dict[str, dict[str, str]]]:
    try:
        manifest: dict[str, dict[str, dict[str, str]]] = json.loads((source / MANIFEST).read_text())
    except (OSError, ValueError) as lack:
        raise BackupFailed(f"{source.name} is no backup, or one that was not finished.") from lack
    return manifest


def _is(path: Path, sha256: object) -> bool:
    return path.is_file() and _sha256(path) == sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _dump(target: Path) -> None:
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        with sqlite3.connect(target) as copy:
            connection.connection.backup(copy)
        copy.close()
        return
    _run(["pg_dump", "--format=custom", f"--file={target}"])


def _load(source: Path) -> None:
    if connection.vendor == "sqlite":
        path = Path(settings.DATABASES["default"]["NAME"])
        if _has_people():
            raise BackupFailed("The database holds data already; restore into an empty installation.")
        connection.close()
        for name in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
            name.unlink(missing_ok=True)
        shutil.copyfile(source, path)
        return
    if _has_people():
        raise BackupFailed("The database holds data already; restore into an empty one.")
    _run(["pg_restore", "--clean", "--if-exists", "--no-owner", "--exit-on-error", "--dbname", _name(), str(source)])


def _has_people() -> bool:
    if "accounts_user" not in connection.introspection.table_names():
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_user")
        return bool(cursor.fetchone()[0])


def _name() -> str:
    return str(connection.settings_dict["NAME"])


def _run(command: list[str]) -> None:
    database = connection.settings_dict
    environment = {**os.environ, "PGDATABASE": _name(), "PGPASSWORD": database.get("PASSWORD", "")}
    for variable, key in (("PGHOST", "HOST"), ("PGPORT", "PORT"), ("PGUSER", "USER")):
        if database.get(key):
            environment[variable] = str(database[key])
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError as lack:
        raise BackupFailed(f"{command[0]} is not installed; it comes with PostgreSQL's client.") from lack
    if done.returncode:
        raise BackupFailed(f"{command[0]} failed: {done.stderr.strip().splitlines()[-1:] or 'no reason given'}")
