"""Copies of the server that share a ledger, for tests."""

from collections.abc import Callable
from dataclasses import dataclass, field

from gmi_video.jobs.ledger import Account, Claimed, Existing, Intent, Ledger

from .conftest import EPOCH, KEY

QUEUE = "https://queue.example/api"
PROMPT = "a fox in the snow"


@dataclass
class Copies:
    """Copies of the server that share a ledger and a clock."""

    url: str
    seconds: float = EPOCH
    all: list[Ledger] = field(default_factory=list[Ledger])

    def now(self) -> float:
        return self.seconds

    def copy(self, key: str = KEY, now: Callable[[], float] | None = None) -> Ledger:
        self.all.append(Ledger(self.url, Account(key, QUEUE), now or self.now))
        return self.all[-1]


async def claimed(ledger: Ledger, fingerprint: str = PROMPT, *, allow_duplicate: bool = False) -> Intent:
    claim = await ledger.claim(fingerprint, usd=1.0, allow_duplicate=allow_duplicate)
    assert isinstance(claim, Claimed), claim
    return claim.intent


async def existing(ledger: Ledger, fingerprint: str = PROMPT, *, allow_duplicate: bool = False) -> Existing:
    claim = await ledger.claim(fingerprint, usd=1.0, allow_duplicate=allow_duplicate)
    assert isinstance(claim, Existing), claim
    return claim
