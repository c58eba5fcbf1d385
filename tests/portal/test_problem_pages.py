"""The pages for requests that cannot be answered."""

import pytest
from django.template.loader import render_to_string
from django.utils import translation
from django.views.defaults import server_error


@pytest.mark.parametrize("page", ["400", "403", "403_csrf", "404", "500"])
def test_a_problem_page_looks_like_the_portal_and_leads_back(page) -> None:
    html = render_to_string(f"{page}.html")
    assert 'rel="stylesheet"' in html
    assert '<a class="button button-primary" href="/">' in html


def test_the_page_of_an_error_needs_no_database_and_speaks_the_readers_language(rf) -> None:
    # No mark for the database: a query would fail this test.
    with translation.override("de"):
        answer = server_error(rf.get("/"))
    assert answer.status_code == 500
    assert "Nichts Gespeichertes ist verloren." in answer.content.decode()
