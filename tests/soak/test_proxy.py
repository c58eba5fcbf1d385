"""Production settings, two web servers, PostgreSQL, Redis, and nginx with TLS in front, as deploy/ describes it."""

import asyncio
import json
import re
import secrets
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from websockets.asyncio.client import connect

from tests.soak.growth import alone
from tests.soak.installation import Installation, free_port, installation
from tests.soak.test_soak import has_servers

REPOSITORY = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(
    not has_servers() or shutil.which("nginx") is None, reason="PostgreSQL, redis-server or nginx is not here"
)


@dataclass(frozen=True)
class Site:
    address: str
    plain: str
    certificate: str
    password: str
    token: str
    place: Installation


def certify(folder: Path) -> None:
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    files = ["-keyout", str(folder / "lungtrend.key"), "-out", str(folder / "lungtrend.crt")]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)


def nginx(folder: Path, web: list[int], tls: int, plain: int) -> "subprocess.Popen[bytes]":
    """The configuration as it is delivered, but for addresses and folders."""
    text = (REPOSITORY / "deploy" / "nginx.conf").read_text()
    upstream = " ".join(f"server 127.0.0.1:{port};" for port in web)
    for old, new in (
        ("server web:8000;", upstream),
        ("listen 443", f"listen 127.0.0.1:{tls}"),
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("/etc/nginx/certificates", str(folder)),
        ("/tmp/nginx.pid", str(folder / "nginx.pid")),
    ):
        assert old in text
        text = text.replace(old, new)
    (folder / "nginx.conf").write_text(text)
    command = ["nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    return subprocess.Popen([*command, "-g", "daemon off;"])


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("proxy")
    certify(folder)
    password = secrets.token_urlsafe(20)
    with installation(0) as place:
        place.environment |= {"SOAK_PASSWORD": password, "LUNGTREND_STATIC": str(place.folder / "static")}
        place.manage("collectstatic", "--noinput", "-v0")
        place.environment |= {
            "DJANGO_SETTINGS_MODULE": "portal.settings.production",
            "LUNGTREND_SECRET_KEY": secrets.token_urlsafe(60),
            "LUNGTREND_HOSTS": "localhost,127.0.0.1",
            "LUNGTREND_DB_NAME": place.database,
            "LUNGTREND_DB_USER": "postgres",
            "LUNGTREND_DB_HOST": "127.0.0.1",
            "LUNGTREND_DB_PASSWORD": "trusted",
            "LUNGTREND_REDIS_URL": place.environment["LUNGTREND_TEST_REDIS"],
            "LUNGTREND_HOME": str(place.folder / "media"),
        }
        token = place.ask("person")["token"]
        for _ in range(2):
            place.start_web()
        tls, plain = free_port(), free_port()
        proxy = nginx(folder, list(place.web), tls, plain)
        try:
            time.sleep(1)
            yield Site(
                f"https://localhost:{tls}", f"http://localhost:{plain}", str(folder / "lungtrend.crt"), password, token,
                place,
            )  # fmt: skip
        finally:
            proxy.terminate()
            proxy.wait()


@pytest.fixture
def session(site) -> requests.Session:
    session = requests.Session()
    session.verify, session.trust_env = site.certificate, False
    return session


def log_in(session: requests.Session, site: Site) -> requests.Response:
    page = session.get(f"{site.address}/accounts/login/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token
    form = {"csrfmiddlewaretoken": token[1], "login": "sender", "password": site.password}
    address = f"{site.address}/accounts/login/"
    return session.post(address, form, headers={"Referer": address}, allow_redirects=False)


def test_plain_http_leads_to_tls(site, session) -> None:
    answer = session.get(f"{site.plain}/accounts/login/", allow_redirects=False)
    assert answer.status_code == 301
    assert answer.headers["Location"] == "https://localhost/accounts/login/"


def test_login_over_tls_with_cookies_that_stay_there(site, session) -> None:
    answer = log_in(session, site)
    assert answer.status_code == 302, answer.text[:500]
    cookies = answer.headers["Set-Cookie"].lower()
    assert all(word in cookies for word in ("sessionid=", "secure", "httponly", "samesite=lax"))
    page = session.get(f"{site.address}/")
    assert page.status_code == 200
    assert "max-age=31536000" in page.headers["Strict-Transport-Security"]
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    styles = re.search(r'href="(/static/[^"]+\.css)"', page.text)
    assert styles
    assert session.get(site.address + styles[1]).status_code == 200


def test_large_files_pass_and_the_client_s_own_word_about_its_address_does_not(site, session) -> None:
    session.headers.update({"Authorization": f"Token {site.token}", "X-Forwarded-For": "203.0.113.66"})
    upload = session.post(f"{site.address}/api/v1/uploads/").json()["id"]
    content = secrets.token_bytes(5_000_000)
    answer = session.post(f"{site.address}/api/v1/uploads/{upload}/files/", files={"file": ("one.dcm", content)})
    assert [file["status"] for file in answer.json()["files"]] == ["stored"]
    assert site.place.ask("addresses")["addresses"] == ["127.0.0.1"]


def test_live_updates_pass_through(site, session) -> None:
    log_in(session, site)
    trust = ssl.create_default_context(cafile=site.certificate)
    headers = {"Cookie": f"sessionid={session.cookies['sessionid']}"}

    async def follow() -> str:
        address = site.address.replace("https", "wss") + "/ws/jobs/"
        async with connect(address, ssl=trust, additional_headers=headers, origin=site.address) as line:
            await line.send(json.dumps({"type": "hello"}))
            await asyncio.sleep(0.5)
            return line.state.name

    assert alone(follow()) == "OPEN"


def test_one_web_server_may_end_and_nobody_notices(site, session) -> None:
    log_in(session, site)
    site.place.kill_web(next(iter(site.place.web)))
    assert [session.get(f"{site.address}/").status_code for _ in range(6)] == [200] * 6
