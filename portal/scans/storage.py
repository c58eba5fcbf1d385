"""Files of uploads and scans: each appears whole or not at all, and its content never changes.

Everything that touches them goes through here. They lie under `MEDIA_ROOT`, or in S3-compatible object storage; then
`MEDIA_ROOT` holds copies of this machine (docs/decisions/0013). What is on its way lies on this machine only.
"""

import hashlib
import logging
import os
import shutil
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils._os import safe_join

from portal.scans import objects

logger = logging.getLogger(__name__)

#: Objects fetched at a time.
LANES = 8
#: A copy that was asked for within this time stays, however full the disk is: a job may be reading it.
GRACE_SECONDS = 2 * 3600
#: How often a process looks whether its machine holds too many copies.
TRIM_SECONDS = 600


@dataclass(frozen=True, slots=True)
class StoredContent:
    """What was received: a part file, its SHA-256 and its size in bytes."""

    part: Path
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A file of the storage: its size in bytes, and when it was written (seconds since 1970)."""

    key: str
    size: int
    modified: float


class TooLarge(Exception):
    """More bytes arrived than are allowed."""


def path_of(key: str) -> Path:
    """A file of this machine with the content of a key; it does not exist where the storage has no such key.

    Raises:
        OSError: the object storage does not answer.
    """
    path = _place_of(key)
    if _is_remote():
        _bring(key, path)
    return path


def paths_of(keys: Collection[str]) -> dict[str, Path]:
    """`path_of` for many keys, fetched side by side."""
    if not _is_remote():
        return {key: _place_of(key) for key in keys}
    with ThreadPoolExecutor(LANES) as lanes:
        return dict(zip(keys, lanes.map(path_of, keys), strict=True))


def exists(key: str) -> bool:
    """Whether the storage has this key; nothing is fetched."""
    if _place_of(key).exists():
        return True
    return _is_remote() and objects.has(key)


def scratch(room: str) -> Path:
    """A folder of this machine for what is on its way, beside the storage so that files can be moved into it."""
    folder = _place_of(room)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def receive(chunks: Iterable[bytes], *, limit_bytes: int) -> StoredContent:
    """Write a stream to a part file, durably, and hash it.

    Raises:
        TooLarge: the stream is longer than `limit_bytes`; nothing is kept.
        OSError: the disk is full, or the like; nothing is kept.
    """
    digest, size = hashlib.sha256(), 0
    handle, name = tempfile.mkstemp(dir=scratch("incoming"))
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in chunks:
                size += len(chunk)
                if size > limit_bytes:
                    raise TooLarge
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return StoredContent(part, digest.hexdigest(), size)


def keep(part: Path, key: str) -> None:
    """Move a finished file to its key, replacing what was there.

    Raises:
        OSError: it could not be stored.
    """
    target = _place_of(key)
    target.parent.mkdir(parents=True, exist_ok=True)
    if _is_remote():
        objects.upload(part, key)
        _trim_if_due()
    part.replace(target)


def stored_keys(room: str) -> Iterator[StoredKey]:
    """Everything whose key begins with `room/`."""
    if _is_remote():
        for key, size, modified in objects.listing(f"{room}/"):
            yield StoredKey(key, size, modified.timestamp())
        return
    root = Path(settings.MEDIA_ROOT)
    for folder, _, names in os.walk(root / room):
        for path in (Path(folder) / name for name in sorted(names)):
            try:
                found = path.stat()
            except FileNotFoundError:
                continue
            yield StoredKey(path.relative_to(root).as_posix(), found.st_size, found.st_mtime)


def keys_in(folder: str) -> list[str]:
    """Keys directly in a folder of the storage, sorted."""
    return sorted(stored.key for stored in stored_keys(folder) if "/" not in stored.key.removeprefix(f"{folder}/"))


def copy_out(key: str, target: Path) -> None:
    """Copy a file of the storage to a place outside; it appears whole.

    Raises:
        OSError: it is not there, or could not be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    if _is_remote():
        if not objects.download(key, part):
            raise FileNotFoundError(key)
    else:
        shutil.copyfile(_place_of(key), part)
    part.replace(target)


def copy_in(source: Path, key: str) -> None:
    """Put a copy of a file into the storage."""
    part = scratch("incoming") / f"copy-{hashlib.sha256(key.encode()).hexdigest()}"
    shutil.copyfile(source, part)
    keep(part, key)


def remove(key: str) -> None:
    """Remove a file, if it is there."""
    _place_of(key).unlink(missing_ok=True)
    if _is_remote():
        objects.delete(key)


def probe() -> None:
    """Write and remove something.

    Raises:
        OSError: nothing can be stored.
    """
    with tempfile.NamedTemporaryFile(dir=scratch("incoming"), delete=False) as file:
        file.write(b"ok")
    keep(Path(file.name), "health")
    remove("health")


def trim_copies(limit_bytes: int) -> int:
    """Remove the copies of this machine that nobody asked for the longest, down to a limit; how many there were.

    Does nothing where `MEDIA_ROOT` is the storage itself.
    """
    if not _is_remote():
        return 0
    copies = []
    for room in ("uploads", "scans"):
        for folder, _, names in os.walk(_place_of(room)):
            copies += [(path.stat(), path) for path in (Path(folder) / name for name in names)]
    total = sum(found.st_size for found, _ in copies)
    oldest_to_keep = time.time() - GRACE_SECONDS
    removed = 0
    for found, path in sorted(copies, key=lambda copy: copy[0].st_mtime):
        if total <= limit_bytes or found.st_mtime > oldest_to_keep:
            break
        path.unlink(missing_ok=True)
        total -= found.st_size
        removed += 1
    if removed:
        logger.info("%d copies of stored files were removed from this machine", removed)
    return removed


def _place_of(key: str) -> Path:
    return Path(safe_join(settings.MEDIA_ROOT, key))


def _is_remote() -> bool:
    return bool(settings.S3_BUCKET)


#: One lock a key that is being fetched in this process, so that its readers fetch it once.
_fetching: dict[str, threading.Lock] = defaultdict(threading.Lock)
_trim_lock = threading.Lock()
_trimmed_at = 0.0


def _bring(key: str, path: Path) -> None:
    with _fetching[key]:
        if path.exists():
            if path.stat().st_mtime < time.time() - GRACE_SECONDS / 2:
                os.utime(path)
        else:
            _fetch(key, path)
    _fetching.pop(key, None)
    _trim_if_due()


def _fetch(key: str, path: Path) -> None:
    handle, name = tempfile.mkstemp(dir=scratch("incoming"))
    os.close(handle)
    part = Path(name)
    try:
        if objects.download(key, part):
            path.parent.mkdir(parents=True, exist_ok=True)
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _trim_if_due() -> None:
    global _trimmed_at
    if time.monotonic() - _trimmed_at < TRIM_SECONDS or not _trim_lock.acquire(blocking=False):
        return
    try:
        _trimmed_at = time.monotonic()
        trim_copies(settings.STORAGE_COPIES_BYTES)
    finally:
        _trim_lock.release()
