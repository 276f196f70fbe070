"""`python -m gmi_video.live`."""

import argparse
import sys

from gmi_video import live

parser = argparse.ArgumentParser(
    prog="python -m gmi_video.live", description=live.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
live.add_arguments(parser)
sys.exit(live.main(parser.parse_args()))
