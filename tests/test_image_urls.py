"""Image URLs: public ones pass as they are, and every other one is refused before anything is sent."""

import pytest

from gmi_video.images.upload import Images

from .conftest import World
from .image_tools import SECRET, refusal, url_of

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "url",
    [
        "https://storage.googleapis.com/bucket/a%20picture.png?X-Goog-Signature=abc&x=1#top",
        "http://example.com:8080/a.png",
        "HTTPS://EXAMPLE.COM./a.png",
        "https://xn--mnchen-3ya.de/a.png",
        "https://8.8.8.8/a.png",
        "https://[2606:4700:4700::1111]/a.png",
        "https://my_bucket.s3.amazonaws.com/a.png",
        "https://example.com/@user/a:b.png",
        "https://127.0.0.1.example.com/a.png",
        "https://localhost.example.com/a.png",
    ],
)
async def test_a_public_url_goes_through_as_it_is_and_is_never_fetched(world: World, images: Images, url: str) -> None:
    await images.read(url, "frame0_image")
    assert await url_of(images, url, "frame0_image") == url
    assert world.sim.calls == []
    assert world.sim.outside_requests == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001",
        "127.0.0.1.", "2130706433.", "0", "0.0.0.0", "0x0",  # noqa: S104 - an address to be refused
        "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "2852039166",
        "100.64.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "1.2.3.4.5", "4294967296",
        "1.2.3.256", "08.8.8.8", "example.0x1", "0x", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]", "[::ffff:8.8.8.8]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
        "[2002:a00:1::1]", "[2002:808:808::1]",
        "[2001:0:7f00:1::1]", "[fe80::1]", "[fe80::1%25eth0]", "[2606:4700::1%25eth0]",
        "[fc00::1]", "[ff02::1]", "[2001:db8::1]", "[::1",
        "[v1.fe]", "[127.0.0.1]", "[localhost]", "localhost", "LOCALHOST", "localhost.", "a.localhost", "a.LocalHost.",
        "printer.local", "metadata.google.internal", "router.lan", "nas.home.arpa", "wiki.corp", "a.invalid",
        "x.onion", "intranet", "metadata", "example..com", ".example.com", "-a.example.com", "a-.example.com",
        "127%2e0.0.1", "exam%70le.com", "127。0。0。1", "①②⑦.⓪.⓪.①",
        "ｌｏｃａｌｈｏｓｔ",  # noqa: RUF001 - wide letters are the attack
        "example.com\\@127.0.0.1", "exa mple.com", "example.com\t", "\texample.com", "loc\nalhost", "a" * 64 + ".com",
        "a." * 130 + "com", "$x.com", "", ":80", "example.com:99999", "example.com:0", "example.com:a",
    ],
)  # fmt: skip
async def test_a_host_that_the_vendors_servers_must_not_or_cannot_reach(
    world: World, images: Images, host: str
) -> None:
    error = await refusal(images, f"http://{host}/a.png", world)
    assert "public http(s) URL" in error.next_step


@pytest.mark.parametrize(
    "url",
    [
        "https://user:pass@example.com/a.png", "https://user@example.com/a.png", "https://@example.com/a.png",
        "https://:@example.com/a.png", f"https://example.com:{SECRET}@127.0.0.1/a.png", "https://a@b@example.com/a.png",
    ],
)  # fmt: skip
async def test_a_url_with_credentials(world: World, images: Images, url: str) -> None:
    assert "is a URL with" in (await refusal(images, url, world)).message


@pytest.mark.parametrize(
    "value",
    [
        f"data:image/png;base64,{SECRET}", "file:///etc/passwd", "FILE:///etc/passwd", "blob:https://example.com/1",
        "ftp://example.com/a.png", "javascript:alert(1)", "gs://bucket/a.png", "s3://bucket/a.png",
        "gopher://127.0.0.1/", "http:/example.com/a.png", "http:example.com/a.png", "http:///example.com/a.png",
        "https:", "http://", "https://?", "jar:http://example.com!/a", "x" * 5000 + ":",
        "https://example.com/" + "a" * 2048, "https://example.com/a b.png", "https://example.com/a\x00.png",
        "https://example.com/<script>", 'https://example.com/"', "https://example.com/`", "https://example.com/ä.png",
    ],
)  # fmt: skip
async def test_an_address_that_is_no_public_http_url(world: World, images: Images, value: str) -> None:
    error = await refusal(images, value, world)
    assert "GMI_IMAGE_DIRS" in error.next_step
    assert len(str(error)) < 600
