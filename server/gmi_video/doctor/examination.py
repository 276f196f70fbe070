"""Makes the checks, group by group, in the order in which they are shown."""

import time
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import anyio
import httpx

from gmi_video import network
from gmi_video.doctor.checks import Check
from gmi_video.doctor.cloud import check_cloud
from gmi_video.doctor.folders import check_folders
from gmi_video.doctor.installation import check_installation
from gmi_video.doctor.machine import Machine
from gmi_video.doctor.network import check_network
from gmi_video.doctor.variables import check_variables
from gmi_video.settings import Settings

_NEEDED = {"GMI_API_KEY", "GMI_ORG_ID", "GMI_BASE_URL", *network.VARIABLES}
"""The variables of a call to the queue."""


class Group(NamedTuple):
    """Checks that belong together, with a stable name and a title."""

    name: str
    title: str
    checks: list[Check]


@dataclass(frozen=True)
class Examination:
    """Checks of the installation, the settings, the network, the queue and the folders.

    Args:
        machine: this computer.
        environment: where the settings are read.
        source: what to call the environment.
        transport: the HTTP transport; None is the network.
        now: this machine's clock, in Unix seconds.
    """

    machine: Machine
    environment: Mapping[str, str] = field(repr=False)
    source: str = "environment"
    transport: httpx.AsyncBaseTransport | None = None
    now: Callable[[], float] = time.time

    async def groups(self) -> AsyncGenerator[Group]:
        """Each group as soon as its checks are made. The folders are checked while the queue is asked."""
        settings = Settings.from_environment(self.environment)
        yield Group("installation", "Installation", check_installation(self.machine))
        variables = check_variables(self.environment, settings, self.source)
        yield Group("settings", "Settings", variables)
        wrong = {check.name for check in variables if check.state == "problem"} & _NEEDED
        yield Group("network", "Network", [] if wrong - {"GMI_API_KEY"} else check_network(settings))
        cloud: list[Check] = []
        folders: list[Check] = []

        async def ask() -> None:
            if wrong:
                named = ", ".join(sorted(wrong))
                cloud.append(Check("key", "warning", f"The queue was not asked, because of {named}."))
            else:
                cloud.extend(await check_cloud(settings, self.transport, self.now))

        async def look() -> None:
            folders.extend(await check_folders(settings, self.now))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            tasks.start_soon(look)
        yield Group("queue", "GMI Cloud's queue", cloud)
        yield Group("folders", "Folders", folders)
