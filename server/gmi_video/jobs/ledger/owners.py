"""Which process has an intent, and whether that process is gone.

A lease tells it everywhere: who has an intent renews it, and who doesn't renew is gone. On Linux a process that was
killed is known to be gone at once, so its next self need not wait for the lease to run out.
"""

import hashlib
import os
import secrets
import socket
from functools import cache
from pathlib import Path

LEASE_SECONDS = 15.0
RENEW_SECONDS = 5.0

_FURTHEST = 60.0
"""A lease that runs further than this was written under another clock, and is not believed."""


def new_owner() -> str:
    """A token for one opened ledger of this process: machine, process id, start of the process, random."""
    pid = os.getpid()
    return f"{_machine()}:{pid}:{_start_of(pid)}:{secrets.token_hex(4)}"


def holds(owner: str, lease_until: float, now: float) -> bool:
    """Whether a process that lives has the intent."""
    return 0 < lease_until - now <= _FURTHEST and not is_gone(owner)


def is_gone(owner: str) -> bool:
    """Whether the process is known to have ended. False where that can't be told."""
    machine, _, rest = owner.partition(":")
    pid, _, rest = rest.partition(":")
    start = rest.partition(":")[0]
    if not machine or machine != _machine() or not start or not pid.isdigit():
        return False
    try:
        # Only reached on Linux, where signal 0 asks whether a process exists and does nothing to it.
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    now = _start_of(int(pid))
    # Another start: the id was given to another process. Nothing readable (/proc may be hidden): the lease decides.
    return now not in {"", start}


@cache
def _machine() -> str:
    """This machine's present run, and this container in it, hashed. Empty where process ids can't be compared."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # Two containers may share a ledger and have the same host name, and their ids mean different processes.
        container = str(Path("/proc/self/ns/pid").readlink())
    except (OSError, ValueError):
        return ""
    return hashlib.sha256(f"{socket.gethostname()} {boot} {container}".encode()).hexdigest()[:16]


def _start_of(pid: int) -> str:
    """When a process started, in clock ticks since boot; `ended` for one that nobody has reaped; else empty."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        fields = stat.rpartition(")")[2].split()
        return "ended" if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        return ""
