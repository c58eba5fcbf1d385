"""Attribute matching of searches (PS3.18 8.3.4, PS3.4 C.2.2.2). Pure: DICOM JSON in, yes or no out."""

import fnmatch
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword

Json = dict[str, dict[str, Any]]
TAG = re.compile(r"^[0-9A-Fa-f]{8}$")
DEFAULT_LIMIT, MOST = 100, 1000
PARAMETERS = frozenset({"limit", "offset", "includefield", "fuzzymatching", "accept"})
DATES_AND_TIMES = frozenset({"DA", "TM", "DT"})
#: Matched letter by letter, without wildcards.
EXACT = frozenset({"IS", "DS", "US", "SS", "UL", "SL"})


class BadQuery(Exception):
    """A search that cannot be understood; `str(error)` says why."""


@dataclass(frozen=True, slots=True)
class Query:
    """A search: wanted values by tag (8 hexadecimal digits), paging, and attributes to return besides."""

    wanted: Mapping[str, str] = field(default_factory=dict)
    offset: int = 0
    limit: int = DEFAULT_LIMIT
    include: frozenset[str] = frozenset()
    include_all: bool = False


def parse_query(parameters: Iterable[tuple[str, str]]) -> Query:
    """A search from the parameters of its address.

    Raises:
        BadQuery: a name is no DICOM attribute, or a number is none.
    """
    wanted: dict[str, str] = {}
    include: set[str] = set()
    include_all, offset, limit = False, 0, DEFAULT_LIMIT
    for name, value in parameters:
        if name == "includefield":
            names = [part for part in value.split(",") if part]
            include_all |= "all" in names
            include |= {_tag(part) for part in names if part != "all"}
        elif name == "offset":
            offset = _number(name, value)
        elif name == "limit":
            limit = min(_number(name, value), MOST)
        elif name not in PARAMETERS:
            wanted[_tag(name.split(".")[-1])] = value
    return Query(wanted, offset, limit, frozenset(include), include_all)


def _tag(name: str) -> str:
    if TAG.match(name):
        return name.upper()
    tag = tag_for_keyword(name)
    if tag is None:
        raise BadQuery(f"{name} is no DICOM attribute.")
    return f"{tag:08X}"


def _number(name: str, value: str) -> int:
    if not value.isdecimal():
        raise BadQuery(f"{name} must be a number that is not negative.")
    return int(value)


def matches(elements: Json, wanted: Mapping[str, str]) -> bool:
    """Whether a dataset has all wanted values. An empty value matches everything (universal matching)."""
    return all(not value or _has(elements.get(tag), tag, value) for tag, value in wanted.items())


def _has(element: dict[str, Any] | None, tag: str, value: str) -> bool:
    present = [_text(item) for item in (element or {}).get("Value", ())]
    vr = (element or {}).get("vr") or _vr(tag)
    if vr == "UI":
        return bool(set(re.split(r"[,\\]", value)) & set(present))
    if vr in DATES_AND_TIMES:
        return any(_in_range(item, value) for item in present)
    if vr in EXACT:
        return value in present
    fold = str.casefold if vr == "PN" else str
    return any(fnmatch.fnmatchcase(fold(item), _pattern(fold(value))) for item in present)


def _vr(tag: str) -> str:
    try:
        return dictionary_VR(int(tag, 16))
    except KeyError:
        return "LO"


def _text(item: Any) -> str:
    return str(item.get("Alphabetic", "")) if isinstance(item, dict) else str(item)


def _pattern(value: str) -> str:
    """DICOM knows * and ? alone."""
    return value.replace("[", "[[]")


def _in_range(item: str, value: str) -> bool:
    first, dash, last = value.partition("-")
    if not dash:
        return item.startswith(value.replace(":", "")) if len(value) < len(item) else item == value
    return (not first or item >= first) and (not last or item[: len(last)] <= last)
