"""Places for uploads: whatever passes is public https, and both URL parsers in use see the same host in it."""

import ipaddress
from urllib.parse import urlsplit

import anyio
from hypothesis import given
from hypothesis import strategies as st

from gmi_video.upstream.addresses import MAX_TRIED, NotPublic, Place, Unresolved, place

from . import target, work_within

PUBLIC = "93.184.215.14"

PIECES = st.sampled_from(
    ["https://", "http://", "HTTPS://", "https:", "//", "/", "\\", "@", ":", "#", "?", "[", "]", "%", "%00", "%2e", ".",
     "127.0.0.1", "localhost", "::1", "::ffff:127.0.0.1", "10.0.0.5", "0x7f.1", "2130706433", "64:ff9b::7f00:1",
     ":8090", ":443", ":0", "a.example", "b.lan", " ", "\t", "\n", "\u3002", "\uff0e", "\u017f", "1", "fe80::1%25e"]
)  # fmt: skip
URLS = st.one_of(
    st.lists(PIECES, max_size=10).map("".join),
    st.lists(PIECES, max_size=6).map(lambda pieces: "https://" + "".join(pieces)),
    st.ip_addresses(v=4).map(lambda address: f"https://{address}/x"),
    st.ip_addresses(v=6).map(lambda address: f"https://[{address}]/x"),
)
ADDRESSES = st.lists(st.ip_addresses().map(str) | st.just(PUBLIC), max_size=4)


@target("places")
@given(URLS, ADDRESSES, st.sampled_from(["https://queue.example/api", "http://127.0.0.1:8090/api"]))
def places(url: str, addresses: list[str], base_url: str) -> None:
    """Nothing is resolved but a name, once."""
    resolved: list[str] = []

    async def resolve(host: str, _port: int) -> list[str]:
        resolved.append(host)
        return addresses

    async def check() -> Place | None:
        try:
            with work_within(400 + 4 * len(url)):
                return await place(url, base_url=base_url, proxied=lambda _: False, resolve=resolve)
        except (NotPublic, Unresolved):
            return None

    found = anyio.run(check)
    assert len(resolved) <= 1
    if found is None:
        return
    assert found.url.host == urlsplit(url).hostname
    if not found.addresses and not resolved:
        assert base_url.startswith("http://127.0.0.1")
        assert found.url.host in {"127.0.0.1", "localhost", "::1"}
        assert urlsplit(url).port == 8090
        return
    assert found.url.scheme == "https"
    assert list(found.addresses) == addresses[:MAX_TRIED] != []
    for address in map(ipaddress.ip_address, addresses):
        assert address.is_global
        assert not address.is_multicast
        assert not (isinstance(address, ipaddress.IPv6Address) and (address.ipv4_mapped or address.sixtofour))
