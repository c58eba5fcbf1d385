"""One input, whatever it is, to one volume: the command line's way in."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from inference.errors import InferenceError, NotAVolume, UnreadableFile
from inference.io.archive import expand
from inference.io.files import NamedFile, Rejection
from inference.io.header import SeriesHeader
from inference.io.inspection import inspect
from inference.io.pixels import read_series
from inference.progress import OnProgress, ignore_progress
from inference.quality import QualityNote
from inference.volume import Volume


def _kinds(base: type[InferenceError]) -> list[type[InferenceError]]:
    return [base, *(kind for child in base.__subclasses__() for kind in _kinds(child))]


REFUSALS = {kind.code: kind for kind in _kinds(InferenceError)}


@dataclass(frozen=True, slots=True)
class Reading:
    """A scan as read: pixels, header, and notes on both."""

    volume: Volume
    header: SeriesHeader
    quality: tuple[QualityNote, ...]


def read_input(path: Path, on_progress: OnProgress = ignore_progress) -> Reading:
    """Read a DICOM folder or file, zip, NIfTI or MetaImage; of several series the one with most slices.

    Raises:
        InferenceError: with one sentence, when nothing in `path` can be measured.
    """
    files = _files_below(path)
    with tempfile.TemporaryDirectory(prefix="lungtrend-") as folder:
        opened, refused = expand(files, Path(folder))
        inspection = inspect(opened)
        rejected = (*refused, *inspection.rejected)
        if not inspection.series:
            raise _refusal(path, rejected)
        chosen = max(inspection.series, key=lambda series: (series.geometry.shape_zyx[0], series.series_uid))
        volume = read_series(chosen, on_progress)
    return Reading(volume, chosen, (*chosen.quality, *_notes_on_the_rest(chosen, inspection.series, rejected)))


def _files_below(path: Path) -> list[NamedFile]:
    if path.is_file():
        return [NamedFile(path.name, path)]
    if not path.is_dir():
        raise UnreadableFile(f"{path} does not exist; name a folder or file of a scan.", files=[str(path)])
    found = [NamedFile(str(p.relative_to(path)), p) for p in sorted(path.rglob("*")) if p.is_file()]
    files = [file for file in found if not file.path.name.startswith(".")]
    if not files:
        raise UnreadableFile(f"{path} is an empty folder; name a folder that holds a scan.", files=[str(path)])
    return files


def _refusal(path: Path, rejected: tuple[Rejection, ...]) -> InferenceError:
    """The reason most files share, in the class that carries its code."""
    if not rejected:
        return NotAVolume(f"{path.name} holds no CT series.")
    codes = [rejection.code for rejection in rejected]
    code = max(set(codes), key=codes.count)
    first = next(rejection for rejection in rejected if rejection.code == code)
    others = len(rejected) - 1
    more = f" ({others} more file{'s' if others > 1 else ''} could not be used either.)" if others else ""
    kind = REFUSALS.get(code, InferenceError)
    return kind(first.reason + more, files=[rejection.file for rejection in rejected])


def _notes_on_the_rest(
    chosen: SeriesHeader, found: tuple[SeriesHeader, ...], rejected: tuple[Rejection, ...]
) -> list[QualityNote]:
    notes = []
    others = [series for series in found if series is not chosen]
    if others:
        names = ", ".join(f"{s.description or 'unnamed'} ({s.geometry.shape_zyx[0]} slices)" for s in others)
        notes.append(QualityNote("other-series", f"The input holds other series, which were not analysed: {names}."))
    if rejected:
        notes.append(QualityNote("files-left-aside", f"{len(rejected)} files were left aside: {rejected[0].reason}"))
    return notes
