"""Zips from strangers."""

import errno
import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from inference.errors import UnsafeArchive
from inference.io import NamedFile, expand
from inference.io.archive import open_archive


def archive(path: Path, **members: bytes) -> NamedFile:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return NamedFile(path.name, path)


def test_members_are_unpacked_under_names_of_ours(tmp_path: Path) -> None:
    file = archive(tmp_path / "a.zip", **{"x/IM1": b"one", "__MACOSX/._IM1": b"", ".DS_Store": b""})
    (member,) = open_archive(file, tmp_path / "into")
    assert (member.name, member.path.read_bytes()) == ("a.zip/x/IM1", b"one")
    assert member.path.parent == tmp_path / "into"


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "x/../../evil", "C:/evil", "..\\evil"])
def test_paths_that_lead_outside_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsafeArchive, match="outside"):
        open_archive(archive(tmp_path / "a.zip", **{name: b"x"}), tmp_path / "into")
    assert not (tmp_path / "into").exists()


def test_links_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as target:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        target.writestr(info, "/etc/passwd")
    with pytest.raises(UnsafeArchive, match="links"):
        open_archive(NamedFile("a.zip", path), tmp_path / "into")


def test_a_bomb_is_not_opened(tmp_path: Path) -> None:
    file = archive(tmp_path / "bomb.zip", zeros=bytes(200 * 1024 * 1024))
    with pytest.raises(UnsafeArchive, match="more than a scan can be"):
        open_archive(file, tmp_path / "into")


def test_an_encrypted_zip_is_named(tmp_path: Path) -> None:
    path = archive(tmp_path / "secret.zip", IM1=b"content").path
    content = bytearray(path.read_bytes())
    content[6:8] = struct.pack("<H", 1)
    content[content.find(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(UnsafeArchive, match="password"):
        open_archive(NamedFile("secret.zip", path), tmp_path / "into")


def test_a_damaged_zip_is_answered_for_and_others_go_on(tmp_path: Path) -> None:
    good = archive(tmp_path / "good.zip", IM1=b"x" * 5000)
    buffer = io.BytesIO(good.path.read_bytes())
    broken = bytearray(buffer.getvalue())
    broken[40:44] = b"\0\0\0\0"
    bad = NamedFile("bad.zip", tmp_path / "bad.zip")
    bad.path.write_bytes(broken)
    members, rejected = expand([bad, good], tmp_path / "into")
    assert [member.name for member in members] == ["good.zip/IM1"]
    assert [(r.file, r.code) for r in rejected] == [("bad.zip", "unsafe-archive")]


def test_names_that_are_no_utf8_are_damage(tmp_path: Path) -> None:
    file = archive(tmp_path / "a.zip", Übersicht=b"x")
    file.path.write_bytes(file.path.read_bytes().replace("Ü".encode(), b"\xc3\x28"))
    with pytest.raises(UnsafeArchive, match="damaged"):
        open_archive(file, tmp_path / "into")


def test_a_full_disk_is_no_damage_of_the_archive(tmp_path: Path, monkeypatch) -> None:
    file = archive(tmp_path / "a.zip", one=b"x")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(OSError, match="No space left"):
        open_archive(file, tmp_path / "into")
