"""Files of uploads and scans on disk: each appears whole or not at all.

Everything that touches the file system goes through here, so that another store has one place to come in.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.core.files.storage import default_storage


@dataclass(frozen=True, slots=True)
class StoredContent:
    """What was received: a part file, its SHA-256 and its size in bytes."""

    part: Path
    sha256: str
    size: int


class TooLarge(Exception):
    """More bytes arrived than are allowed."""


def path_of(key: str) -> Path:
    """Where the content of a storage key lies on this machine."""
    return Path(default_storage.path(key))


def receive(chunks: Iterable[bytes], *, limit_bytes: int) -> StoredContent:
    """Write a stream to a part file, durably, and hash it.

    Raises:
        TooLarge: the stream is longer than `limit_bytes`; nothing is kept.
    """
    folder = path_of("incoming")
    folder.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    handle, name = tempfile.mkstemp(dir=folder)
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
    """Move a finished file to its key, replacing what was there."""
    target = path_of(key)
    target.parent.mkdir(parents=True, exist_ok=True)
    part.replace(target)
