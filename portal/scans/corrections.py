"""A reader's correction of masks: checked and measured anew, and stored as another revision."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from django.utils.translation import gettext as _

from portal.accounts.models import User
from portal.scans.errors import IntakeRefused, NotAllowed
from portal.scans.files import MASK_KINDS, has_volume, mask_path, volume_key
from portal.scans.models import Segmentation
from portal.scans.revisions import add_reader_revision
from portal.scans.storage import path_of
from portal.scans.toolbox import ToolFailed, ToolRefused, run_tool, workplace, write_json

#: Label maps compress well: a larger one is none.
MAX_MASK_BYTES = 256 * 1024**2


def save_correction(
    *, by: User, based_on: Segmentation, reason: str, masks: Mapping[str, Iterable[bytes]]
) -> Segmentation:
    """Store corrected masks as a new revision of the scan; masks that were not sent stay as they are in `based_on`.

    `masks` maps kinds (lung, lobes, infection) to the bytes of NIfTI label maps on the scan's grid.

    Raises:
        NotAllowed: only radiologists correct masks.
        IntakeRefused: no reason, no mask, or a mask that does not fit its scan.
        Overtaken: the revision that counts is no longer `based_on`.
    """
    if not by.is_radiologist:
        raise NotAllowed(_("Only radiologists may correct masks."))
    if not reason.strip():
        raise IntakeRefused(_("State the reason for the correction; it stands beside the new figures."))
    if not masks:
        raise IntakeRefused(_("Send at least one mask: %(mask_kinds)s.") % {"mask_kinds": ", ".join(MASK_KINDS)})
    if not has_volume(based_on.scan):
        raise IntakeRefused(_("The slices of this scan have not been read yet; wait for its analysis."))
    with workplace() as folder:
        given, out = folder / "masks", folder / "out"
        given.mkdir()
        for kind in MASK_KINDS:
            target = given / f"{kind}.nii.gz"
            if kind in masks:
                _write(masks[kind], target, kind)
            else:
                target.symlink_to(mask_path(based_on, kind))
        write_json(given / "geometry.json", based_on.scan.geometry)
        write_json(given / "measurements.json", based_on.measurement.details)
        try:
            run_tool("remeasure", path_of(volume_key(based_on.scan)), given, "--out", out)
        except ToolRefused as refusal:
            raise IntakeRefused(str(refusal)) from refusal
        except ToolFailed as failure:
            raise IntakeRefused(_("The corrected masks could not be measured; try again.")) from failure
        measurements = json.loads((out / "measurements.json").read_text())
        return add_reader_revision(
            by=by, based_on=based_on, reason=reason.strip(), measurements=measurements, folder=out
        )


def _write(chunks: Iterable[bytes], target: Path, kind: str) -> None:
    size = 0
    with target.open("wb") as file:
        for chunk in chunks:
            size += len(chunk)
            if size > MAX_MASK_BYTES:
                raise IntakeRefused(
                    _("The mask %(kind)s is too large for a label map; save it compressed (.nii.gz).") % {"kind": kind}
                )
            file.write(chunk)
