"""DICOM unique identifiers that can be trusted: real series carry UUIDs, or nothing, in their place."""

import hashlib
import re
import uuid

VALID_UID = re.compile(r"^(0|[1-9]\d*)(\.(0|[1-9]\d*))+$")
MAX_UID_LENGTH = 64


def is_valid_uid(value: str) -> bool:
    """Whether `value` obeys PS3.5 section 9.1."""
    return len(value) <= MAX_UID_LENGTH and VALID_UID.match(value) is not None


def safe_uid(value: str, *, otherwise: str) -> str:
    """`value` if it is a valid UID; a UUID as `2.25.<integer>`; else one derived from value and `otherwise`.

    The same input always gives the same UID, so that a series sent twice stays one series.
    """
    value = value.strip()
    if is_valid_uid(value):
        return value
    try:
        return f"2.25.{uuid.UUID(value).int}"
    except ValueError:
        digest = hashlib.sha256(f"{value}\n{otherwise}".encode()).digest()
        return f"2.25.{int.from_bytes(digest[:16], 'big')}"
