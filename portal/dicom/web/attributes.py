"""What a search returns of studies and series, as DICOM JSON (PS3.18 tables 10.6.3-3 and 10.6.3-4)."""

from collections.abc import Sequence
from typing import Any

from django.utils import timezone
from pydicom.datadict import dictionary_VR, tag_for_keyword

from portal.dicom.archive import Role, Series
from portal.dicom.datasets import Json, patient_attributes


def study_attributes(series: Sequence[Series], root: str) -> Json:
    """One study from its series; `root` is the address of the service, without a slash at its end."""
    scan = series[0].scan
    acquired = timezone.localtime(scan.acquired_at) if scan.acquired_at else None
    date = scan.study_date or (acquired.date() if acquired else None)
    counts = [one.instance_count for one in series if one.instance_count is not None]
    return elements(
        StudyDate=date.strftime("%Y%m%d") if date else "",
        StudyTime=scan.study_time or (f"{acquired:%H%M%S}" if acquired else ""),
        AccessionNumber=scan.accession_number,
        InstanceAvailability="ONLINE",
        ModalitiesInStudy=sorted({one.modality for one in series}),
        ReferringPhysicianName=scan.referring_physician,
        TimezoneOffsetFromUTC=f"{acquired:%z}" if acquired else "",
        RetrieveURL=f"{root}/studies/{scan.study_uid}",
        **patient_attributes(scan.patient),
        StudyInstanceUID=scan.study_uid,
        StudyID=scan.study_id,
        StudyDescription=scan.study_description,
        NumberOfStudyRelatedSeries=len(series),
        NumberOfStudyRelatedInstances=sum(counts),
    )


def series_attributes(series: Series, root: str) -> Json:
    """One series."""
    scan = series.scan
    known: dict[str, Any] = {
        "Modality": series.modality,
        "SeriesDescription": series.description,
        "RetrieveURL": f"{root}/studies/{scan.study_uid}/series/{series.uid}",
        "StudyInstanceUID": scan.study_uid,
        "SeriesInstanceUID": series.uid,
        "SeriesNumber": series.number,
        "BodyPartExamined": scan.body_part or "CHEST",
    }
    if series.role is Role.SCAN:
        known |= {"Manufacturer": scan.manufacturer, "ManufacturerModelName": scan.device_model}
    if series.instance_count is not None:
        known["NumberOfSeriesRelatedInstances"] = series.instance_count
    return elements(**known)


def elements(**values: Any) -> Json:
    """DICOM JSON of values by keyword; empty ones have no `Value`."""
    return dict(sorted(_element(keyword, value) for keyword, value in values.items()))


def _element(keyword: str, value: Any) -> tuple[str, dict[str, Any]]:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    vr = dictionary_VR(tag)
    content = value if isinstance(value, list) else [value]
    content = [{"Alphabetic": item} if vr == "PN" else item for item in content if item not in ("", None)]
    return f"{tag:08X}", {"vr": vr, "Value": content} if content else {"vr": vr}
