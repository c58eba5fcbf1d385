"""The index of courses says what the scans say, after everything that can change it; and mends itself."""

import logging

import pytest

from portal.dashboard.standing import Filter, worklist_page
from portal.scans.acknowledgement import acknowledge
from portal.scans.courses import check_courses
from portal.scans.models import Course, CoursePoint
from portal.scans.revisions import add_reader_revision
from portal.scans.selectors import timeline_of
from portal.scans.times import set_acquisition_time
from tests.factories import make_result, make_scan
from tests.samples import START, measurements_of, write_masks

pytestmark = pytest.mark.django_db


def is_true_of(patient) -> bool:
    course, timeline = Course.objects.get(patient=patient), timeline_of(patient)
    points = {point.scan_id: point.ready_posix_s for point in course.points.all()}
    latest = timeline.points[-1].scan.acquired_at.timestamp() if timeline.points else None
    return (
        course.flag == (timeline.assessment.flag or "")
        and course.latest_posix_s == latest
        and points == {point.scan.pk: point.segmentation.created_at.timestamp() for point in timeline.points}
    )


@pytest.fixture
def growing(patient, clinician, tmp_path):
    return [
        make_result(make_scan(patient, clinician, hours=hours), tmp_path, ml) for hours, ml in ((0, 100), (30, 180))
    ]


def test_results_corrections_times_and_acknowledgements_all_reach_it(
    growing, patient, clinician, radiologist, tmp_path
) -> None:
    assert Course.objects.get().flag == "rapid-growth"
    assert is_true_of(patient)
    acknowledge(by=clinician, patient=patient, scan=str(growing[1].scan_id), reason="Seen.")
    assert Course.objects.get().flag == ""
    masks = write_masks(tmp_path / "corrected")
    figures = measurements_of(170.0)
    add_reader_revision(by=radiologist, based_on=growing[1], reason="Vessel.", measurements=figures, folder=masks)
    assert Course.objects.get().flag == "rapid-growth", "another revision than the one that was judged"
    undated = make_result(make_scan(patient, clinician, hours=None), tmp_path, 400)
    assert CoursePoint.objects.count() == 2
    set_acquisition_time(by=clinician, scan=undated.scan, acquired_at=START.replace(day=1))
    assert CoursePoint.objects.count() == 3
    assert is_true_of(patient)


def test_a_row_that_lies_is_mended_and_reported(growing, patient, caplog) -> None:
    Course.objects.update(flag="")
    CoursePoint.objects.all().delete()
    with caplog.at_level(logging.ERROR):
        assert check_courses() == 1
    assert "was not what its scans say" in caplog.text
    assert is_true_of(patient)
    assert check_courses() == 0


def test_other_rules_make_it_stale_and_the_worklist_derives_it_at_once(growing, patient, clinician, settings) -> None:
    settings.INFERENCE_DEFAULT_PIPELINE = "another"
    Course.objects.update(flag="")
    assert worklist_page(clinician).counts[Filter.RAPID] == 1


def test_patients_from_before_the_index_are_derived_by_workers(growing, patient) -> None:
    Course.objects.all().delete()
    assert check_courses() == 1
    assert is_true_of(patient)
