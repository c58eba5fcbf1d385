"""What a heap of files holds: readable series, and one sentence for every file that belongs to none."""

from collections.abc import Sequence
from dataclasses import dataclass

from inference.errors import InferenceError, UnreadableFile
from inference.io.dicom_file import Frame, read_frames
from inference.io.dicom_series import series_of
from inference.io.files import NamedFile, Rejection
from inference.io.header import SeriesHeader
from inference.io.volume_file import inspect_volume, volume_kind


@dataclass(frozen=True, slots=True)
class Inspection:
    """Series that can be read, and the files that cannot, with reasons."""

    series: tuple[SeriesHeader, ...]
    rejected: tuple[Rejection, ...]


def inspect(files: Sequence[NamedFile]) -> Inspection:
    """Sort files into series by their headers alone; never raises for what is in a file."""
    frames: list[Frame] = []
    series: list[SeriesHeader] = []
    rejected: list[Rejection] = []
    for file in files:
        try:
            kind = volume_kind(file.name)
            if kind is None:
                frames.extend(read_frames(file))
            else:
                series.append(inspect_volume(file, kind))
        except InferenceError as refusal:
            rejected.append(Rejection.of(file, refusal))
        except Exception:  # noqa: BLE001 - what damaged bytes make a parser raise has no end
            damage = UnreadableFile(f"{file.name} is damaged and cannot be read; send it again.", files=[file.name])
            rejected.append(Rejection.of(file, damage))
    stacks, unstacked = series_of(frames)
    return Inspection(series=(*stacks, *series), rejected=(*rejected, *unstacked))
