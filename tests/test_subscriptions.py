"""Subscriptions: a subscriber is notified of each change, and the queue is polled only while there is one."""

from typing import Any

import anyio
import pytest
from mcp import MCPError
from mcp.client.subscriptions import ResourcesListChanged, ResourceUpdated
from mcp_types import (
    EmptyResult,
    ResourceListChangedNotification,
    ResourceUpdatedNotification,
    SubscribeRequest,
    SubscribeRequestParams,
    UnsubscribeRequest,
    UnsubscribeRequestParams,
)

from gmi_video.simulator import Script

from .conftest import Host, World

pytestmark = pytest.mark.anyio


def uri_of(request_id: str) -> str:
    return f"gmi-video://requests/{request_id}/outcome"


async def submitted(host: Host, prompt: str = "a fox") -> str:
    answer = await host.call_ok("generate_video", prompt=prompt, wait=False)
    return str(answer["request_id"])


async def test_a_listener_is_notified_of_each_change_and_of_the_new_outcome(world: World) -> None:
    world.sim.script("Luma-Ray2", Script(((0, "queued"), (20, "processing"), (60, "success"))))
    events: list[Any] = []
    async with world.host() as host:
        uri = uri_of(await submitted(host))
        async with host.client.listen(resources_list_changed=True, resource_subscriptions=[uri]) as listening:
            async for event in listening:
                events.append(event)
                if isinstance(event, ResourcesListChanged):
                    break
    assert events == [ResourceUpdated(uri=uri), ResourceUpdated(uri=uri), ResourcesListChanged()]


async def test_two_listeners_share_one_poller_and_each_is_notified_of_a_change_once(world: World) -> None:
    world.sim.script("Luma-Ray2", Script.takes(60, first="processing"))
    events: list[Any] = []
    async with world.host() as host:
        uri = uri_of(await submitted(host))

        async def listen() -> None:
            async with host.client.listen(resource_subscriptions=[uri]) as listening:
                with anyio.move_on_after(120):
                    async for event in listening:
                        events.append(event)  # noqa: PERF401 - a comprehension would lose all when the time is over

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            tasks.start_soon(listen)
    assert events == [ResourceUpdated(uri=uri)] * 2
    polls = [call.at for call in world.sim.calls if call.endpoint == "get"]
    first_polls = 2
    assert len(polls) - first_polls == len(set(polls[first_polls:])) < 25


async def test_the_queue_is_polled_only_while_there_is_a_listener(world: World) -> None:
    world.sim.script("Luma-Ray2", Script.takes(600))
    async with world.host() as host:
        uri = uri_of(await submitted(host))
        await anyio.sleep(60)
        assert world.count("get") == 0
        async with host.client.listen(resource_subscriptions=[uri]):
            await anyio.sleep(30)
        asked = world.count("get")
        assert asked > 2
        await anyio.sleep(120)
        assert world.count("get") == asked


@pytest.mark.parametrize("uri", [uri_of("00000000-0000-4000-8000-000000000000"), "gmi-video://models/Veo3", "x:y"])
async def test_listening_where_nothing_changes_costs_one_call_at_most(world: World, uri: str) -> None:
    async with world.host() as host, host.client.listen(resource_subscriptions=[uri]):
        await anyio.sleep(300)
        assert len(world.sim.calls) <= 1


async def test_of_many_uris_that_one_listener_names_a_hundred_are_followed(world: World) -> None:
    uris = [uri_of(f"no-such-request-{number}") for number in range(150)]
    async with world.host() as host, host.client.listen(resource_subscriptions=uris):
        await anyio.sleep(300)
    assert world.count("get") == 100


async def test_a_queue_that_fails_at_first_is_asked_again(world: World) -> None:
    world.sim.script("Luma-Ray2", Script.takes(300))
    async with world.host() as host:
        uri = uri_of(await submitted(host))
        world.sim.fail("get", "500", times=6)
        async with host.client.listen(resource_subscriptions=[uri]) as listening:
            async for event in listening:
                assert event == ResourceUpdated(uri=uri)
                break


async def test_a_wait_that_ends_with_a_video_notifies_of_the_changed_list(world: World) -> None:
    async with world.host() as host, host.client.listen(resources_list_changed=True) as listening:
        await host.call_ok("generate_video", prompt="a fox")
        with anyio.fail_after(5):
            async for event in listening:
                assert event == ResourcesListChanged()
                break


# -- the handshake era -------------------------------------------------------------------------------------------


async def subscribe(host: Host, uri: str) -> None:
    await host.client.session.send_request(SubscribeRequest(params=SubscribeRequestParams(uri=uri)), EmptyResult)


async def unsubscribe(host: Host, uri: str) -> None:
    await host.client.session.send_request(UnsubscribeRequest(params=UnsubscribeRequestParams(uri=uri)), EmptyResult)


class Notifications:
    """The notifications that an older client has received."""

    def __init__(self) -> None:
        self.updated: list[str] = []
        self.lists = 0

    async def receive(self, message: object) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            self.updated.append(str(message.params.uri))
        elif isinstance(message, ResourceListChangedNotification):
            self.lists += 1

    @property
    def options(self) -> dict[str, Any]:
        return {"message_handler": self.receive}


async def test_an_older_client_that_subscribes_is_notified_of_each_change(world: World) -> None:
    world.sim.script("Luma-Ray2", Script(((0, "queued"), (20, "processing"), (60, "success"))))
    notifications = Notifications()
    async with world.host(era="legacy", options=notifications.options) as host:
        capabilities = host.client.server_capabilities
        assert capabilities.resources is not None
        assert capabilities.resources.subscribe
        assert capabilities.resources.list_changed
        uri = uri_of(await submitted(host))
        await subscribe(host, uri)
        await anyio.sleep(120)
    assert notifications.updated == [uri, uri]
    assert notifications.lists == 1


async def test_an_older_client_that_unsubscribes_or_leaves_stops_the_polling(world: World) -> None:
    world.sim.script("Luma-Ray2", Script.takes(600))
    server = world.server()
    async with world.host(server, era="legacy") as host:
        uri = uri_of(await submitted(host))
        await subscribe(host, uri)
        await subscribe(host, uri)
        await anyio.sleep(30)
        await unsubscribe(host, uri)
        asked = world.count("get")
        assert asked > 2
        await anyio.sleep(60)
        assert world.count("get") == asked
        await subscribe(host, uri)
        await anyio.sleep(30)
        assert world.count("get") > asked
    asked = world.count("get")
    await anyio.sleep(60)
    assert world.count("get") == asked


async def test_an_older_client_that_subscribes_an_impossible_uri_gets_an_error(world: World) -> None:
    async with world.host(era="legacy") as host:
        with pytest.raises(MCPError) as raised:
            await subscribe(host, "gmi-video://nothing/at/all")
        assert raised.value.error.code == -32602
        await subscribe(host, "gmi-video://models/Luma-Ray2")
