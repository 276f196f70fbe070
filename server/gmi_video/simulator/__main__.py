"""`python -m gmi_video.simulator`: the simulator as a process of its own, where the program's command is not there."""

import argparse
import sys

from gmi_video.simulator.serve import add_arguments, main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m gmi_video.simulator", description="A pretend GMI Cloud.")
    add_arguments(parser)
    sys.exit(main(parser.parse_args()))
