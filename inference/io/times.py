"""The acquisition time, from the attributes that can carry it, in order of trust (PS3.3 C.7.3.1, C.7.6.1)."""

import re
from datetime import datetime, timedelta, timezone

from pydicom.dataset import Dataset

from inference.io.header import AcquisitionTime

#: Date and time pairs, most trustworthy first.
PAIRS = (
    ("AcquisitionDate", "AcquisitionTime"),
    ("SeriesDate", "SeriesTime"),
    ("ContentDate", "ContentTime"),
    ("StudyDate", "StudyTime"),
)
DATE_TIME = re.compile(r"^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)?(\d\d)?(\.\d{1,6})?([+-]\d{4})?$")
MAX_OFFSET = timedelta(hours=14)
OFFSET = re.compile(r"^([+-])(\d\d)(\d\d)$")


def acquisition_time(dataset: Dataset) -> AcquisitionTime | None:
    """When the image was acquired; None where no attribute holds a whole date and time."""
    offset = _text(dataset, "TimezoneOffsetFromUTC")
    if when := parse_date_time(_text(dataset, "AcquisitionDateTime"), offset):
        return AcquisitionTime(when, "AcquisitionDateTime")
    for date, time in PAIRS:
        # ACR-NEMA wrote dates with dots and times with colons; some scanners still do.
        digits = _text(dataset, date).replace(".", "") + _text(dataset, time).replace(":", "")
        if _text(dataset, time) and (when := parse_date_time(digits, offset)):
            return AcquisitionTime(when, f"{date}/{time}")
    return None


def parse_date_time(text: str, offset: str = "") -> datetime | None:
    """A DICOM DT value (PS3.5 6.2) with at least hours; aware when it or `offset` (&ZZXX) names a zone."""
    match = DATE_TIME.match(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, own_offset = match.groups()
    zone = OFFSET.match(own_offset or offset)
    micro = round(float(fraction or 0) * 1_000_000)
    try:
        when = datetime(int(year), int(month), int(day), int(hour), int(minute or 0), min(int(second or 0), 59))  # noqa: DTZ001
    except ValueError:
        return None
    when += timedelta(microseconds=micro)
    if zone is None:
        return when
    sign, hours, minutes = zone.groups()
    shift = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    # What no zone on earth has is a slip of the keyboard: then the site's own zone is the better guess.
    return when.replace(tzinfo=timezone(shift)) if abs(shift) <= MAX_OFFSET else when


def _text(dataset: Dataset, keyword: str) -> str:
    return str(dataset.get(keyword) or "").strip()
