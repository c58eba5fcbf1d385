"""Remarks that belong beside a figure: what a reader must know, with a stable code for programs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QualityNote:
    """`text` is one sentence for a clinician; `code` is stable, for example `slice-gap`."""

    code: str
    text: str

    def as_dict(self) -> dict[str, str]:
        """JSON types."""
        return {"code": self.code, "text": self.text}
