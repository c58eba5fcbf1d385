"""S3-compatible object storage, as far as `portal.scans.storage` needs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.storage import storages
from storages.backends.s3 import S3Storage

ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})


class StorageFailed(OSError):
    """The object storage does not answer, or refuses."""


def upload(path: Path, key: str) -> None:
    """Store a file; it is durable when this returns."""
    with _answering():
        _bucket().upload_file(str(path), key)


def download(key: str, path: Path) -> bool:
    """Write an object to a file; False where there is none."""
    try:
        with _answering():
            _bucket().download_file(key, str(path))
    except StorageFailed as trouble:
        cause = trouble.__cause__
        if isinstance(cause, ClientError) and cause.response["Error"]["Code"] in ABSENT:
            return False
        raise
    return True


def has(key: str) -> bool:
    """Whether there is such an object."""
    with _answering():
        return bool(storages["default"].exists(key))


def listing(prefix: str) -> Iterator[tuple[str, int, datetime]]:
    """Key, size in bytes and time of every object whose key begins so."""
    with _answering():
        for entry in _bucket().objects.filter(Prefix=prefix):
            yield entry.key, entry.size, entry.last_modified


def delete(key: str) -> None:
    """Remove an object, if it is there."""
    with _answering():
        storages["default"].delete(key)


def _bucket() -> Any:
    storage = storages["default"]
    if not isinstance(storage, S3Storage):
        raise StorageFailed("S3_BUCKET is set, but the default storage is another.")
    return storage.bucket


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, Boto3Error, ClientError) as trouble:
        raise StorageFailed(f"the object storage: {trouble}") from trouble
