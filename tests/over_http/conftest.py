"""Sockets need asyncio and real time."""

from collections.abc import Generator

import pytest

from .proxies import Nginx
from .servers import Process


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def no_process_is_left() -> Generator[None]:
    yield
    while Nginx.started:
        Nginx.started.pop().stop()
    while Process.started:
        Process.started.pop().kill()
