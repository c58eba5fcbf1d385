"""A patient's course as pages and API read it."""

import pytest

from portal.scans.acknowledgement import acknowledge
from portal.scans.errors import IntakeRefused
from portal.scans.growth import Flag
from portal.scans.models import Origin
from portal.scans.selectors import timeline_of, timelines_of
from tests.factories import make_result, make_scan


def test_a_course_with_rapid_growth_is_flagged(patient, clinician, tmp_path) -> None:
    for hours, ml in ((0, 90), (22, 118), (44, 165)):
        make_result(make_scan(patient, clinician, hours=hours), tmp_path, ml)
    timeline = timeline_of(patient)
    assert [point.measurement.infected_ml for point in timeline.points] == [90, 118, 165]
    assert timeline.assessment.flag is Flag.RAPID_GROWTH


def test_scans_without_result_or_time_stand_outside_the_course(patient, clinician, tmp_path) -> None:
    waiting = make_scan(patient, clinician)
    undated = make_scan(patient, clinician, hours=None)
    make_result(undated, tmp_path, 50)
    timeline = timeline_of(patient)
    assert timeline.points == ()
    assert (timeline.unmeasured, timeline.undated) == ((waiting,), (undated,))


def test_a_readers_revision_counts_before_a_pipelines(patient, clinician, tmp_path) -> None:
    scan = make_scan(patient, clinician)
    first = make_result(scan, tmp_path, 50)
    reader = make_result(scan, tmp_path, 70, pipeline={"name": "unet2d", "version": "r", "sha256": ""})
    type(reader).objects.filter(pk=reader.pk).update(origin=Origin.READER)
    make_result(scan, tmp_path, 90, pipeline={"name": "unet2d", "version": "2", "sha256": ""})
    assert timeline_of(patient).points[0].segmentation == reader
    assert first.number == 1


def test_the_default_pipeline_counts_from_its_first_result_on(patient, clinician, tmp_path, settings) -> None:
    scan = make_scan(patient, clinician)
    make_result(scan, tmp_path, 50)
    new = {"name": settings.INFERENCE_DEFAULT_PIPELINE, "version": "1", "sha256": "c"}
    make_result(scan, tmp_path, 60, pipeline=new)
    make_result(scan, tmp_path, 90, pipeline={"name": "hu-baseline", "version": "1", "sha256": ""})
    assert timeline_of(patient).points[0].measurement.infected_ml == 60


def test_another_pipelines_result_does_not_replace_the_default_one(patient, clinician, tmp_path) -> None:
    scan = make_scan(patient, clinician)
    default = make_result(scan, tmp_path, 50)
    make_result(scan, tmp_path, 90, pipeline={"name": "hu-baseline", "version": "1", "sha256": ""})
    assert timeline_of(patient).points[0].segmentation == default


def test_the_same_result_again_is_the_same_revision(patient, clinician, tmp_path) -> None:
    scan = make_scan(patient, clinician)
    assert make_result(scan, tmp_path, 50) == make_result(scan, tmp_path, 50)


@pytest.mark.parametrize("patients", [1, 6])
def test_queries_do_not_grow_with_patients_or_scans(
    patients, patient, clinician, tmp_path, django_assert_num_queries
) -> None:
    everyone = [patient]
    for number in range(1, patients):
        other = type(patient).objects.create(mrn=f"Q-{number}")
        everyone.append(other)
    for someone in everyone:
        for hours in (0, 20, 40):
            make_result(make_scan(someone, clinician, hours=hours), tmp_path, 50 + hours)
    with django_assert_num_queries(3):
        timelines = timelines_of(everyone)
    assert all(len(timeline.points) == 3 for timeline in timelines.values())


def test_acknowledging_closes_the_flag_until_a_revision_changes(patient, clinician, tmp_path) -> None:
    make_result(make_scan(patient, clinician, hours=0), tmp_path, 90)
    later = make_scan(patient, clinician, hours=40)
    make_result(later, tmp_path, 180)
    acknowledge(by=clinician, patient=patient, scan=str(later.pk), reason="seen, ward informed")
    assert timeline_of(patient).assessment.flag is None
    assert timeline_of(patient).assessment.changes[0].is_acknowledged
    make_result(later, tmp_path, 175, pipeline={"name": "unet2d", "version": "1.1", "sha256": "b"})
    assert timeline_of(patient).assessment.flag is Flag.RAPID_GROWTH


def test_an_acknowledgement_needs_a_reason_and_an_open_flag(patient, clinician, tmp_path) -> None:
    scan = make_scan(patient, clinician)
    make_result(scan, tmp_path, 90)
    with pytest.raises(IntakeRefused, match="why"):
        acknowledge(by=clinician, patient=patient, scan=str(scan.pk), reason="  ")
    with pytest.raises(IntakeRefused, match="no longer open"):
        acknowledge(by=clinician, patient=patient, scan=str(scan.pk), reason="seen")
