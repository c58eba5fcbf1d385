"""The site as a user starts it, and a real browser."""

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

REPOSITORY = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("LUNGTREND_CHROMIUM", "/usr/bin/chromium")
QUIET = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START_SECONDS = 60


@dataclass(frozen=True)
class Site:
    """A running portal."""

    address: str
    password: str


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "e2e" in item.path.parts:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """`manage.py serve` with an empty home of its own and the demo accounts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    site = Site(f"http://127.0.0.1:{port}", secrets.token_urlsafe(12))
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "portal.settings.embedded",
        "LUNGTREND_HOME": str(tmp_path_factory.mktemp("home")),
        "LUNGTREND_DEMO_PASSWORD": site.password,
    }
    manage = [sys.executable, "manage.py"]
    for command in (["migrate", "-v0"], ["collectstatic", "--noinput", "-v0"], ["seed_demo"]):
        subprocess.run([*manage, *command], cwd=REPOSITORY, env=environment, check=True, stdout=subprocess.DEVNULL)
    server = subprocess.Popen([*manage, "serve", "--port", str(port)], cwd=REPOSITORY, env=environment)
    try:
        _wait_for(f"{site.address}/healthz", server)
        yield site
    finally:
        server.terminate()
        server.wait(30)


def _wait_for(address: str, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except (URLError, ConnectionError):
            time.sleep(0.2)
    raise RuntimeError("the portal did not come up")


@pytest.fixture(scope="session")
def browsers() -> Iterator[dict[str, Browser]]:
    """A browser that draws with WebGL (in software), and one that cannot."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no browser at {CHROMIUM}")
    with sync_playwright() as playwright:
        launch = playwright.chromium.launch
        found = {
            "webgl": launch(executable_path=CHROMIUM, args=[*QUIET, "--enable-unsafe-swiftshader"]),
            "no-webgl": launch(executable_path=CHROMIUM, args=[*QUIET, "--disable-gpu", "--disable-3d-apis"]),
        }
        yield found
        for browser in found.values():
            browser.close()


#: Addresses outside the portal that a page has asked for.
STRANGERS: list[str] = []


def _note_strangers(site: Site, address: str) -> None:
    own = (f"{site.address}/", f"{site.address.replace('http', 'ws')}/", "data:", "blob:")
    if not address.startswith(own):
        STRANGERS.append(address)


@pytest.fixture(autouse=True)
def _nobody_else_is_asked() -> Iterator[None]:
    """No page sends a request to anybody but the portal."""
    yield
    assert STRANGERS == []


def log_in(browser: Browser, site: Site, username: str = "clinician") -> Page:
    """A page of a person who has just logged in. Errors of its scripts fail the test that looks at them."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    # Whatever a page asks of anybody else fails the test.
    context.on("request", lambda request: _note_strangers(site, request.url))
    page = context.new_page()
    page.goto(site.address)
    page.fill("#id_login", username)
    page.fill("#id_password", site.password)
    page.click("main button")
    page.wait_for_selector("h1:has-text('Worklist')")
    return page


@pytest.fixture
def page(browsers: dict[str, Browser], site: Site) -> Iterator[Page]:
    """A clinician's page."""
    page = log_in(browsers["webgl"], site)
    yield page
    page.context.close()
