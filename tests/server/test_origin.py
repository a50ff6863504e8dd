"""Names that point here but are not ours (DNS rebinding), at real servers: such a page reads and sends nothing."""

import contextlib
import socket
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from support.studio import serving
from support.waiting import PATIENCE

pytestmark = pytest.mark.server

NAMED = "studio.example.org"  # by whoever runs it
SPACE = "somebody-ganvas.hf.space"
PATHS = (
    "/",
    "/_stcore/health",
    "/_stcore/host-config",
    "/style/",
    "/style/config",
    "/style/gradio_api/file=/etc/passwd",
)
SAMPLE = "/style/gradio_api/call/sample"


@pytest.fixture(scope="module", params=["0", "1"], ids=["private", "public"])
def server(request, tmp_path_factory):
    home = tmp_path_factory.mktemp("named")
    env = {"GANVAS_PUBLIC": request.param, "GANVAS_HOSTS": f"other.example, {NAMED}", "SPACE_HOST": SPACE}
    with serving(home, env=env) as address:
        yield address, home / "server.log"


def asked(address: str, host: str, path: str = "/_stcore/health", **more: str) -> int:
    """The status of the answer to a page that came by the name `host`."""
    headers = {"Host": host, **{name.replace("_", "-"): value for name, value in more.items()}}
    return httpx.get(address + path, headers=headers, timeout=PATIENCE).status_code


def sent(address: str, host: str, origin: str, **more: str) -> int:
    headers = {"Host": host, "Origin": origin, **{name.replace("_", "-"): value for name, value in more.items()}}
    return httpx.post(address + SAMPLE, headers=headers, json={"data": ["none"]}, timeout=PATIENCE).status_code


def streams(address: str, host: str, origin: str) -> bool:
    """Whether a page's socket is opened."""
    there = urlsplit(address)
    with contextlib.closing(socket.create_connection((there.hostname, there.port), 20)) as line:
        try:
            with connect(f"ws://{host}/_stcore/stream", sock=line, origin=origin, subprotocols=["streamlit"]):
                return True
        except InvalidStatus:
            return False


@pytest.mark.parametrize("name", [
    "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil-localhost", f"{SPACE}.evil.example",
    f"x.{NAMED}", "0x7f.1.evil.example", "evil.hf.space",
])  # fmt: skip
def test_a_foreign_name_is_not_answered(server, name):
    address, _ = server
    port = urlsplit(address).port
    host = f"{name}:{port}"
    for path in PATHS:
        assert asked(address, host, path) in (400, 421), path
    for no_browsers in (name, f"localhost@{name}", f"[::1].{name}", f"localhost/{name}", f"localhost:1:{name}"):
        assert asked(address, no_browsers) in (400, 421)
    assert asked(address, f"127.0.0.1:{port}", x_forwarded_host=host) == 421
    assert asked(address, host, x_forwarded_host=f"localhost:{port}") in (400, 421)
    assert asked(address, f"localhost:{port}", x_forwarded_host=f"localhost, {host}") == 421
    for known in (host, f"localhost:{port}"):
        assert sent(address, known, f"http://{host}") in (400, 403, 421)
        assert sent(address, known, f"http://{host}", x_forwarded_host=host) in (400, 403, 421)
        assert not streams(address, known, f"http://{host}")


def test_its_own_names_are(server):
    address, _ = server
    port = urlsplit(address).port
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", f"LOCALHOST:{port}", f"192.168.7.7:{port}",
                 NAMED, f"{NAMED}:8443", SPACE):  # fmt: skip
        for path in PATHS[:-1]:
            assert asked(address, host, path) == 200, (host, path)
        assert sent(address, host, f"http://{host.lower()}") == 200
        assert streams(address, host, f"http://{host.lower()}")
    assert sent(address, f"127.0.0.1:{port}", f"http://localhost:{port}") == 200, "the same door"
    assert sent(address, f"127.0.0.1:{port}", f"https://{NAMED}") == 200, "a proxy that rewrites Host"
    assert sent(address, f"127.0.0.1:{port}", f"https://{SPACE}", x_forwarded_host=SPACE) == 200
    assert sent(address, f"127.0.0.1:{port}", f"http://localhost:{port + 1}") == 403, "another program's page"


def test_the_log_names_the_header_and_what_to_set(server):
    address, log = server
    asked(address, "proxied.example")
    sent(address, "127.0.0.1", "https://rewritten.example:8443")
    asked(address, "localhost", x_forwarded_host="forwarded.example")
    text = log.read_text()
    assert "'Host: proxied.example'. If that is this studio, set GANVAS_HOSTS='proxied.example'." in text
    assert "'Origin: https://rewritten.example:8443, but Host: 127.0.0.1'" in text
    assert "nginx: proxy_set_header Host" in text
    assert "set GANVAS_HOSTS='rewritten.example:8443'." in text  # with its port, without which it would help nothing
    assert "'X-Forwarded-Host: forwarded.example'" in text


def test_no_other_page_shows_a_private_studio(server, request):
    """Inside another page's frame its owner could be led to press what they do not see."""
    private = request.node.callspec.params["server"] == "0"
    for path in ("/", "/train", "/style/"):
        said = httpx.get(server[0] + path, timeout=PATIENCE).headers.get("content-security-policy", "")
        assert said == (f"frame-ancestors 'self' other.example {NAMED} {SPACE}" if private else ""), path
