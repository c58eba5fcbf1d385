"""Bodies of many parts, `multipart/related` (PS3.18 8.6): written piece by piece, and read into files."""

import secrets
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.utils.http import parse_header_parameters
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

CHUNK_BYTES = 1024 * 1024


class BadMultipart(Exception):
    """A body that is not what its header says."""


def multipart_answer(parts: Iterable[tuple[str, bytes]], kind: str) -> StreamingHttpResponse:
    """An answer of parts, each its content type and its content; `kind` is the type all of them have."""
    boundary = secrets.token_hex(16)
    answer = StreamingHttpResponse(
        _in_threads(_written(parts, boundary)),
        content_type=f'multipart/related; type="{kind}"; boundary={boundary}',
    )
    answer["Cache-Control"] = "private, no-store"
    return answer


def _written(parts: Iterable[tuple[str, bytes]], boundary: str) -> Iterator[bytes]:
    for content_type, content in parts:
        head = f"--{boundary}\r\nContent-Type: {content_type}\r\nContent-Length: {len(content)}\r\n\r\n"
        yield head.encode() + content + b"\r\n"
    yield f"--{boundary}--\r\n".encode()


async def _in_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Reading files must not hold up the event loop, and a whole study must not lie in memory."""

    def following() -> bytes | None:
        return next(pieces, None)

    while (piece := await sync_to_async(following, thread_sensitive=False)()) is not None:
        yield piece


@dataclass
class _Part:
    headers: dict[str, str] = field(default_factory=dict)
    file: IO[bytes] | None = None


class _Reader:
    """Callbacks of the parser: headers into memory, content into files."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder, self._left = folder, limit_bytes
        self._part, self._name, self._value = _Part(), b"", b""
        self.ready: list[tuple[str, Path]] = []
        self.is_complete = False

    def callbacks(self) -> "MultipartCallbacks":
        """By the parser's names."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        # Closed when the part ends, or with the reader when the body breaks off.
        self._part = _Part({}, tempfile.NamedTemporaryFile(dir=self._folder, delete=False))  # noqa: SIM115

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._part.headers[self._name.decode("latin-1").lower()] = self._value.decode("latin-1")
        self._name = self._value = b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._left -= end - start
        if self._left < 0:
            raise BadMultipart("The body is larger than this server takes; send fewer instances at a time.")
        if self._part.file is not None:
            self._part.file.write(data[start:end])

    def _end(self) -> None:
        if self._part.file is not None:
            self._part.file.close()
            self.ready.append((self._part.headers.get("content-type", ""), Path(self._part.file.name)))

    def _finish(self) -> None:
        self.is_complete = True


def read_parts(stream: Any, content_type: str, folder: Path, *, limit_bytes: int) -> Iterator[tuple[str, Path]]:
    """Content type and file of each part of a request's body, as they come in.

    Raises:
        BadMultipart: no boundary, a broken or cut off body, or one larger than `limit_bytes`.
    """
    _, parameters = parse_header_parameters(content_type)
    boundary = parameters.get("boundary", "")
    if not boundary:
        raise BadMultipart("The Content-Type names no boundary.")
    reader = _Reader(folder, limit_bytes)
    parser = MultipartParser(boundary.encode(), reader.callbacks())
    try:
        while chunk := stream.read(CHUNK_BYTES):
            parser.write(chunk)
            yield from reader.ready
            reader.ready.clear()
    except FormParserError as damage:
        raise BadMultipart("The body is not what its boundary says.") from damage
    if not reader.is_complete:
        raise BadMultipart("The body ends before its last boundary.")
