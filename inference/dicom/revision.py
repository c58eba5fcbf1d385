"""Which result a DICOM object states, and identifiers that never change. Light: web processes use it too."""

import hashlib
from dataclasses import dataclass

MANUFACTURER, MODEL = "LungTrend", "LungTrend"
SERIES_NUMBERS = {"seg": 9001, "sr": 9002, "sc": 9003, "pdf": 9004}
#: Of the 64 characters of a UID, `2.25.` and a 128-bit number take 44 at most.
UID_PREFIX = "2.25."


@dataclass(frozen=True, slots=True)
class Revision:
    """Which result this is. `key` identifies it for ever, so that its DICOM identifiers never change."""

    key: str
    pipeline: str
    version: str
    #: Who corrected it last; empty for what a pipeline made.
    reader: str = ""

    def uid(self, role: str) -> str:
        """A UID of this revision for one role, the same whenever it is asked for (PS3.5 B.2)."""
        digest = hashlib.sha256(f"{self.key}\n{role}".encode()).digest()
        return UID_PREFIX + str(int.from_bytes(digest[:16], "big"))
