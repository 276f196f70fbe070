"""No job is lost or paid twice: under every fault, in random histories, and with hostile responses."""

import pytest

ABANDONED_BODIES = (
    # A body that is far too large is left unread, and httpx's generators are closed by the garbage collector.
    pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <async_generator:pytest.PytestUnraisableExceptionWarning"),
)
