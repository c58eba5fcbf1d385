"""Pixels and masks of a scan, for viewers and downloads."""

from pathlib import Path

import numpy as np
from django.utils.translation import gettext as _

from portal.scans.models import Origin, Scan, Segmentation
from portal.scans.revisions import EXPLANATION_NAME
from portal.scans.storage import exists, path_of

MASK_KINDS = ("lung", "lobes", "infection")


class NotThere(Exception):
    """The file does not exist (yet)."""


def volume_key(scan: Scan) -> str:
    """Storage key of the scan's HU volume: `.npy`, int16, axes z, y, x."""
    return f"{scan.folder}/volume.npy"


def has_volume(scan: Scan) -> bool:
    """Whether the slices can be shown."""
    return exists(volume_key(scan))


def frame_bytes(scan: Scan, index: int) -> bytes:
    """One slice as little-endian int16 HU, row by row; only this slice is read from disk.

    Raises:
        NotThere: the scan has not been read yet, or has no such slice.
    """
    try:
        volume = np.load(path_of(volume_key(scan)), mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise NotThere(_("The slices of this scan have not been read yet.")) from None
    if not 0 <= index < len(volume):
        raise NotThere(
            _("This scan has %(volume)s slices; there is no slice %(index)s.") % {"volume": len(volume), "index": index}
        )
    return volume[index].astype("<i2", copy=False).tobytes()


def explanation_path(segmentation: Segmentation) -> Path | None:
    """The picture of what the infection score depends on; a correction shows that of the result it goes back to.

    None where the pipeline made none.
    """
    made: Segmentation | None = segmentation
    while made is not None and made.origin == Origin.READER:
        made = made.based_on
    path = path_of(f"{made.folder}/{EXPLANATION_NAME}") if made else None
    return path if path and path.exists() else None


def mask_path(segmentation: Segmentation, kind: str) -> Path:
    """The NIfTI file of one mask of one revision.

    Raises:
        NotThere: no such kind.
    """
    if kind not in MASK_KINDS:
        raise NotThere(_("There is no mask %(kind)s.") % {"kind": kind})
    return path_of(f"{segmentation.folder}/{kind}.nii.gz")
