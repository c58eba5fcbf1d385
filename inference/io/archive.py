"""Zip archives from strangers: opened only inside a folder of ours and within stated limits."""

import errno
import lzma
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from inference.errors import UnsafeArchive
from inference.io.files import NamedFile, Rejection
from inference.io.volume_file import volume_suffix

#: A folder of CT compresses two to four times; a bomb a thousand times.
MAX_RATIO = 100
MAX_MEMBERS = 20_000
MAX_UNPACKED_BYTES = 8 * 1024**3
#: Below this size a high ratio is harmless (an empty mask, a text file).
RATIO_MATTERS_ABOVE_BYTES = 50 * 1024**2
ENCRYPTED = 0x1
#: What zipfile and its decompressors raise on damaged archives: among others, names that are no UTF-8 or empty.
DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError),
    *(ValueError, RuntimeError, IndexError, OverflowError),
)
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def expand(files: Sequence[NamedFile], into: Path) -> tuple[list[NamedFile], list[Rejection]]:
    """Replace each zip among `files` by its members, unpacked below `into`; refused archives are answered for.

    Members carry the name `archive.zip/path/in/archive`.
    """
    opened: list[NamedFile] = []
    rejected: list[Rejection] = []
    for number, file in enumerate(files):
        if not zipfile.is_zipfile(file.path):
            opened.append(file)
            continue
        try:
            opened.extend(open_archive(file, into / str(number)))
        except UnsafeArchive as refusal:
            rejected.append(Rejection.of(file, refusal))
    return opened, rejected


def open_archive(file: NamedFile, into: Path) -> list[NamedFile]:
    """Unpack one zip below `into`.

    Raises:
        UnsafeArchive: encrypted, damaged, too large when unpacked, or with members that point elsewhere.
        OSError: the disk is full.
    """
    try:
        with zipfile.ZipFile(file.path) as archive:
            members = [member for member in archive.infolist() if _is_wanted(member)]
            _check(file.name, members)
            return [_unpack(archive, member, file.name, into, n) for n, member in enumerate(members)]
    except DAMAGE as damage:
        if isinstance(damage, OSError) and damage.errno in FULL:
            raise
        raise UnsafeArchive(
            f"{file.name} is damaged or packed in a way that cannot be read; pack the folder again as a plain zip.",
            files=[file.name],
        ) from damage


def _path_in(member: zipfile.ZipInfo) -> PurePosixPath:
    """The member's path; some packers write it with backslashes."""
    return PurePosixPath(member.filename.replace("\\", "/"))


def _is_wanted(member: zipfile.ZipInfo) -> bool:
    parts = _path_in(member).parts
    hidden = any(part.startswith(".") and part not in {".", ".."} for part in parts)
    return not (member.is_dir() or hidden or "__MACOSX" in parts)


def _check(name: str, members: list[zipfile.ZipInfo]) -> None:
    if not members:
        raise UnsafeArchive(f"{name} is an empty archive; send the folder of the scan.", files=[name])
    if any(member.flag_bits & ENCRYPTED for member in members):
        raise UnsafeArchive(f"{name} is protected by a password; send it without one.", files=[name])
    if any(_points_elsewhere(member) for member in members):
        raise UnsafeArchive(
            f"{name} holds paths or links that lead outside the archive, and was not opened; pack the folder again.",
            files=[name],
        )
    unpacked = sum(member.file_size for member in members)
    packed = max(1, sum(member.compress_size for member in members))
    too_dense = unpacked > RATIO_MATTERS_ABOVE_BYTES and unpacked / packed > MAX_RATIO
    if too_dense or unpacked > MAX_UNPACKED_BYTES or len(members) > MAX_MEMBERS:
        raise UnsafeArchive(
            f"{name} would unpack to {unpacked / 1024**2:.0f} MiB in {len(members)} files, which is more than a scan "
            "can be, and was not opened; send one series an archive.",
            files=[name],
        )


def _points_elsewhere(member: zipfile.ZipInfo) -> bool:
    path = _path_in(member)
    is_link = stat.S_ISLNK(member.external_attr >> 16)
    return is_link or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, into: Path, number: int) -> NamedFile:
    into.mkdir(parents=True, exist_ok=True)
    # The member's own name never becomes a path on disk.
    path = into / f"{number:06d}{volume_suffix(member.filename)}"
    with archive.open(member) as source, path.open("wb") as target:
        shutil.copyfileobj(source, target, 1024 * 1024)
    return NamedFile(f"{name}/{member.filename}", path)
