"""Files and rows against each other: nothing without an owner on disk, nothing missing that the database names."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from portal.scans.models import Registration, Scan, Segmentation, UploadedFile
from portal.scans.registrations import GROWTH_NAME
from portal.scans.revisions import MASK_NAMES
from portal.scans.storage import path_of

#: Younger files may belong to a transaction that has not ended.
YOUNG_SECONDS = 24 * 3600
#: Rooms of the storage: received files, scans and what is derived of them, and what is on its way.
UPLOADS, SCANS, TEMPORARY = "uploads", "scans", ("incoming", "work")


@dataclass(frozen=True, slots=True)
class Inventory:
    """Storage keys: `orphans` belong to no row, `missing` are named by rows and not there."""

    orphans: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Every row has its files, and every file its row."""
        return not self.orphans and not self.missing


def take_inventory() -> Inventory:
    """Compare all files with all rows. Files younger than a day are left out."""
    named = set(_named_by_rows())
    missing = sorted(key for key in named if not path_of(key).exists())
    return Inventory(tuple(sorted(_orphans(named))), tuple(missing))


def remove_orphans(inventory: Inventory) -> int:
    """Remove the files that belong to nobody; how many there were."""
    for key in inventory.orphans:
        path = path_of(key)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(inventory.orphans)


def _named_by_rows() -> Iterator[str]:
    """Keys without which a row is worth nothing."""
    yield from UploadedFile.objects.values_list("path", flat=True).iterator()
    for segmentation in Segmentation.objects.iterator():
        yield from (f"{segmentation.folder}/{name}" for name in MASK_NAMES)
    for registration in Registration.objects.select_related("after").iterator():
        yield f"{registration.folder}/{GROWTH_NAME}"


def _orphans(named: set[str]) -> Iterator[str]:
    for key in _files(UPLOADS):
        if key not in named:
            yield key
    scans = {str(key) for key in Scan.objects.values_list("pk", flat=True)}
    revisions = {str(key) for key in Segmentation.objects.values_list("pk", flat=True)}
    for folder in _folders(SCANS):
        if folder.name not in scans:
            yield f"{SCANS}/{folder.name}"
            continue
        for revision in _folders(f"{SCANS}/{folder.name}/revisions"):
            if revision.name not in revisions:
                yield f"{SCANS}/{folder.name}/revisions/{revision.name}"
    for room in TEMPORARY:
        yield from (f"{room}/{path.name}" for path in _old(path_of(room).glob("*")))


def _files(room: str) -> Iterator[str]:
    root = path_of(room)
    for path in _old(root.rglob("*")):
        if path.is_file():
            yield f"{room}/{path.relative_to(root).as_posix()}"


def _folders(room: str) -> Iterator[Path]:
    return (path for path in _old(path_of(room).glob("*")) if path.is_dir())


def _old(paths: Iterator[Path]) -> Iterator[Path]:
    oldest = time.time() - YOUNG_SECONDS
    for path in paths:
        try:
            if path.stat().st_mtime < oldest:
                yield path
        except FileNotFoundError:
            continue
