"""Is a NIfTI or MetaImage file whole, all in one file, and made of numbers? Libraries are silent about it.

A NIfTI that was cut off is read with zeros, which is water, for what is missing, and so is a NaN. A MetaImage may
name any other file on the disk as its pixels.
"""

import gzip
import math
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

import numpy as np

from inference.errors import NotAVolume, UnreadableFile
from inference.io.files import NamedFile

MAX_UNPACKED_BYTES = 8 * 1024**3
CHUNK_BYTES = 4 * 1024**2
NIFTI1_HEADER_BYTES = 348
NIFTI2_HEADER_BYTES = 540
#: NIfTI data types that can hold what is no number.
FLOAT_TYPES = {16: "f4", 64: "f8"}
#: A MetaImage header is a few hundred bytes of text.
MAX_TEXT_HEADER_BYTES = 64 * 1024
HEADER_LINE = re.compile(rb"[A-Za-z]\w* *= *([^\r\n]*)\r?\n")
ELEMENT_BYTES = {
    "MET_CHAR": 1,
    "MET_UCHAR": 1,
    "MET_SHORT": 2,
    "MET_USHORT": 2,
    "MET_INT": 4,
    "MET_UINT": 4,
    "MET_LONG": 4,
    "MET_ULONG": 4,
    "MET_FLOAT": 4,
    "MET_LONG_LONG": 8,
    "MET_ULONG_LONG": 8,
    "MET_DOUBLE": 8,
}


@dataclass(frozen=True, slots=True)
class NiftiLayout:
    """Where a NIfTI keeps its voxels; `float_type` is the numpy type when they are floating point."""

    offset: int
    voxel_bytes: int
    float_type: str | None


def refuse_incomplete_nifti(file: NamedFile) -> None:
    """Read a NIfTI to its end.

    Raises:
        UnreadableFile: damaged, cut off, larger than a scan can be, or with voxels that are no numbers.
    """
    try:
        with _opened(file) as stream:
            layout = _nifti_layout(file, stream.read(NIFTI2_HEADER_BYTES))
            stream.seek(layout.offset)
            read = 0
            for chunk in _chunks(stream):
                if read < layout.voxel_bytes and layout.float_type and not _is_finite(chunk, layout.float_type):
                    raise UnreadableFile(
                        f"{file.name} holds voxels that are no numbers; export it again.", files=[file.name]
                    )
                read += len(chunk)
                if layout.offset + read > MAX_UNPACKED_BYTES:
                    raise _too_large(file)
    except (OSError, EOFError, zlib.error, struct.error, ValueError, OverflowError) as damage:
        raise _damaged(file) from damage
    if read < layout.voxel_bytes:
        raise _damaged(file)


def refuse_incomplete_metaimage(file: NamedFile) -> None:
    """Compare a MetaImage's header with its size.

    Raises:
        UnreadableFile: damaged, cut off, or larger than a scan can be.
        NotAVolume: the pixels are in another file.
    """
    size = file.path.stat().st_size
    with file.path.open("rb") as stream:
        start = stream.read(MAX_TEXT_HEADER_BYTES)
    fields, end = _metaimage_fields(start)
    data_file = fields.get("ElementDataFile")
    if data_file is not None and data_file.upper() != "LOCAL":
        raise NotAVolume(
            f"{file.name} keeps its pixels in another file; export it as one .mha file.", files=[file.name]
        )
    try:
        needed = math.prod(int(n) for n in fields["DimSize"].split()) * ELEMENT_BYTES[fields["ElementType"]]
        needed *= int(fields.get("ElementNumberOfChannels", "1"))
        is_packed = fields.get("CompressedData", "False").lower() in {"true", "1"}
        promised = int(fields.get("CompressedDataSize", "0")) if is_packed else needed
    except (KeyError, ValueError) as lack:
        raise _damaged(file) from lack
    if needed > MAX_UNPACKED_BYTES:
        raise _too_large(file)
    if data_file is None or size - end < promised:
        raise _damaged(file)


def _damaged(file: NamedFile) -> UnreadableFile:
    return UnreadableFile(f"{file.name} is damaged or cut off; send it again.", files=[file.name])


def _too_large(file: NamedFile) -> UnreadableFile:
    return UnreadableFile(f"{file.name} unpacks to more than a scan can be.", files=[file.name])


def _opened(file: NamedFile) -> BinaryIO:
    is_packed = file.name.lower().endswith(".gz")
    return cast("BinaryIO", gzip.open(file.path)) if is_packed else file.path.open("rb")


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk


def _nifti_layout(file: NamedFile, header: bytes) -> NiftiLayout:
    """Offset and extent of the voxels, from a NIfTI-1 or NIfTI-2 header of either byte order."""
    for order in "<>":
        (length,) = struct.unpack_from(f"{order}i", header)
        if length == NIFTI1_HEADER_BYTES:
            sizes = struct.unpack_from(f"{order}8h", header, 40)
            data_type, bits = struct.unpack_from(f"{order}2h", header, 70)
            (offset,) = struct.unpack_from(f"{order}f", header, 108)
        elif length == NIFTI2_HEADER_BYTES:
            sizes = struct.unpack_from(f"{order}8q", header, 16)
            data_type, bits = struct.unpack_from(f"{order}2h", header, 12)
            (offset,) = struct.unpack_from(f"{order}q", header, 168)
        else:
            continue
        voxel_bytes = math.prod(sizes[1 : 1 + sizes[0]]) * bits // 8
        if not 0 <= offset + voxel_bytes <= MAX_UNPACKED_BYTES:
            raise _too_large(file)
        float_type = FLOAT_TYPES.get(data_type)
        return NiftiLayout(int(offset), voxel_bytes, order + float_type if float_type else None)
    raise UnreadableFile(f"{file.name} is not a NIfTI volume, or is damaged; export it again.", files=[file.name])


def _is_finite(chunk: bytes, float_type: str) -> bool:
    whole = len(chunk) // int(float_type[-1]) * int(float_type[-1])
    return bool(np.isfinite(np.frombuffer(chunk[:whole], float_type)).all())


def _metaimage_fields(start: bytes) -> tuple[dict[str, str], int]:
    """Fields of the text header and where the pixels begin.

    Strict on purpose: a header that this reads otherwise than the library could smuggle in the name of a file.
    """
    fields: dict[str, str] = {}
    place = 0
    while match := HEADER_LINE.match(start, place):
        key = match.group().split(b"=")[0].strip().decode()
        fields[key] = match.group(1).strip().decode("latin-1")
        place = match.end()
        if key == "ElementDataFile":
            break
    return fields, place
