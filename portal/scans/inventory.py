"""Files and rows against each other: nothing stored without an owner, nothing missing that the database names."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass

from portal.scans.models import Registration, Scan, Segmentation, UploadedFile
from portal.scans.registrations import GROWTH_NAME
from portal.scans.revisions import MASK_NAMES
from portal.scans.storage import StoredKey, remove, scratch, stored_keys

#: Younger files may belong to a transaction that has not ended.
YOUNG_SECONDS = 24 * 3600
#: Rooms of the storage: received files, scans and what is derived of them; and of this machine: what is on its way.
UPLOADS, SCANS, TEMPORARY = "uploads", "scans", ("incoming", "work")


@dataclass(frozen=True, slots=True)
class Inventory:
    """`orphans` (storage keys, and `ROOM/NAME` of what is on its way) belong to nobody; `missing` are named by rows."""

    orphans: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Every row has its files, and every file its row."""
        return not self.orphans and not self.missing


def take_inventory() -> Inventory:
    """Compare all files with all rows. Files younger than a day are left out."""
    before = set(_named_by_rows())
    stored = [found for room in (UPLOADS, SCANS) for found in stored_keys(room)]
    # Rows are read before and after files, so that what comes in meanwhile is neither missing nor an orphan.
    after = set(_named_by_rows())
    young = time.time() - YOUNG_SECONDS
    orphans = [*_orphans([found for found in stored if found.modified < young], after), *_left_behind(young)]
    missing = before - {found.key for found in stored}
    return Inventory(tuple(sorted(orphans)), tuple(sorted(missing)))


def remove_orphans(inventory: Inventory) -> int:
    """Remove the files that belong to nobody; how many there were."""
    for key in inventory.orphans:
        room, _, name = key.partition("/")
        path = scratch(room) / name if room in TEMPORARY else None
        if path is None:
            remove(key)
        elif path.is_dir():
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


def _orphans(stored: list[StoredKey], named: set[str]) -> Iterator[str]:
    scans = {str(key) for key in Scan.objects.values_list("pk", flat=True)}
    revisions = {str(key) for key in Segmentation.objects.values_list("pk", flat=True)}
    for found in stored:
        room, owner, *rest = found.key.split("/")
        if room == UPLOADS:
            is_owned = found.key in named
        else:
            is_owned = owner in scans and (len(rest) < 2 or rest[0] != "revisions" or rest[1] in revisions)
        if not is_owned:
            yield found.key


def _left_behind(young: float) -> Iterator[str]:
    for room in TEMPORARY:
        for path in scratch(room).glob("*"):
            try:
                if path.stat().st_mtime < young:
                    yield f"{room}/{path.name}"
            except FileNotFoundError:
                continue
