"""The portal as it is served, and peers that others wrote."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from django.db import connections

from tests.portal.dicom.orthanc import HERE, Orthanc, can_run, running_orthanc


@contextmanager
def served(host: str) -> Iterator[str]:
    """The portal behind uvicorn, in a thread of this process, so that it sees the test's database."""
    config = uvicorn.Config("portal.asgi:application", host=host, port=0, http="httptools", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < until, "uvicorn did not start"
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://{host}:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
        connections.close_all()


@pytest.fixture
def portal_address(transactional_db: None, settings) -> Iterator[str]:
    """The portal on this machine alone."""
    with served("127.0.0.1") as address:
        # dicomweb-client leaves the port out of the Host header.
        settings.PUBLIC_ADDRESS = address
        yield address


@pytest.fixture
def address_for_orthanc(orthanc: Orthanc, transactional_db: None, settings) -> Iterator[str]:
    """The portal where Orthanc reaches it."""
    with served(HERE) as address:
        settings.PUBLIC_ADDRESS = address
        yield address


@pytest.fixture(scope="session")
def _orthanc_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    if not can_run():
        pytest.skip("needs root, iproute2, and Debian's orthanc with orthanc-dicomweb")
    with running_orthanc(tmp_path_factory.mktemp("orthanc")) as orthanc:
        yield orthanc


@pytest.fixture
def orthanc(_orthanc_process: Orthanc) -> Iterator[Orthanc]:
    """An empty Orthanc."""
    yield _orthanc_process
    _orthanc_process.forget_everything()
