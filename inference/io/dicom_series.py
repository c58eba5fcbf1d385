"""From image planes to series: one group for each stack that was acquired and reconstructed alike."""

import hashlib
import io
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import pairwise

from inference.errors import InferenceError, NotAVolume, UnreadableFile
from inference.io.dicom_file import Frame
from inference.io.files import Rejection
from inference.io.header import AcquisitionTime, PatientIdentity, SeriesHeader, SeriesKind, StudyAttributes
from inference.io.identifiers import safe_uid
from inference.io.stacking import order_along_normal, plan_stack
from inference.io.times import acquisition_time
from inference.quality import QualityNote

#: Slices nearer to each other than this lie at the same place.
SAME_PLACE_MM = 0.01
#: Direction cosines (about a third of a degree) and pixel spacings (as a share) that count as equal.
SAME_COSINE = 0.005
SAME_SPACING = 0.002
THICK_SLICE_MM = 5.0
DIGEST_BLOCK = 4096
UID_KEYWORDS = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")


def series_of(frames: Sequence[Frame]) -> tuple[list[SeriesHeader], list[Rejection]]:
    """Group planes into readable series; planes of a group that is no volume are rejected with the reason."""
    series: list[SeriesHeader] = []
    rejected: list[Rejection] = []
    for group in _grouped(frames, _series_key):
        for stack in (stack for alike in _alike(group) for stack in _separate(alike)):
            try:
                series.append(_header(stack))
            except InferenceError as refusal:
                rejected += _rejections(stack, refusal)
            except Exception:  # noqa: BLE001 - pydicom converts values when they are looked at, and damaged ones raise anything
                name = stack[0].instance.file.name
                rejected += _rejections(stack, UnreadableFile(f"The header of {name} is damaged; send it again."))
    return series, rejected


def _rejections(stack: Sequence[Frame], refusal: InferenceError) -> list[Rejection]:
    return [Rejection.of(file, refusal) for file in dict.fromkeys(frame.instance.file for frame in stack)]


def _grouped(frames: Iterable[Frame], key: Callable[[Frame], Hashable]) -> list[list[Frame]]:
    groups: dict[Hashable, list[Frame]] = defaultdict(list)
    for frame in frames:
        groups[key(frame)].append(frame)
    return list(groups.values())


def _text(frame: Frame, keyword: str) -> str:
    value = frame.dataset.get(keyword)
    if value is None:
        return ""
    return str(value).strip()


def _series_key(frame: Frame) -> Hashable:
    names = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "ConvolutionKernel")
    return (*(_text(frame, name) for name in names), frame.shape_yx)


def _alike(frames: Iterable[Frame]) -> list[list[Frame]]:
    """Split by orientation and pixel spacing, within what headers are rounded to: no slice leaves its stack for it."""
    groups: list[list[Frame]] = []
    for frame in frames:
        home = next((group for group in groups if _is_parallel(group[0], frame)), None)
        if home is None:
            groups.append([frame])
        else:
            home.append(frame)
    return groups


def _is_parallel(a: Frame, b: Frame) -> bool:
    axes = zip((*a.row_axis, *a.column_axis), (*b.row_axis, *b.column_axis), strict=True)
    spacings = zip(a.spacing_yx_mm, b.spacing_yx_mm, strict=True)
    return all(abs(p - q) < SAME_COSINE for p, q in axes) and all(abs(p - q) < SAME_SPACING * p for p, q in spacings)


def _places(frames: Sequence[Frame]) -> tuple[list[Frame], list[float]]:
    first = frames[0]
    order, places = order_along_normal([f.position_lps_mm for f in frames], first.row_axis, first.column_axis)
    return [frames[i] for i in order], places


def _has_shared_place(frames: Sequence[Frame]) -> bool:
    return _touch(_places(frames)[1])


def _touch(places: Sequence[float]) -> bool:
    return any(b - a < SAME_PLACE_MM for a, b in pairwise(places))


def _separate(frames: list[Frame]) -> list[list[Frame]]:
    """Split a group whose slices share places by whatever tells its acquisitions apart."""
    unique = _without_copies(frames)
    if not _has_shared_place(unique):
        return [unique]
    for keyword in ("AcquisitionNumber", "TemporalPositionIdentifier", "AcquisitionTime", "ContentTime", "ImageType"):
        parts = _grouped(unique, lambda frame, keyword=keyword: _text(frame, keyword))  # type: ignore[misc]
        if 1 < len(parts) < len(unique) and not any(_has_shared_place(part) for part in parts):
            return parts
    return [unique]


def _without_copies(frames: list[Frame]) -> list[Frame]:
    """Drop planes that were sent twice: the same instance, or the same place with the same pixels."""
    # The place counts too: some writers give every slice of a series the same instance UID.
    by_instance = {
        (f.instance.sop_uid or f.instance.file.name, f.instance.frame, f.position_lps_mm): f for f in reversed(frames)
    }
    ordered, places = _places(list(by_instance.values())[::-1])
    kept: list[tuple[Frame, float]] = []
    for frame, place in zip(ordered, places, strict=True):
        is_copy = any(
            _pixel_digest(frame) == _pixel_digest(other)
            for other, other_place in kept
            if place - other_place < SAME_PLACE_MM
        )
        if not is_copy:
            kept.append((frame, place))
    return [frame for frame, _ in kept]


def _pixel_digest(frame: Frame) -> tuple[str, int]:
    """Fingerprint of the file's end, which holds its pixels, and the frame number.

    Counted from the end, because headers of copies differ in length.
    """
    rows, columns = frame.shape_yx
    with frame.instance.file.path.open("rb") as stream:
        half = stream.seek(0, io.SEEK_END) // 2 // DIGEST_BLOCK * DIGEST_BLOCK
        stream.seek(-min(rows * columns, half), io.SEEK_END)
        return hashlib.sha256(stream.read()).hexdigest(), frame.instance.frame


def _header(frames: list[Frame]) -> SeriesHeader:
    ordered, places = _places(frames)
    first = ordered[0]
    if _touch(places):
        raise NotAVolume(
            f"Several slices of the series lie at the same place ({first.instance.file.name} and others), so they "
            "are not one volume; send the acquisitions as separate series."
        )
    stack = plan_stack(
        [frame.position_lps_mm for frame in ordered],
        row_axis=first.row_axis,
        column_axis=first.column_axis,
        shape_yx=first.shape_yx,
        spacing_yx_mm=first.spacing_yx_mm,
    )
    identifiers, originals = _identifiers(first)
    thickness = first.slice_thickness_mm
    return SeriesHeader(
        kind=SeriesKind.DICOM,
        geometry=stack.geometry,
        instances=tuple(frame.instance for frame in ordered),
        stack=stack.plan,
        study_uid=identifiers["StudyInstanceUID"],
        series_uid=identifiers["SeriesInstanceUID"],
        frame_of_reference_uid=identifiers["FrameOfReferenceUID"],
        original_identifiers=originals,
        patient=_patient(first),
        study=_study(first),
        acquired=_earliest(ordered),
        acquisition_key="|".join(
            (identifiers["StudyInstanceUID"], identifiers["FrameOfReferenceUID"], _text(first, "AcquisitionNumber"))
        ),
        slice_thickness_mm=thickness or stack.geometry.spacing_zyx_mm[0],
        kernel=_text(first, "ConvolutionKernel"),
        manufacturer=_text(first, "Manufacturer"),
        device_model=_text(first, "ManufacturerModelName"),
        description=_text(first, "SeriesDescription") or _text(first, "ProtocolName"),
        body_part=_text(first, "BodyPartExamined"),
        quality=(*stack.notes, *_notes(len(frames), thickness, originals)),
    )


def _earliest(frames: Sequence[Frame]) -> AcquisitionTime | None:
    """Slices carry times of their own; the scan begins with the earliest."""
    first = acquisition_time(frames[0].dataset)
    if first is None:
        return None
    times = (acquisition_time(frame.dataset) for frame in frames)
    alike = [
        time for time in times if time and (time.attribute, time.when.tzinfo) == (first.attribute, first.when.tzinfo)
    ]
    return min(alike, key=lambda time: time.when)


def _identifiers(frame: Frame) -> tuple[dict[str, str], dict[str, str]]:
    """Safe study, series and frame-of-reference UIDs, and those that were invalid as received."""
    context = "\n".join(_text(frame, keyword) for keyword in ("PatientID", "StudyInstanceUID", "SeriesNumber"))
    given = {keyword: _text(frame, keyword) for keyword in UID_KEYWORDS}
    safe = {keyword: safe_uid(value, otherwise=f"{keyword}\n{context}") for keyword, value in given.items()}
    return safe, {keyword: value for keyword, value in given.items() if value != safe[keyword]}


def _study(frame: Frame) -> StudyAttributes:
    number = _text(frame, "SeriesNumber")
    return StudyAttributes(
        date=_iso_date(_text(frame, "StudyDate")),
        time=_text(frame, "StudyTime"),
        study_id=_text(frame, "StudyID"),
        accession_number=_text(frame, "AccessionNumber"),
        description=_text(frame, "StudyDescription"),
        referring_physician=_text(frame, "ReferringPhysicianName"),
        series_number=int(number) if number.lstrip("+-").isdecimal() else None,
    )


def _iso_date(value: str) -> str:
    """YYYY-MM-DD of a DICOM date (also with the dots of ACR-NEMA); empty when it is none."""
    digits = value.replace(".", "")
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}" if len(digits) == 8 and digits.isdecimal() else ""


def _patient(frame: Frame) -> PatientIdentity:
    family, _, rest = _text(frame, "PatientName").split("=")[0].partition("^")
    given = " ".join(rest.replace("^", " ").split())
    sex = _text(frame, "PatientSex").upper()
    return PatientIdentity(
        mrn=_text(frame, "PatientID"),
        issuer=_text(frame, "IssuerOfPatientID"),
        name=", ".join(part for part in (family.strip(), given) if part),
        birth_date=_iso_date(_text(frame, "PatientBirthDate")),
        sex=sex if sex in {"F", "M", "O"} else "",
    )


def _notes(count: int, thickness_mm: float | None, originals: dict[str, str]) -> list[QualityNote]:
    notes = []
    if originals:
        names = ", ".join(sorted(originals))
        notes.append(QualityNote("identifiers-replaced", f"Missing or invalid identifiers were replaced: {names}."))
    if thickness_mm and thickness_mm > THICK_SLICE_MM:
        notes.append(QualityNote("thick-slices", f"Slices are {thickness_mm:g} mm thick; small lesions can be missed."))
    if count < 20:
        notes.append(QualityNote("few-slices", f"The series holds {count} slices only; it may not cover the lungs."))
    return notes
