"""A whole archive is analysed anew behind everything clinical, and can be broken off."""

import pytest
from django.core.management import CommandError, call_command

from portal.jobs.leases import claim
from portal.jobs.models import InferenceJob
from portal.jobs.services import submit_scan
from tests.factories import make_scan

pytestmark = pytest.mark.django_db


def test_it_goes_on_where_it_was_broken_off(patient, clinician, capsys) -> None:
    for hours in range(3):
        make_scan(patient, clinician, hours=hours)
    for limit, said in ((2, "2 jobs queued"), (None, "1 jobs queued"), (None, "0 jobs queued")):
        call_command("reanalyse", by="clinician", pipeline="hu-baseline", limit=limit)
        assert capsys.readouterr().out.strip() == said
    assert InferenceJob.objects.filter(is_research=True).count() == 3


def test_a_clinical_job_never_waits_behind_research(patient, clinician) -> None:
    scan = make_scan(patient, clinician)
    call_command("reanalyse", by="clinician", pipeline="hu-baseline")
    clinical = submit_scan(by=clinician, scan=make_scan(patient, clinician, hours=5))
    assert claim("worker").pk == clinical.pk
    assert claim("worker").scan == scan


def test_research_that_somebody_asks_for_at_the_bedside_is_clinical(patient, clinician) -> None:
    scan = make_scan(patient, clinician)
    call_command("reanalyse", by="clinician", pipeline="hu-baseline")
    submit_scan(by=clinician, scan=scan, pipeline="hu-baseline")
    assert not InferenceJob.objects.get().is_research


def test_only_what_the_user_may_see_and_only_pipelines_that_exist(patient, clinician, stranger) -> None:
    make_scan(patient, clinician)
    call_command("reanalyse", by="stranger", pipeline="hu-baseline")
    assert not InferenceJob.objects.exists()
    with pytest.raises(CommandError, match="There is no pipeline nonsense"):
        call_command("reanalyse", by="clinician", pipeline="nonsense")
