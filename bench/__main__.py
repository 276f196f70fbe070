"""Runs the benches and writes their sections into bench/results.md.

Run: python -m bench [NAMES] [--quick] [--output FILE]

Each bench is a process of its own, one after another, and prints one Markdown section. A bench that fails, or can't run
on this machine, has the reason in its section, and the exit code is 1 then. With NAMES only those sections are written
anew, where the others are of the same machine.
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results.md"

BENCHES: Mapping[str, tuple[str, ...]] = {
    "start": (),
    "calls": (),
    "first_byte": (),
    "submits": (),
    "lists": (),
    "polling": (),
    "waits": (),
    "growth": ("--plot", "docs/images/growth.svg"),
    "copies": (),
    "pings": (),
    "peers": (),
}
"""The benches in the order of their sections, each with its options for a run that is not quick."""

PACKAGES = ("mcp", "pydantic", "httpx")
SECONDS = 900
"""The longest time of a bench."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAMES", help=f"some of: {', '.join(BENCHES)}")
    parser.add_argument("--quick", action="store_true", help="few of each, to see that they run")
    parser.add_argument("--output", type=Path, help="bench/results.md, or build/bench.md where it is quick")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - {*BENCHES}:
        parser.error(f"no such bench: {', '.join(sorted(unknown))}")
    output: Path = arguments.output or (ROOT / "build" / "bench.md" if arguments.quick else RESULTS)
    output.parent.mkdir(parents=True, exist_ok=True)
    sys.exit(0 if write(output, arguments.names or BENCHES, quick=arguments.quick) else 1)


def write(output: Path, names: Iterable[str], *, quick: bool) -> bool:
    """Run benches, and write their sections into the file; returns whether all succeeded."""
    head = _head(quick=quick)
    before = output.read_text(encoding="utf-8") if output.exists() else ""
    known = sections(before) if before.startswith(head) else {}
    succeeded = True
    for name in names:
        print(f"{name}: ", end="", file=sys.stderr, flush=True)
        began = time.monotonic()
        known[name], good = section(name, quick=quick)
        succeeded = succeeded and good
        print(f"{time.monotonic() - began:.0f} s{'' if good else ', not measured'}", file=sys.stderr)
        _save(output, head, known)  # after each, so that what was measured outlives a run that is ended
    _save(output, head, known)
    return succeeded


def _save(output: Path, head: str, known: Mapping[str, str]) -> None:
    output.write_text(head + "\n".join(known[name] for name in BENCHES if name in known), encoding="utf-8")


def section(name: str, *, quick: bool) -> tuple[str, bool]:
    """Run a bench: its section, and whether it succeeded."""
    command = f"python -m bench.{name}"
    options = ("--quick",) if quick else BENCHES.get(name, ())
    began = time.monotonic()
    try:
        done = subprocess.run(  # noqa: S603 - our own script
            [sys.executable, "-m", f"bench.{name}", *options],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
            timeout=SECONDS,
            cwd=ROOT,
        )
    except subprocess.TimeoutExpired:
        return f"## `{command}`\n\nNot measured: it took longer than {SECONDS} s.\n", False
    except subprocess.CalledProcessError as failure:
        said = failure.stderr.strip() or failure.stdout.strip() or f"exit code {failure.returncode}"
        why = said.splitlines()[-1]
        return f"## `{command}`\n\nNot measured: {why.replace(str(ROOT), '.')}\n", False
    title, _, rest = done.stdout.strip().partition("\n")
    return f"{title}\n\n*{_now_and_commit()}, {time.monotonic() - began:.0f} s*\n{rest}\n", True


def sections(results: str) -> dict[str, str]:
    """The sections of a results file, by the bench's name."""
    found = [f"## {text.strip()}\n" for text in results.split("\n## ")[1:]]
    return {text.partition("`python -m bench.")[2].partition("`")[0]: text for text in found}


def _head(*, quick: bool) -> str:
    """The title, and what the figures depend on; nothing that identifies the machine."""
    rows = {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": _memory(),
        "system": f"{_system()}, {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        **{name: version(name) for name in PACKAGES},
    }
    lines = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    kind = "**A quick run, only to see that the benches run.** " if quick else ""
    return (
        "# Results of the benches\n\n"
        f"{kind}Written by `make bench`; [docs/performance.md](../docs/performance.md) says what the figures mean.\n\n"
        f"| | |\n|---|---|\n{lines}\n\n"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "") or (
        platform.processor() or "unknown processor"
    )


def _memory() -> str:
    if not hasattr(os, "sysconf"):  # Windows
        return "unknown"
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return f"{platform.system()} {platform.release()}"


def _now_and_commit() -> str:
    """The date (UTC) and the commit; `+` where what is measured was changed since."""
    git = ["git", "-C", str(ROOT)]
    commit = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S603
    parts = ["server", "bench", "tests", ":!bench/results.md"]
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", *parts], capture_output=True, check=False)  # noqa: S603
    name = commit.stdout.strip() + ("+" if changed.returncode else "") if commit.returncode == 0 else "unknown"
    return f"{datetime.now(UTC):%Y-%m-%d}, commit {name}"


if __name__ == "__main__":
    main()
