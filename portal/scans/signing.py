"""The report as text, to be pasted into the hospital's report, and a radiologist's name under it."""

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from portal.accounts.models import User
from portal.scans.errors import IntakeRefused, NotAllowed
from portal.scans.models import Origin, ReportSignature, Segmentation
from portal.scans.selectors import leading_change
from portal.scans.wording import LOBE_NAMES, QUALIFIER_TEXT, change_sentence, format_ml


def report_text(revision: Segmentation) -> str:
    """What the PDF says, in lines: finding, figures, remarks, and what measured them. It names no patient."""
    measured, scan = revision.measurement, revision.scan
    change = leading_change(revision)
    acquired = f"{timezone.localtime(scan.acquired_at):%Y-%m-%d %H:%M %Z}" if scan.acquired_at else "at an unknown time"
    lines = [f"Chest CT acquired {acquired}, {scan.slice_count} slices of {scan.slice_thickness_mm or 0:g} mm."]
    if change is not None:
        lines.append(change_sentence(change))
        lines += [QUALIFIER_TEXT[qualifier] for qualifier in change.qualifiers]
    lines.append(
        f"Infected volume {format_ml(measured.infected_ml)} of {format_ml(measured.lung_ml)} lung "
        f"({measured.poi_percent:.1f} %); ground-glass {format_ml(measured.ground_glass_ml)}, consolidation "
        f"{format_ml(measured.consolidation_ml)}, pleural effusion {format_ml(measured.effusion_ml)}."
    )
    lobes = ", ".join(
        f"{name.lower()} {measured.details['lobes'][lobe]['poi_percent']:.1f} %" for lobe, name in LOBE_NAMES.items()
    )
    lines.append(f"Infected share by lobe: {lobes}. CT severity score {measured.severity_score} of 25.")
    lines += [note["text"] for note in measured.notes]
    made = f"Measured by LungTrend {revision.pipeline} {revision.pipeline_version}, revision {revision.number}"
    if revision.origin == Origin.READER and revision.author:
        made += f", corrected by {revision.author.get_full_name() or revision.author.username}"
    return "\n".join([*lines, f"{made}. {settings.RESEARCH_USE_NOTICE}"])


@transaction.atomic
def sign_report(*, by: User, revision: Segmentation, text: str) -> ReportSignature:
    """Sign a report as it was shown. Revisions never change, so the ones it cites are frozen with it.

    Raises:
        NotAllowed: only radiologists sign.
        IntakeRefused: the report reads otherwise by now, or this person has signed it already.
    """
    if not by.is_radiologist:
        raise NotAllowed("Only radiologists sign reports.")
    if _lines(text) != _lines(report_text(revision)):
        raise IntakeRefused("The report has changed since the page was opened; read it again before you sign.")
    if any(_lines(one.text) == _lines(text) for one in revision.signatures.filter(by=by)):
        raise IntakeRefused("You have signed this report already.")
    change = leading_change(revision)
    return ReportSignature.objects.create(
        revision=revision, compared_with_id=change.before.revision if change else None, by=by, text=text.strip()
    )


def _lines(text: str) -> list[str]:
    """Browsers send other ends of lines than they were given."""
    return text.strip().splitlines()


def signature_lines(revision: Segmentation) -> list[str]:
    """Who signed, when, and whether the report has changed since."""
    signatures = list(revision.signatures.select_related("by"))
    if not signatures:
        return []
    now = _lines(report_text(revision))
    return [
        f"Signed by {one.by.get_full_name() or one.by.username}, {timezone.localtime(one.at):%Y-%m-%d %H:%M %Z}"
        + ("." if _lines(one.text) == now else "; the comparison has changed since.")
        for one in signatures
    ]
