"""Which of the series that a scanner sends are analysed: chest, and one reconstruction of each acquisition.

Everything received is kept. What is not chosen becomes a scan without a job, with a note that says why.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from django.conf import settings

from inference.quality import QualityNote
from portal.scans.models import Scan

#: Thicknesses (mm) and kernels this close are the same preference; the scan that came first then stays the one.
SAME_THICKNESS_MM = 0.1


@dataclass(frozen=True, slots=True)
class RoutingRules:
    """What an installation wants analysed by itself.

    `body_parts` are words that Body Part Examined must hold where it is stated at all; empty: any part.
    `kernels` are beginnings of kernel names, the best first; kernels that are not named come after.
    """

    body_parts: tuple[str, ...] = ()
    slices: Literal["thin", "thick"] = "thin"
    kernels: tuple[str, ...] = ()


def configured_rules() -> RoutingRules:
    """The rules of this installation."""
    return RoutingRules(
        body_parts=tuple(settings.ROUTING_BODY_PARTS),
        slices="thick" if settings.ROUTING_SLICES == "thick" else "thin",
        kernels=tuple(settings.ROUTING_KERNELS),
    )


def route(scans: Iterable[Scan], rules: RoutingRules | None) -> list[Scan]:
    """The scans to analyse; without rules all. Others get a quality note.

    A reconstruction that came earlier counts: a worse one of the same acquisition is linked, a better one analysed.
    """
    scans = list(scans)
    if rules is None:
        return scans
    chosen = []
    for scan in scans:
        if not is_wanted(scan, rules):
            part = scan.body_part or "another part of the body"
            _note(scan, "other-body-part", f"Not analysed by itself: the scanner says that it shows {part}.")
        elif better := _better_one(scan, rules):
            name = better.description or f"{better.slice_thickness_mm or 0:g} mm"
            text = f"Not analysed by itself: another reconstruction of this acquisition ({name}) is."
            _note(scan, "other-reconstruction", text)
        else:
            chosen.append(scan)
    return chosen


def is_wanted(scan: Scan, rules: RoutingRules) -> bool:
    """Whether the scan shows a part of the body that is analysed, as far as it says."""
    stated = scan.body_part.upper()
    return not stated or not rules.body_parts or any(part.upper() in stated for part in rules.body_parts)


def preference(scan: Scan, rules: RoutingRules) -> tuple[float, float]:
    """Smaller is better: place of the kernel in the list, then thickness."""
    kernel = scan.kernel.upper()
    places = [place for place, name in enumerate(rules.kernels) if kernel.startswith(name.upper())]
    thickness = round((scan.slice_thickness_mm or 0.0) / SAME_THICKNESS_MM)
    return (min(places, default=len(rules.kernels)), thickness if rules.slices == "thin" else -thickness)


def _better_one(scan: Scan, rules: RoutingRules) -> Scan | None:
    """Another reconstruction of the same acquisition that is preferred, or as good and earlier."""
    if not scan.acquisition_key:
        return None
    others = Scan.objects.filter(patient=scan.patient_id, acquisition_key=scan.acquisition_key).exclude(pk=scan.pk)
    rivals = [other for other in others if is_wanted(other, rules)]
    own = (preference(scan, rules), scan.created_at)
    return min(
        (other for other in rivals if (preference(other, rules), other.created_at) < own),
        key=lambda other: (preference(other, rules), other.created_at),
        default=None,
    )


def _note(scan: Scan, code: str, text: str) -> None:
    note = QualityNote(code, text).as_dict()
    if note not in scan.quality:
        scan.quality = [*scan.quality, note]
        scan.save(update_fields=["quality"])
