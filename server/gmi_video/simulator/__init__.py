"""A pretend GMI Cloud: the request queue with its jobs, prices, faults and films, in this process or on a port.

    state        Simulator: all state, computed from a clock; no background task
    ├─ scripts     how a job runs             ├─ behavior    options for what the vendor leaves open
    ├─ catalog     the models                 ├─ validation  which payloads are refused
    ├─ records     jobs as JSON               ├─ uploads     signed URLs and the files behind them
    ├─ faults      named faults               └─ pauses      stops calls at exact moments
    app          routes, and what every call has in common (Starlette)
    ├─ endpoints   one handler per endpoint   ├─ responses   correct and corrupted HTTP responses
    ├─ lists       the list of requests       ├─ control     pauses over HTTP, for another process
    ├─ images      downloads the images that a payload names
    └─ media       films and files over HTTP; films/ renders them on demand
    transport    an httpx transport onto the app, in this process
    serve        uvicorn with the app, on a real port

A letter in a docstring gives the source of a behavior: D the vendor's pages and SDK, P a dated observation of the live
service, C what other clients believe, ? unknown.

The simulator imports nothing from the rest of the program and only the demo imports it: client and simulator are both
tested against `schemas/upstream`.
"""

from gmi_video.simulator.behavior import Behavior
from gmi_video.simulator.faults import FAULTS, Endpoint, Fault
from gmi_video.simulator.pauses import Pause
from gmi_video.simulator.scripts import Job, Script
from gmi_video.simulator.state import Call, OutsideRequest, Simulator
from gmi_video.simulator.transport import SimulatedTransport

__all__ = [
    "FAULTS",
    "Behavior",
    "Call",
    "Endpoint",
    "Fault",
    "Job",
    "OutsideRequest",
    "Pause",
    "Script",
    "SimulatedTransport",
    "Simulator",
]
