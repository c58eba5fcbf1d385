"""`manage.py export_research_set FOLDER --by USERNAME`: patients' scans and masks without names."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.accounts.acting import acting_user
from portal.patients.access import visible_patients
from portal.scans.errors import NotExportable
from portal.scans.research import export_research_set


class Command(BaseCommand):
    """Export; what is there already stays."""

    help = "Write measured scans and their masks under pseudonyms, dates shifted. Each goes on record."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to, in whose name, which patients, and in which form."""
        parser.add_argument("folder", type=Path)
        parser.add_argument("--by", required=True, help="user in whose name, and within whose care teams, it happens")
        parser.add_argument("--patient", action="append", default=[], help="record number; may be given several times")
        parser.add_argument("--format", choices=("nifti", "dicom"), default="nifti", dest="form")
        parser.add_argument("--keep-characteristics", action="store_true", help="dicom: keep sex, age, size and weight")

    def handle(self, *args: Any, **options: Any) -> None:
        """Export, and say how many."""
        user = acting_user(options["by"])
        patients = visible_patients(user)
        if wanted := set(options["patient"]):
            patients = patients.filter(mrn__in=wanted)
            if unknown := wanted - set(patients.values_list("mrn", flat=True)):
                raise CommandError(f"{user.username} sees no patient {', '.join(sorted(unknown))}.")
        try:
            count = export_research_set(
                by=user,
                patients=patients,
                target=options["folder"],
                form=options["form"],
                keeps_characteristics=options["keep_characteristics"],
            )
        except OSError as trouble:
            raise CommandError(f"The set could not be written to {options['folder']}: {trouble.strerror}.") from trouble
        except NotExportable as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"{count} new cases in {options['folder']}")
