"""Who the sender says the patient is."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Self

from inference.io import PatientIdentity


@dataclass(frozen=True, slots=True)
class PatientClaim:
    """Identity as stated by a person or by the files. Empty strings and None mean not stated."""

    mrn: str
    issuer: str = ""
    name: str = ""
    birth_date: date | None = None
    sex: str = ""

    @classmethod
    def of_header(cls, identity: PatientIdentity) -> Self | None:
        """The identity in a DICOM header; None when it names no record number."""
        if not identity.mrn:
            return None
        try:
            born = date.fromisoformat(identity.birth_date) if identity.birth_date else None
        except ValueError:
            born = None
        return cls(identity.mrn[:64], identity.issuer[:64], identity.name[:200], born, identity.sex)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self | None:
        """Inverse of `as_json`; None for an empty dict."""
        if not fields:
            return None
        born = fields["birth_date"]
        return cls(
            fields["mrn"], fields["issuer"], fields["name"], date.fromisoformat(born) if born else None, fields["sex"]
        )

    def as_json(self) -> dict[str, str | None]:
        """For the upload's row."""
        born = self.birth_date.isoformat() if self.birth_date else None
        return {"mrn": self.mrn, "issuer": self.issuer, "name": self.name, "birth_date": born, "sex": self.sex}
