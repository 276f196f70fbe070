"""The command line of `python -m gmi_video.live`."""

import argparse
import sys

from gmi_video import live

parser = argparse.ArgumentParser(
    prog="python -m gmi_video.live",
    description="Compare the real request queue with the schemas this program was written to, and print a report that "
    "can be pasted into an issue. Needs GMI_API_KEY. Free of charge, unless PAID=1 is set: then one 540p 5s video is "
    "made and paid for. Exits with 0 if nothing differs, 1 if something does, 2 if the check could not run.",
)
live.add_arguments(parser)
sys.exit(live.main(parser.parse_args()))
