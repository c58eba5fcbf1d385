"""The two things a job can do: analyse a scan, or lay an earlier scan onto it."""

import json
from pathlib import Path
from typing import Any, Protocol

from portal.jobs import child
from portal.jobs.models import InferenceJob
from portal.scans.current import current_segmentation
from portal.scans.files import has_volume, volume_key
from portal.scans.ingest import materialise
from portal.scans.models import Segmentation
from portal.scans.registrations import GROWTH_NAME, add_registration, lay_out
from portal.scans.revisions import add_model_revision
from portal.scans.storage import keep


class Task(Protocol):
    """One kind of work. `folder` is the job's own temporary folder, beside the storage."""

    def prepare(self, folder: Path) -> None:
        """Lay out the input."""
        ...

    def command(self, folder: Path) -> list[str]:
        """Command line of the child."""
        ...

    def keep_early(self, out: Path) -> None:
        """Store what is of use before the end."""
        ...

    def finish(self, out: Path) -> Segmentation | None:
        """Store the result, in the caller's transaction; the revision it made, if it made one."""
        ...


class Analysis:
    """A pipeline on a scan."""

    def __init__(self, job: InferenceJob) -> None:
        self._job = job

    def prepare(self, folder: Path) -> None:
        """The scan's files as received."""
        materialise(self._job.scan, folder / "scan")

    def command(self, folder: Path) -> list[str]:
        """`segment`."""
        return child.command_for(folder / "scan", folder / "out", self._job.pipeline)

    def keep_early(self, out: Path) -> None:
        """The slices, as soon as they are read, so that they can be viewed while the analysis goes on."""
        volume = out / "volume.npy"
        if volume.exists() and not has_volume(self._job.scan):
            keep(volume, volume_key(self._job.scan))

    def finish(self, out: Path) -> Segmentation:
        """A new revision."""
        measurements: dict[str, Any] = json.loads((out / "measurements.json").read_text())
        return add_model_revision(scan=self._job.scan, measurements=measurements, folder=out)


class Registering:
    """An earlier scan onto a later one, both with the revisions that count when the job begins."""

    def __init__(self, job: InferenceJob) -> None:
        self._job = job
        self._revisions: dict[str, Segmentation] = {}

    def prepare(self, folder: Path) -> None:
        """Slices and masks of both scans."""
        for role, scan in (("current", self._job.scan), ("prior", self._job.prior)):
            revision = current_segmentation(scan) if scan else None
            if revision is None:
                raise FileNotFoundError(f"{role} has no result")
            lay_out(revision, folder / role)
            self._revisions[role] = revision

    def command(self, folder: Path) -> list[str]:
        """`register`."""
        return child.command("register", folder / "current", folder / "prior", "--out", folder / "out", "--progress")

    def keep_early(self, out: Path) -> None:
        """Nothing: a registration is of use when it is done."""

    def finish(self, out: Path) -> None:
        """A registration of the two revisions."""
        add_registration(
            after=self._revisions["current"],
            before=self._revisions["prior"],
            details=json.loads((out / "registration.json").read_text()),
            growth=out / GROWTH_NAME,
        )


def task_of(job: InferenceJob) -> Task:
    """What this job does."""
    return Registering(job) if job.prior_id else Analysis(job)
