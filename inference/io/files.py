"""Files as a person named them, and the answer for those that cannot be used."""

from dataclasses import dataclass
from pathlib import Path

from inference.errors import InferenceError


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file on disk and the name its sender gave it, which alone appears in messages."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one file became part of no scan."""

    file: str
    code: str
    reason: str

    @classmethod
    def of(cls, file: NamedFile, error: InferenceError) -> "Rejection":
        """The answer for `file` that `error` gives."""
        return cls(file.name, error.code, error.sentence)


#: First bytes of kinds of file that people send by mistake, with the word for them.
KNOWN_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BM", "a bitmap picture"),
    (b"{", "a text file"),
    (b"<", "a text file"),
)


def kind_of_content(start: bytes) -> str:
    """What a file that is not DICOM seems to be, in words; `start` holds its first bytes."""
    for magic, words in KNOWN_KINDS:
        if start.startswith(magic):
            return words
    try:
        text = start.decode()
    except UnicodeDecodeError:
        return "a file of unknown kind"
    return "a text file" if text.isprintable() or "\n" in text else "a file of unknown kind"
