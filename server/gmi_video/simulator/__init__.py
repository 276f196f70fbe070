"""A pretend GMI Cloud: the request queue with its jobs, prices, faults and films, in this process or on a port.

    world       Simulator: all state; computed from a clock, no task behind it
    ├─ scripts    how a job runs          ├─ habits     what the vendor leaves open, as switches
    ├─ catalogue  the models on offer     ├─ checks     what a payload is refused for
    ├─ records    jobs as the wire sees   ├─ uploads    the bucket and its signed addresses
    └─ faults     misbehaviours by name
    app         the endpoints (Starlette)  ── answers     true and spoilt HTTP answers
    ├─ network    an httpx transport onto them, in process
    └─ serve      uvicorn onto them, on a real port
    screening   films and files over HTTP  ── pictures    the images a payload names
    └─ films      rendered when first watched: orders, landscape, lettering, encoder

It imports nothing of the program it is there to test, nor does the program import it: both are held to
`schemas/upstream`.
"""

from gmi_video.simulator.behavior import Habits
from gmi_video.simulator.faults import FAULTS, Endpoint, Fault
from gmi_video.simulator.scripts import Job, Script
from gmi_video.simulator.state import Call, Simulator, Stray
from gmi_video.simulator.transport import SimulatedTransport

__all__ = ["FAULTS", "Call", "Endpoint", "Fault", "Habits", "Job", "Script", "SimulatedTransport", "Simulator", "Stray"]
