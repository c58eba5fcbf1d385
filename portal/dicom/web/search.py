"""QIDO-RS: searching studies, series and instances (PS3.18 10.6)."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db.models import Max, QuerySet
from django.http import HttpResponse
from pydicom.datadict import tag_for_keyword
from rest_framework.request import Request

from portal.accounts.audit import record
from portal.accounts.models import AuditAction
from portal.dicom.archive import Series, StoredObject, dicom_scans, objects_of, series_of
from portal.dicom.datasets import PIXEL_DATA, Json, metadata_of
from portal.dicom.web.attributes import series_attributes, study_attributes
from portal.dicom.web.base import DicomWebView, dicom_json
from portal.dicom.web.matching import BadQuery, Query, matches, parse_query
from portal.scans.access import visible_scans
from portal.scans.errors import NotExportable
from portal.scans.models import Scan

#: Studies asked for at once, at first and at most.
BATCH, LARGEST_BATCH = 100, 3200
#: Keywords whose wanted values the database can compare, and its columns.
COLUMNS = {
    "PatientID": "patient__mrn",
    "AccessionNumber": "accession_number",
    "StudyID": "study_id",
    "StudyInstanceUID": "study_uid",
}
WILDCARDS = frozenset("*?\\,")
INSTANCE_ATTRIBUTES = (
    *("SOPClassUID", "SOPInstanceUID", "InstanceNumber", "Rows", "Columns", "BitsAllocated", "NumberOfFrames"),
    *("StudyInstanceUID", "SeriesInstanceUID", "TimezoneOffsetFromUTC"),
)


def _tag(keyword: str) -> str:
    return f"{tag_for_keyword(keyword):08X}"


def _query(request: Request) -> Query:
    return parse_query([(name, value) for name, values in request.query_params.lists() for value in values])


def _narrowed(scans: QuerySet[Scan], query: Query) -> QuerySet[Scan]:
    """Fewer scans to look at, where a wanted value names a column exactly; the rest is matched one by one."""
    for keyword, column in COLUMNS.items():
        value = query.wanted.get(_tag(keyword), "")
        if value and not WILDCARDS & set(value):
            scans = scans.filter(**{column: value})
    date = query.wanted.get(_tag("StudyDate"), "")
    first, _, last = date.partition("-") if "-" in date else (date, "", date)
    for value, comparison in ((first, "gte"), (last, "lte")):
        if value:
            # Scans without a study date are matched by their acquisition.
            day = _day(value)
            scans = scans.exclude(**{f"study_date__{'lt' if comparison == 'gte' else 'gt'}": day})
    return scans


def _day(value: str) -> str:
    try:
        return datetime.strptime(value[:8], "%Y%m%d").date().isoformat()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        raise BadQuery(f"{value} is no date; write YYYYMMDD, or a range with a dash.") from None


def _studies(scans: QuerySet[Scan]) -> Iterator[list[Series]]:
    """The series of each study, the latest study first."""
    studies = scans.order_by().values_list("study_uid").annotate(latest=Max("acquired_at"))
    latest_first = studies.order_by("-latest", "study_uid")
    start, size = 0, BATCH
    seen: set[str] = set()
    while batch := [uid for uid, _ in latest_first[start : start + size]]:
        # Most who ask want the first page; who looks through everything does not sort it anew for each hundred.
        start, size = start + size, min(2 * size, LARGEST_BATCH)
        # A study that arrives meanwhile moves the others on by one.
        by_study: dict[str, list[Series]] = {uid: [] for uid in batch if uid not in seen}
        seen.update(by_study)
        for series in series_of(scans.filter(study_uid__in=list(by_study)).order_by("created_at")):
            by_study[series.scan.study_uid].append(series)
        yield from by_study.values()


def _page(rows: Iterable[Json], query: Query) -> tuple[list[Json], bool]:
    """The rows of the page that was asked for, and whether there are more."""
    page: list[Json] = []
    for number, row in enumerate(rows):
        if number < query.offset:
            continue
        if len(page) == query.limit:
            return page, True
        page.append(row)
    return page, False


def _objects(series: Series) -> list[StoredObject]:
    """A result that cannot be written as DICOM has no objects."""
    try:
        return objects_of(series)
    except NotExportable:
        return []


class SearchView(DicomWebView):
    """A search below an optional study and series."""

    def get(self, request: Request, study_uid: str = "", series_uid: str = "") -> HttpResponse:
        """The attributes of what matches."""
        query = _query(request)
        record(
            AuditAction.SEARCH,
            by=request.user,
            request=request,
            via="DICOMweb",
            path=request.path,
            keys=sorted(query.wanted),
        )
        scans = dicom_scans(visible_scans(request.user))
        scans = scans.filter(study_uid=study_uid) if study_uid else _narrowed(scans, query)
        rows = self.rows(scans, query, series_uid)
        page, more = _page(rows, query)
        return dicom_json(page, "There are more results; ask for them with offset and limit." if more else "")

    def rows(self, scans: QuerySet[Scan], query: Query, series_uid: str) -> Iterator[Json]:
        """What matches, in order."""
        raise NotImplementedError

    def matching_studies(self, scans: QuerySet[Scan], query: Query) -> Iterator[tuple[list[Series], Json]]:
        """Studies whose attributes do not contradict the query."""
        for series in _studies(scans):
            attributes = study_attributes(series, self.root)
            if matches(attributes, {tag: value for tag, value in query.wanted.items() if tag in attributes}):
                yield series, attributes


class StudiesSearchView(SearchView):
    """`/studies`."""

    def rows(self, scans: QuerySet[Scan], query: Query, series_uid: str) -> Iterator[Json]:
        """Studies."""
        for _, attributes in self.matching_studies(scans, query):
            if matches(attributes, query.wanted):
                yield attributes


class SeriesSearchView(SearchView):
    """`/series` and `/studies/STUDY/series`."""

    def rows(self, scans: QuerySet[Scan], query: Query, series_uid: str) -> Iterator[Json]:
        """Series, with the attributes of their studies."""
        for series, study in self.matching_studies(scans, query):
            for one in series:
                attributes = {**study, **series_attributes(one, self.root)}
                if matches(attributes, query.wanted):
                    yield attributes


class InstancesSearchView(SearchView):
    """`/instances`, `/studies/STUDY/instances` and `/studies/STUDY/series/SERIES/instances`."""

    def rows(self, scans: QuerySet[Scan], query: Query, series_uid: str) -> Iterator[Json]:
        """Instances, with the attributes of their series and studies."""
        for series, study in self.matching_studies(scans, query):
            for one in series:
                if series_uid not in ("", one.uid):
                    continue
                above = {**study, **series_attributes(one, self.root)}
                if not matches(above, {tag: value for tag, value in query.wanted.items() if tag in above}):
                    continue
                yield from self._instances(one, above, query)

    def _instances(self, series: Series, above: Json, query: Query) -> Iterator[Json]:
        basic = {_tag(keyword) for keyword in INSTANCE_ATTRIBUTES}
        for content in metadata_of(series, _objects(series)):
            attributes = {**above, **content}
            if not matches(attributes, query.wanted):
                continue
            sop_uid = content[_tag("SOPInstanceUID")]["Value"][0]
            kept = attributes if query.include_all else {
                tag: value
                for tag, value in attributes.items()
                if tag in basic or tag in query.include or tag in query.wanted or (not self.kwargs and tag in above)
            }  # fmt: skip
            kept.pop(PIXEL_DATA, None)
            address = f"{above[_tag('RetrieveURL')]['Value'][0]}/instances/{sop_uid}"
            yield dict(sorted({**kept, _tag("RetrieveURL"): {"vr": "UR", "Value": [address]}}.items()))
