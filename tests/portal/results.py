"""Scans with real files, slices and masks, without running a pipeline: the masks are the phantom's own truth."""

from pathlib import Path

import numpy as np
from django.core.files.base import ContentFile

from inference.io import write_mask
from inference.phantom import Acquisition, PhantomPatient
from inference.volume import Mask
from inference.volumetry import Masks, measure
from portal.accounts.models import User
from portal.patients.models import Patient
from portal.scans.files import volume_key
from portal.scans.ingest import create_scan, plan_scans
from portal.scans.intake import open_upload, receive_file
from portal.scans.models import Scan
from portal.scans.revisions import add_model_revision
from portal.scans.storage import keep
from tests.samples import SMALL, dicom_folder, measurements_of

SEED = 1


def measured_scan(patient: Patient, by: User, folder: Path, *, hours: float = 0.0, infected_ml: float = 150.0) -> Scan:
    """A DICOM scan as ingest makes it, with slices and a result whose masks are true."""
    files = dicom_folder(folder / f"at-{hours:g}", seed=SEED, mrn=patient.mrn, hours=hours, infected_ml=infected_ml)
    upload = open_upload(by=by)
    for path in files:
        receive_file(upload=upload, name=path.name, chunks=ContentFile(path.read_bytes()).chunks())
    (plan,) = plan_scans(upload).scans
    scan = create_scan(upload=upload, patient=patient, plan=plan, typed_time=None)
    phantom = PhantomPatient(SEED).scan(
        Acquisition(size=SMALL.size, slices=SMALL.slices, height_mm=SMALL.height_mm, infected_ml=infected_ml)
    )
    grid = plan.header.geometry
    masks = {n: Mask(getattr(phantom.truth, n).labels, grid) for n in ("lung", "lobes", "infection")}
    result = folder / f"result-{hours:g}"
    result.mkdir()
    for name, mask in masks.items():
        write_mask(mask, result / f"{name}.nii.gz")
    np.save(result / "volume.npy", phantom.volume.hu)
    keep(result / "volume.npy", volume_key(scan))
    figures = measure(type(phantom.volume)(phantom.volume.hu, grid), Masks(**masks))
    add_model_revision(scan=scan, measurements={**measurements_of(infected_ml), **figures}, folder=result)
    return scan
