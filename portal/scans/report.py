"""The report of one revision as PDF: flag sentence, figures, course, key slices, and what measured them."""

import io
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from numpy.typing import NDArray
from PIL import Image as Picture
from reportlab.graphics.charts.lineplots import LinePlot
from reportlab.graphics.shapes import Drawing, String
from reportlab.graphics.widgets.markers import makeMarker
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Image, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from inference.io import read_mask
from inference.pictures import tinted
from portal.scans.files import has_volume, mask_path, volume_key
from portal.scans.models import Origin, Segmentation
from portal.scans.said import said
from portal.scans.selectors import Timeline, TimelinePoint, leading_change, timeline_of
from portal.scans.signing import signature_lines
from portal.scans.storage import path_of
from portal.scans.wording import QUALIFIER_TEXT, change_sentence, format_hours, format_ml, format_number

KEY_SLICES = 3
#: Key slices lie at least this share of the scan apart, so that they show different places.
APART_SHARE = 0.08
INK, MUTED, ALERT = colors.HexColor("#15202b"), colors.HexColor("#5b6b7a"), colors.HexColor("#b42318")
COURSE_POINTS = 12
LOBES = ("RUL", "RML", "RLL", "LUL", "LLL")

_SHEET = getSampleStyleSheet()
TITLE = ParagraphStyle("title", parent=_SHEET["Title"], alignment=0, fontSize=17, spaceAfter=2, textColor=INK)
HEADING = ParagraphStyle("heading", parent=_SHEET["Heading2"], fontSize=11, spaceBefore=8, spaceAfter=3, textColor=INK)
BODY = ParagraphStyle("body", parent=_SHEET["BodyText"], fontSize=9, leading=12, textColor=INK)
SMALL = ParagraphStyle("small", parent=BODY, fontSize=7.5, leading=10, textColor=MUTED)
FLAG = ParagraphStyle("flag", parent=BODY, fontSize=11, leading=15, textColor=ALERT, fontName="Helvetica-Bold")


def report_pdf(revision: Segmentation) -> bytes:
    """The report of one revision of a scan, with the patient's course as it is derived now."""
    timeline = timeline_of(revision.scan.patient)
    buffer = io.BytesIO()
    document = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        leftMargin=18 * mm,
        rightMargin=18 * mm,
        topMargin=16 * mm,
        bottomMargin=18 * mm,
        title=_("LungTrend report, revision %(number)s") % {"number": revision.number},
        author="LungTrend",
        invariant=True,
    )
    story = [
        *_head(revision),
        *_finding(revision),
        Paragraph(_("Measurements"), HEADING),
        _figures(revision.measurement.details),
        *_course(timeline),
        *_key_slices(revision),
        *_provenance(revision),
    ]
    document.build(story, onFirstPage=_footer, onLaterPages=_footer)
    return buffer.getvalue()


def _paragraph(text: str, style: ParagraphStyle = BODY) -> Paragraph:
    """Text as it is: names from DICOM headers must not be read as markup."""
    return Paragraph(escape(text), style)


def _when(moment: Any) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M %Z}" if moment else _("time unknown")


def _head(revision: Segmentation) -> list[Flowable]:
    scan, patient = revision.scan, revision.scan.patient
    born = _(", born %(birth_date)s") % {"birth_date": patient.birth_date} if patient.birth_date else ""
    return [
        _paragraph(_("Infection of the lungs on chest CT"), TITLE),
        _paragraph(f"{patient.name or 'Unnamed patient'} · {patient.mrn}{born}"),
        _paragraph(
            _("Acquired %(acquired_at)s · %(slice_count)s slices · %(thickness_mm)s mm · %(description)s")
            % {
                "acquired_at": _when(scan.acquired_at),
                "slice_count": scan.slice_count,
                "thickness_mm": f"{scan.slice_thickness_mm or 0:g}",
                "description": scan.description or _("no series description"),
            },
            SMALL,
        ),
        Spacer(1, 3 * mm),
    ]


def _finding(revision: Segmentation) -> list[Flowable]:
    change = leading_change(revision)
    measured = revision.measurement
    lines: list[Flowable] = []
    if change is not None:
        lines.append(_paragraph(change_sentence(change), FLAG if change.flag else BODY))
        lines += [_paragraph(str(QUALIFIER_TEXT[qualifier]), SMALL) for qualifier in change.qualifiers]
    lines.append(
        _paragraph(
            _(
                "Infected volume %(infected_ml)s of %(lung_ml)s lung (%(poi_percent)s %%); "
                "CT severity score %(severity_score)s of 25."
            )
            % {
                "infected_ml": format_ml(measured.infected_ml),
                "lung_ml": format_ml(measured.lung_ml),
                "poi_percent": format_number(measured.poi_percent, 1),
                "severity_score": measured.severity_score,
            }
        )
    )
    return lines


def _figures(details: dict[str, Any]) -> Table:
    rows = [["", _("Volume"), _("Infected"), _("Share"), _("Score")]]
    rows.append(_row(_("Both lungs"), {**details, "ml": details["lung_ml"], "score": details["severity_score"]}))
    rows += [_row(f"{side.capitalize()} lung", details["lungs"][side]) for side in ("right", "left")]
    rows += [_row(lobe, details["lobes"][lobe]) for lobe in LOBES]
    composition = details["composition"]
    rows.append([_("Ground-glass"), "", format_ml(composition["ground_glass_ml"]), "", ""])
    rows.append([_("Consolidation"), "", format_ml(composition["consolidation_ml"]), "", ""])
    rows.append([_("Pleural effusion"), format_ml(composition["effusion_ml"]), "", "", ""])
    return _table(rows, [46, 32, 32, 26, 22])


def _row(name: str, region: dict[str, Any]) -> list[str]:
    score = region.get("score")
    return [
        name,
        format_ml(region["ml"]),
        format_ml(region["infected_ml"]),
        f"{format_number(region['poi_percent'], 1)} %",
        "" if score is None else str(score),
    ]


def _table(rows: Sequence[Sequence[str]], widths_mm: Sequence[float]) -> Table:
    table = Table([list(row) for row in rows], colWidths=[width * mm for width in widths_mm], hAlign="LEFT")
    table.setStyle(
        TableStyle(
            [
                ("FONTSIZE", (0, 0), (-1, -1), 8.5),
                ("TEXTCOLOR", (0, 0), (-1, -1), INK),
                ("TEXTCOLOR", (0, 0), (-1, 0), MUTED),
                ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
                ("LINEBELOW", (0, 0), (-1, 0), 0.6, MUTED),
                ("TOPPADDING", (0, 0), (-1, -1), 1.6),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 1.6),
            ]
        )
    )
    return table


def _course(timeline: Timeline) -> list[Flowable]:
    points = timeline.points[-COURSE_POINTS:]
    if len(points) < 2:
        return []
    rows = [[_("Acquired"), _("After"), _("Infected"), _("Change"), _("Share"), _("Lung")]]
    for before, point in zip((None, *points[:-1]), points, strict=True):
        rows.append(_course_row(before, point))
    drawing = _chart(points)
    return [Paragraph(_("Course"), HEADING), KeepTogether([drawing]), _table(rows, [44, 24, 28, 24, 22, 26])]


def _course_row(before: TimelinePoint | None, point: TimelinePoint) -> list[str]:
    measured = point.measurement
    hours, change = "", ""
    if before is not None:
        hours = format_hours(_hours_since(before, point))
        earlier_ml = before.measurement.infected_ml
        change = f"{measured.infected_ml / earlier_ml - 1:+.0%}" if earlier_ml else _("no ratio")
    return [
        _when(point.scan.acquired_at),
        hours,
        format_ml(measured.infected_ml),
        change,
        f"{measured.poi_percent:.1f} %",
        format_ml(measured.lung_ml),
    ]


def _hours_since(before: TimelinePoint, point: TimelinePoint) -> float:
    earlier, later = before.scan.acquired_at, point.scan.acquired_at
    return (later - earlier).total_seconds() / 3600 if earlier and later else 0.0


def _chart(points: Sequence[TimelinePoint]) -> Drawing:
    data = [(_hours_since(points[0], point), point.measurement.infected_ml) for point in points]
    drawing = Drawing(170 * mm, 44 * mm)
    plot = LinePlot()
    plot.x, plot.y, plot.width, plot.height = 12 * mm, 8 * mm, 150 * mm, 31 * mm
    plot.data = [data]
    plot.lines[0].strokeColor = ALERT
    plot.lines[0].symbol = makeMarker("Circle")
    plot.yValueAxis.valueMin = 0
    plot.yValueAxis.valueMax = 1.15 * max(1.0, *(ml for _hours, ml in data))
    plot.xValueAxis.valueMin = 0
    for axis in (plot.xValueAxis, plot.yValueAxis):
        axis.labels.fontSize = 7
        axis.labelTextFormat = "%.0f"
    drawing.add(plot)
    drawing.add(String(0, 41 * mm, _("Infected volume (ml) by hours since the first scan shown"), fontSize=7.5))
    return drawing


def _key_slices(revision: Segmentation) -> list[Flowable]:
    by_slice = np.asarray(revision.measurement.details.get("infected_by_slice_ml", []), float)
    if not has_volume(revision.scan) or not by_slice.any():
        return []
    volume = np.load(path_of(volume_key(revision.scan)), mmap_mode="r", allow_pickle=False)
    kinds = read_mask(mask_path(revision, "infection")).labels
    chosen = key_slices(by_slice)
    _slice_mm, row_mm, column_mm = revision.scan.geometry["spacing_zyx_mm"]
    width = 54 * mm
    height = width * (volume.shape[1] * row_mm) / (volume.shape[2] * column_mm)
    pictures = [Image(_picture(volume[z], kinds[z]), width=width, height=height) for z in chosen]
    labels = [
        _paragraph(
            _("Slice %(number)s of %(count)s · %(infected)s")
            % {"number": z + 1, "count": len(volume), "infected": format_ml(by_slice[z])},
            SMALL,
        )
        for z in chosen
    ]
    table = Table([pictures, labels], colWidths=[57 * mm] * len(chosen), hAlign="LEFT")
    legend = _paragraph(_("Orange: ground-glass. Red: consolidation. Blue: effusion. Lung window."), SMALL)
    return [KeepTogether([Paragraph(_("Key slices"), HEADING), table, legend])]


def key_slices(infected_by_slice_ml: NDArray[np.float64]) -> list[int]:
    """The slices with most infection, some distance from each other, in order."""
    apart = max(1, round(APART_SHARE * len(infected_by_slice_ml)))
    chosen: list[int] = []
    for z in np.argsort(-infected_by_slice_ml, kind="stable").tolist():
        if infected_by_slice_ml[z] <= 0 or len(chosen) == KEY_SLICES:
            break
        if all(abs(z - other) >= apart for other in chosen):
            chosen.append(z)
    return sorted(chosen)


def _picture(hu: NDArray[np.int16], kinds: NDArray[np.uint8]) -> io.BytesIO:
    """One slice with its infection tinted, as PNG."""
    buffer = io.BytesIO()
    Picture.fromarray(tinted(hu, kinds)).save(buffer, "PNG")
    buffer.seek(0)
    return buffer


def _provenance(revision: Segmentation) -> list[Flowable]:
    made = _("Revision %(number)s by %(pipeline)s %(pipeline_version)s") % {
        "number": revision.number,
        "pipeline": revision.pipeline,
        "pipeline_version": revision.pipeline_version,
    }
    if revision.origin == Origin.READER and revision.author:
        made += _(", corrected by %(username)s: %(reason)s") % {
            "username": revision.author.get_full_name() or revision.author.username,
            "reason": revision.reason,
        }
    lines = [
        _paragraph(
            _("%(made)s, %(created_at)s. Weights SHA-256 %(weights)s.")
            % {"made": made, "created_at": _when(revision.created_at), "weights": revision.weights_sha256[:16]},
            SMALL,
        )
    ]
    lines += [_paragraph(said(note["text"]), SMALL) for note in revision.measurement.notes]
    lines += [_paragraph(line) for line in signature_lines(revision)]
    return [KeepTogether([Paragraph(_("How this was measured"), HEADING), *lines])]


def _footer(canvas: Any, document: Any) -> None:
    canvas.saveState()
    canvas.setFont("Helvetica", 7.5)
    canvas.setFillColor(MUTED)
    canvas.drawString(18 * mm, 10 * mm, f"LungTrend · {_(settings.RESEARCH_USE_NOTICE)}")
    canvas.drawRightString(A4[0] - 18 * mm, 10 * mm, _("Page %(page)s") % {"page": document.page})
    canvas.restoreState()
