"""The report as text, to be pasted into the hospital's report, and a radiologist's name under it."""

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, override

from portal.accounts.models import User
from portal.scans.errors import IntakeRefused, NotAllowed
from portal.scans.models import Origin, ReportSignature, Segmentation
from portal.scans.said import said
from portal.scans.selectors import leading_change
from portal.scans.wording import LOBE_NAMES, QUALIFIER_TEXT, change_sentence, format_ml, format_number

# For `settings.RESEARCH_USE_NOTICE`, which makemessages cannot see.
gettext_noop("For research use; not a medical device.")


def report_text(revision: Segmentation) -> str:
    """What the PDF says, in lines: finding, figures, remarks, and what measured them. It names no patient."""
    measured, scan = revision.measurement, revision.scan
    change = leading_change(revision)
    acquired = (
        f"{timezone.localtime(scan.acquired_at):%Y-%m-%d %H:%M %Z}" if scan.acquired_at else _("at an unknown time")
    )
    lines = [
        _("Chest CT acquired %(acquired)s, %(slice_count)s slices of %(thickness_mm)s mm.")
        % {"acquired": acquired, "slice_count": scan.slice_count, "thickness_mm": f"{scan.slice_thickness_mm or 0:g}"}
    ]
    if change is not None:
        lines.append(change_sentence(change))
        lines += [str(QUALIFIER_TEXT[qualifier]) for qualifier in change.qualifiers]
    lines.append(
        _(
            "Infected volume %(infected_ml)s of %(lung_ml)s lung (%(poi_percent)s %%); "
            "ground-glass %(ground_glass_ml)s, consolidation %(consolidation_ml)s, pleural effusion %(effusion_ml)s."
        )
        % {
            "infected_ml": format_ml(measured.infected_ml),
            "lung_ml": format_ml(measured.lung_ml),
            "poi_percent": format_number(measured.poi_percent, 1),
            "ground_glass_ml": format_ml(measured.ground_glass_ml),
            "consolidation_ml": format_ml(measured.consolidation_ml),
            "effusion_ml": format_ml(measured.effusion_ml),
        }
    )
    lobes = ", ".join(
        f"{name.lower()} {format_number(measured.details['lobes'][lobe]['poi_percent'], 1)} %"
        for lobe, name in LOBE_NAMES.items()
    )
    lines.append(
        _("Infected share by lobe: %(lobes)s. CT severity score %(severity_score)s of 25.")
        % {"lobes": lobes, "severity_score": measured.severity_score}
    )
    lines += [said(note["text"]) for note in measured.notes]
    made = _("Measured by LungTrend %(pipeline)s %(pipeline_version)s, revision %(number)s") % {
        "pipeline": revision.pipeline,
        "pipeline_version": revision.pipeline_version,
        "number": revision.number,
    }
    if revision.origin == Origin.READER and revision.author:
        made += _(", corrected by %(username)s") % {
            "username": revision.author.get_full_name() or revision.author.username
        }
    return "\n".join([*lines, f"{made}. {_(settings.RESEARCH_USE_NOTICE)}"])


@transaction.atomic
def sign_report(*, by: User, revision: Segmentation, text: str) -> ReportSignature:
    """Sign a report as it was shown. Revisions never change, so the ones it cites are frozen with it.

    Raises:
        NotAllowed: only radiologists sign.
        IntakeRefused: the report reads otherwise by now, or this person has signed it already.
    """
    if not by.is_radiologist:
        raise NotAllowed(_("Only radiologists sign reports."))
    if _lines(text) != _lines(report_text(revision)):
        raise IntakeRefused(_("The report has changed since the page was opened; read it again before you sign."))
    if any(_lines(one.text) == _lines(text) for one in revision.signatures.filter(by=by)):
        raise IntakeRefused(_("You have signed this report already."))
    change = leading_change(revision)
    return ReportSignature.objects.create(
        revision=revision, compared_with_id=change.before.revision if change else None, by=by, text=text.strip()
    )


def _lines(text: str) -> list[str]:
    """Browsers send other ends of lines than they were given."""
    return text.strip().splitlines()


def _in_language(code: str, revision: Segmentation) -> str:
    with override(code):
        return report_text(revision)


def signature_lines(revision: Segmentation) -> list[str]:
    """Who signed, when, and whether the report has changed since."""
    signatures = list(revision.signatures.select_related("by"))
    if not signatures:
        return []
    # Signed in one language, looked at in another, it is the same report.
    now = [_lines(_in_language(code, revision)) for code, _name in settings.LANGUAGES]
    return [
        _("Signed by %(username)s, %(at)s")
        % {
            "username": one.by.get_full_name() or one.by.username,
            "at": f"{timezone.localtime(one.at):%Y-%m-%d %H:%M %Z}",
        }
        + ("." if _lines(one.text) in now else _("; the comparison has changed since."))
        for one in signatures
    ]
