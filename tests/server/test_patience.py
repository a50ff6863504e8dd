"""Connections that say half of what they want, and then nothing or very little, at a real server in public mode."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from websockets.sync.client import connect

from support.studio import changed, serving
from support.waiting import PATIENCE, until

pytestmark = pytest.mark.server

FORGOTTEN = "gradio-old.png"  # by a visitor, long ago
SILENCE = 1.5  # seconds, so that the tests are not as long as the limit
IMPATIENT = f"""
import dataclasses
from core.visitors import policy
assert policy.PUBLIC.silence == 20
policy.PUBLIC = dataclasses.replace(policy.PUBLIC, silence={SILENCE})
"""
UPLOAD = "Content-Type: multipart/form-data; boundary=x\r\n"
STARTED = '--x\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n\r\n'


@pytest.fixture(scope="module", params=["app", "style_app"])
def server(tmp_path_factory, request):
    home = tmp_path_factory.mktemp("patience")
    (home / "gradio").mkdir()
    (home / "gradio" / FORGOTTEN).write_bytes(b"x")
    for old in (home / "gradio" / FORGOTTEN, home / "gradio"):
        os.utime(old, (1e9, 1e9))
    script = changed(home, IMPATIENT, request.param)
    here = {"GANVAS_PUBLIC": "1", "GRADIO_TEMP_DIR": str(home / "gradio"), "TMPDIR": str(home)}
    alone = request.param == "style_app"
    with serving(home, script, "/config" if alone else "/style/", env=here) as address:
        yield address, "" if alone else "/style"


@contextlib.contextmanager
def line(address: str, said: str) -> Iterator[socket.socket]:
    """A connection on which something was said."""
    place = urlsplit(address)
    with socket.create_connection((place.hostname, place.port), 10) as made:
        made.sendall(said.replace("HOST", f"Host: {place.netloc}\r\n").encode())
        yield made


def closed_after(made: socket.socket, drip: bytes, most: float) -> float:
    """Seconds until the other side closes, while a byte is sent now and then; `most` when it does not."""
    began = time.monotonic()
    made.settimeout(0.1)
    with contextlib.suppress(ConnectionError):
        while (passed := time.monotonic() - began) < most:
            with contextlib.suppress(TimeoutError):
                if not made.recv(10_000):
                    break
            made.sendall(drip)
    return passed


HALVES = {
    "silent": "",
    "a line": "GET / HT",
    "a head": "GET / HTTP/1.1\r\nHOSTX: ",
    "a body": f"POST STYLE/gradio_api/upload HTTP/1.1\r\nHOST{UPLOAD}Content-Length: 50000\r\n\r\n--x\r\n",
    "no body": f"POST STYLE/gradio_api/upload HTTP/1.1\r\nHOST{UPLOAD}Content-Length: 50000\r\n\r\n",
    "JSON": "POST STYLE/gradio_api/cancel HTTP/1.1\r\nHOSTContent-Length: 500\r\n\r\n{",
    "a page's upload": f"PUT /_stcore/upload_file/a/b HTTP/1.1\r\nHOST{UPLOAD}Content-Length: 500\r\n\r\n{STARTED}",
    "chunks": f"POST STYLE/gradio_api/upload HTTP/1.1\r\nHOST{UPLOAD}Transfer-Encoding: chunked\r\n\r\n2\r\n--\r\n5",
    "a body nobody reads": "GET STYLE/gradio_api/heartbeat/half HTTP/1.1\r\nHOSTContent-Length: 500\r\n\r\n{",
    "a second head": "HEAD STYLE/ HTTP/1.1\r\nHOST\r\nGET / HTTP/1.1\r\nHOSTX: ",
}


def waited_for(server, half: str) -> float:
    """Seconds."""
    address, style = server
    with line(address, HALVES[half].replace("STYLE", style)) as made:
        return closed_after(made, b"" if half in ("silent", "no body") else b"0", SILENCE * 10)


def uploaded_slowly(server) -> tuple[bytes, float]:
    """How the answer begins, and the seconds it took."""
    address, style = server
    content = b"a" * 20_000
    end = b"\r\n--x--\r\n"
    length = len(STARTED) + len(content) + len(end)
    head = f"POST {style}/gradio_api/upload HTTP/1.1\r\nHOST{UPLOAD}Content-Length: {length}\r\n\r\n{STARTED}"
    with line(address, head) as made:
        began = time.monotonic()
        for start in range(0, len(content), 1000):
            made.sendall(content[start : start + 1000])
            time.sleep(SILENCE / 10)  # the line's, and twice the silence in all
        made.sendall(end)
        return made.recv(1000), time.monotonic() - began


def listened(server) -> tuple[bytes, float]:
    """How the news of a page begin, and the seconds until they end."""
    address, style = server
    with line(address, f"GET {style}/gradio_api/heartbeat/long HTTP/1.1\r\nHOST\r\n") as made:
        return made.recv(1000), closed_after(made, b"", SILENCE * 2)


def opened_silently(server) -> None:
    address, _ = server
    with connect(f"{address.replace('http', 'ws', 1)}/_stcore/stream", subprotocols=["streamlit"]) as socket:
        with pytest.raises(TimeoutError):
            socket.recv(SILENCE * 2)
        socket.ping().wait(PATIENCE)


@pytest.fixture(scope="module")
def waits(server):
    """What becomes of them all, which takes as long as the longest of them."""
    patient = [uploaded_slowly, listened, *([opened_silently] if server[1] else [])]
    with ThreadPoolExecutor(len(HALVES) + len(patient)) as threads:
        begun = {half: threads.submit(waited_for, server, half) for half in HALVES}
        yield begun | {what: threads.submit(what, server) for what in patient}


def test_half_a_request_is_not_waited_for(waits):
    """Of any kind."""
    seconds = {half: waits[half].result() for half in HALVES}
    assert not {half: passed for half, passed in seconds.items() if passed >= SILENCE * 10}


def test_a_slow_upload_arrives(waits):
    answer, seconds = waits[uploaded_slowly].result()
    assert answer.startswith(b"HTTP/1.1 200")
    assert seconds > SILENCE * 1.5


def test_news_last_as_long_as_the_page(waits):
    answer, seconds = waits[listened].result()
    assert answer.startswith(b"HTTP/1.1 200")
    assert seconds >= SILENCE * 2


def test_a_silent_page_stays_open(waits):
    if opened_silently not in waits:
        pytest.skip("the style app alone has no such pages")
    waits[opened_silently].result()


def test_what_was_forgotten_long_ago_goes(server, tmp_path_factory):
    """Where the style app is alone as well."""
    until(lambda: not list(tmp_path_factory.getbasetemp().glob(f"patience*/gradio/{FORGOTTEN}")))
