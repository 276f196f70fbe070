"""Which process holds an intent, and whether that process still runs.

The holder renews a lease; when the lease expires, the intent is free. On Linux the end of a process on the same machine
is detected at once, so its successor does not wait for the lease.
"""

import hashlib
import os
import secrets
import socket
from functools import cache
from pathlib import Path

LEASE_SECONDS = 15.0
"""How long a lease is valid (seconds)."""

RENEW_SECONDS = 5.0
"""How often a lease is renewed (seconds)."""

_LONGEST_LEASE = 60.0
"""A lease that is valid for longer was written with another clock and is ignored (seconds)."""


def new_owner() -> str:
    """A token for one open ledger of this process: machine, process id, start time of the process, random."""
    pid = os.getpid()
    return f"{_machine()}:{pid}:{_start_of(pid)}:{secrets.token_hex(4)}"


def holds(owner: str, lease_until: float, now: float) -> bool:
    """Whether a running process holds the intent."""
    return 0 < lease_until - now <= _LONGEST_LEASE and not is_gone(owner)


def is_gone(owner: str) -> bool:
    """Whether the process is known to have ended. False if that can't be determined."""
    machine, _, rest = owner.partition(":")
    pid, _, rest = rest.partition(":")
    start = rest.partition(":")[0]
    if not machine or machine != _machine() or not start or not pid.isdigit():
        return False
    try:
        # Only reached on Linux, where signal 0 only checks that the process exists.
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    now = _start_of(int(pid))
    # Another start time: the id belongs to another process now. Empty (/proc may be hidden): the lease decides.
    return now not in {"", start}


@cache
def _machine() -> str:
    """A hash of the machine, its boot and the container. Empty where process ids can't be compared."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # Two containers may share a ledger and a host name, but their process ids are unrelated.
        container = str(Path("/proc/self/ns/pid").readlink())
    except (OSError, ValueError):
        return ""
    return hashlib.sha256(f"{socket.gethostname()} {boot} {container}".encode()).hexdigest()[:16]


def _start_of(pid: int) -> str:
    """The start time of a process in clock ticks since boot; `ended` for a zombie; empty if unknown."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        fields = stat.rpartition(")")[2].split()
        return "ended" if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        return ""
