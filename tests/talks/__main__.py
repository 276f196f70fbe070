"""`python -m tests.talks [--verbose] [NAME...]` prints the table of the conversations, or their transcripts."""

import argparse
import sys

from .requests import REQUESTS
from .run import MODES, outcome, table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.talks")
    parser.add_argument("--verbose", action="store_true", help="print the transcripts")
    parser.add_argument("--mode", choices=MODES, default=MODES[-1], help="the protocol era")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(asked.name for asked in REQUESTS))
    chosen = parser.parse_args()
    if not (chosen.verbose or chosen.names):
        sys.stdout.write(table() + "\n")
        return
    for asked in REQUESTS:
        if not chosen.names or asked.name in chosen.names:
            found = outcome(asked, chosen.mode)
            lines = "\n".join(found.transcript)
            figures = f"{found.calls} calls, {found.bytes_read:,} bytes, {found.submits} submits, ${found.usd:.2f}"
            sys.stdout.write(f"== {asked.kind} ==\n{lines}\n-- {figures}\n\n")


if __name__ == "__main__":
    main()
