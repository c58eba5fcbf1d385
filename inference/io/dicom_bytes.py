"""Is a DICOM file whole? Told from lengths alone, without decoding a pixel."""

import io
from typing import BinaryIO

from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from inference.errors import UnreadableFile
from inference.io.files import NamedFile

UNDEFINED_LENGTH = 0xFFFFFFFF
ITEM = b"\xfe\xff\x00\xe0"
SEQUENCE_DELIMITER = b"\xfe\xff\xdd\xe0"
#: Tag, value representation and length before the pixels; two bytes fewer matter to nobody.
PIXEL_ELEMENT_HEADER_BYTES = 8


def refuse_truncated(file: NamedFile, dataset: Dataset, stream: BinaryIO) -> None:
    """Compare what the header promises with the bytes behind it; `stream` stands at the pixel element.

    Raises:
        UnreadableFile: no pixels, or not all of them.
    """
    syntax = dataset.file_meta.get("TransferSyntaxUID") if hasattr(dataset, "file_meta") else None
    # A deflated file that was cut off does not inflate, which is noticed before.
    if syntax == DeflatedExplicitVRLittleEndian or not dataset.get("Rows"):
        return
    left = _bytes_left(stream)
    if not left:
        raise UnreadableFile(f"{file.name} holds a header but no pixels; send it again.", files=[file.name])
    is_whole = (
        _fragments_end(stream)
        if syntax is not None and syntax.is_compressed
        else left - PIXEL_ELEMENT_HEADER_BYTES >= _uncompressed_bytes(dataset)
    )
    if not is_whole:
        raise UnreadableFile(
            f"{file.name} is cut off: part of its pixels is missing; send it again.", files=[file.name]
        )


def _bytes_left(stream: BinaryIO) -> int:
    here = stream.tell()
    end = stream.seek(0, io.SEEK_END)
    stream.seek(here)
    return end - here


def _uncompressed_bytes(dataset: Dataset) -> int:
    frames = int(dataset.get("NumberOfFrames") or 1)
    samples = int(dataset.get("SamplesPerPixel") or 1)
    return int(dataset.Rows) * int(dataset.Columns) * samples * frames * int(dataset.BitsAllocated) // 8


def _fragments_end(stream: BinaryIO) -> bool:
    """Walk the fragments of encapsulated pixels (PS3.5 A.4) to their delimiter."""
    element = stream.read(12)
    if int.from_bytes(element[8:12], "little") != UNDEFINED_LENGTH:
        return True
    left = _bytes_left(stream)
    while header := stream.read(8):
        if header[:4] == SEQUENCE_DELIMITER:
            return True
        length = int.from_bytes(header[4:], "little")
        left -= 8 + length
        if header[:4] != ITEM or left < 0:
            return False
        stream.seek(length, io.SEEK_CUR)
    return False
