"""What a client takes: media types and transfer syntaxes of the Accept header (PS3.18 8.7)."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.http import parse_header_parameters
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from rest_framework.request import Request

DICOM, OCTETS, ANY = "application/dicom", "application/octet-stream", "*/*"
#: Media type of one frame as it is stored (PS3.18 table 8.7.3-5).
MEDIA_TYPE_OF_FRAME = {
    JPEGBaseline8Bit: "image/jpeg",
    JPEGExtended12Bit: "image/jpeg",
    JPEGLossless: "image/jpeg",
    JPEGLosslessSV1: "image/jpeg",
    JPEGLSLossless: "image/jls",
    JPEGLSNearLossless: "image/jls",
    JPEG2000Lossless: "image/jp2",
    JPEG2000: "image/jp2",
    RLELossless: "image/dicom-rle",
}
#: What any object can be given out in; besides, every object can be had as it is stored.
PLAIN = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)


class NotAcceptable(Exception):
    """Nothing that the client takes can be made; `str(error)` says what can."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing a client takes. `syntax` is a UID, `*` for as stored, or empty where none is named."""

    media_type: str
    syntax: str
    is_multipart: bool


def wanted_by(request: Request) -> list[Wanted]:
    """What the client takes, the most wanted first; anything where it says nothing."""
    header = request.query_params.get("accept") or request.headers.get("Accept") or ANY
    found = [(quality, wanted) for quality, wanted in _parsed(header) if quality > 0]
    return [wanted for _, wanted in sorted(found, key=lambda pair: -pair[0])]


def _parsed(header: str) -> Iterator[tuple[float, Wanted]]:
    for one in header.split(","):
        kind, parameters = parse_header_parameters(one.strip())
        is_multipart = kind == "multipart/related"
        try:
            quality = float(parameters.get("q", 1))
        except ValueError:
            quality = 0.0
        media_type = parameters.get("type", ANY) if is_multipart else kind
        yield quality, Wanted(media_type.lower(), parameters.get("transfer-syntax", ""), is_multipart)


def syntax_for_object(wanted: Wanted, stored: UID) -> UID | None:
    """In which transfer syntax to give out an object that is stored in another; None: not in this one.

    A client that names none gets explicit little endian (PS3.18 8.7.3.5.2).
    """
    if wanted.media_type not in (DICOM, ANY, "application/*"):
        return None
    if wanted.syntax == "*" or wanted.syntax == stored:
        return stored
    if not wanted.syntax:
        return ExplicitVRLittleEndian
    return UID(wanted.syntax) if wanted.syntax in PLAIN else None


def is_plain_frame(wanted: Wanted, stored: UID) -> bool | None:
    """Whether to give out a frame with plain pixels (True) or as stored (False); None: in neither way."""
    is_stored_plain = stored in (*PLAIN, DeflatedExplicitVRLittleEndian)
    as_stored = OCTETS if is_stored_plain else MEDIA_TYPE_OF_FRAME.get(stored, "")
    if wanted.media_type in (ANY, as_stored) and wanted.syntax in ("", "*", stored):
        return is_stored_plain
    if wanted.media_type in (OCTETS, ANY) and wanted.syntax in ("", "*", ExplicitVRLittleEndian):
        return True
    return None
