"""One stranger who wants everything, and the others: at a real server in public mode, behind a proxy that says from
which address each request comes. What the stranger does is bounded; what the others do goes on."""

import asyncio
import concurrent.futures
import contextlib
import io
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from core.style.request import StyleRequest
from support.studio import ROOT, changed, process_at, serving
from support.waiting import PATIENCE, until
from ui.server import visitor

sys.path.append(str(ROOT / "bench"))

import load

pytestmark = pytest.mark.server

HERE, THERE, ELSEWHERE = "203.0.113.7", "203.0.113.8", "2001:db8:1:2::3"
MADE_UP = {"Cookie": f"{visitor.COOKIE}={'a' * 43}"}


TOLD = """
import sys
class Told(list):
    def remove(self, folder):
        print("no more looked into:", folder, flush=True)
        super().remove(folder)
sys.path = Told(sys.path)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("crowding")


@pytest.fixture(scope="module")
def server(home):
    here = {"GANVAS_PUBLIC": "1", "GANVAS_PROXIES": "1", "GRADIO_TEMP_DIR": str(home / "gradio")}
    with serving(home, changed(home, TOLD), env=here) as address:
        yield address


@contextlib.contextmanager
def client(server: str, address: str, *, cookie: bool = True) -> Iterator[httpx.Client]:
    """Somebody at an address. What they say themselves about it stands before what the proxy says."""
    said = {"X-Forwarded-For": f"8.8.8.8, {address}"}
    each_anew = httpx.Limits(max_keepalive_connections=0)  # a busy server lets idle connections go at any time
    with httpx.Client(base_url=server, headers=said, timeout=PATIENCE, limits=each_anew) as made:
        if cookie:
            made.get("/", headers={"Accept": "text/html"})
            assert made.cookies[visitor.COOKIE]
        yield made


def picture(side: int = 64) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((side, side), 60).convert("RGB").save(file, "PNG")
    return file.getvalue()


def plain(width: int, height: int) -> bytes:
    """Few bytes, many pixels."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(file, "PNG")
    return file.getvalue()


def uploaded(one: httpx.Client, content: bytes) -> dict:
    answer = one.post("/style/gradio_api/upload", files={"files": ("photo.png", content)})
    assert answer.status_code == 200, answer.text
    return {"path": answer.json()[0], "meta": {"_type": "gradio.FileData"}}


def wish(photo: dict | None, styles: list[dict], size: int = 64, steps: int = 1) -> list:
    values = [v for name, v in vars(StyleRequest(size=size, steps=steps)).items() if name != "style_shares"]
    return [photo, [{"image": style, "caption": None} for style in styles], "", *values]


def event(one: httpx.Client, name: str) -> int:
    config = one.get("/style/config").json()
    return next(event["id"] for event in config["dependencies"] if event["api_name"] == name)


def joined(one: httpx.Client, fn: int, data: list, tab: str) -> httpx.Response:
    return one.post("/style/gradio_api/queue/join", json={"data": data, "fn_index": fn, "session_hash": tab})


def news(one: httpx.Client, tab: str):
    """What a page is told, until its painting is over."""
    with one.stream("GET", "/style/gradio_api/queue/data", params={"session_hash": tab}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:"):
                said = json.loads(line[5:])
                yield said
                if said["msg"] in ("process_completed", "close_stream"):
                    return


def painted(one: httpx.Client, fn: int, data: list, tab: str) -> str:
    """All that a page is told about a painting."""
    answer = joined(one, fn, data, tab)
    assert answer.status_code == 200, answer.text
    return json.dumps(list(news(one, tab)))


def asked(one: httpx.Client, data: list, **headers: str) -> httpx.Response:
    """A painting by the API; its answer is not waited for."""
    return one.post("/style/gradio_api/call/paint", json={"data": data}, headers=headers)


def answered(one: httpx.Client, begun: httpx.Response) -> str:
    assert begun.status_code == 200, begun.text
    return one.get(f"/style/gradio_api/call/paint/{begun.json()['event_id']}").text


# ---------------------------------------------------------------- many at once, as in bench/load.py

MANY = 3


async def visits(address: str) -> load.Seen:
    seen = load.Seen()
    crowd = [load.Visitor(address, number, seen) for number in range(9, 9 + MANY)]
    fn = await load.events(crowd[0], "start")
    await asyncio.gather(*(one.paint(fn) for one in crowd), *(one.open(page) for one in crowd for page in load.PAGES))
    for one in crowd:
        await one.look()
        await one.http.aclose()
    return seen


def test_everybody_gets_their_own(server, home):
    """Every page, and a painting in their own colours. Pages once said that a module was not there: while one was being
    imported, another page had taken a folder from those that are looked through."""
    seen = asyncio.run(visits(server))  # raises where something is missing, or another's
    assert len(seen.finished) == MANY
    assert max(seen.places) >= MANY - 2, "they saw how many were before them"
    assert seen.previews >= 3 * MANY
    assert not seen.refused
    log = (home / "server.log").read_text()
    assert "Traceback" not in log
    assert "no more looked into" not in log


def test_colours_are_told_apart():
    assert all(load.decoded(load.coded(number, 64)) == number for number in range(64))


# ---------------------------------------------------------------- paintings


def test_asking_in_vain_ends_nobodys_painting(server):
    """70 times, more than may wait in a line, with names of pages that nobody has, and nothing to paint; then with
    something to paint."""
    with client(server, HERE) as anna, client(server, THERE, cookie=False) as stranger:
        start, mine = event(anna, "start"), uploaded(anna, picture(256))
        painting = threading.Thread(target=lambda: said.append(painted(anna, start, wish(mine, [mine], 128, 60), "a")))
        said: list[str] = []
        painting.start()
        theirs = uploaded(stranger, picture())
        for number in range(70):
            joined(stranger, start, wish(None, []), f"made-up-{number}")
            if number % 5 == 0:
                joined(stranger, start, wish(theirs, [theirs]), f"made-up-too-{number}")
        painting.join(PATIENCE)
        assert "painting.png" in said[0]
        assert "Stopped" not in said[0]


@pytest.mark.parametrize("where", [HERE, THERE], ids=["at another address", "at the same address"])
def test_one_client_does_not_lock_the_others_out(server, where):
    with client(server, where) as anna, client(server, THERE, cookie=False) as stranger:
        mine, theirs = uploaded(anna, picture()), uploaded(stranger, picture(256))
        for number in range(110):
            headers = [{}, MADE_UP, {"Cookie": f"{visitor.COOKIE}={number:043d}.{'b' * 43}"}][number % 3]
            asked(stranger, wish(theirs, [theirs], 64, 12), **headers)
        assert "event: complete" in answered(anna, asked(anna, wish(mine, [mine])))


def test_collected_cookies_are_still_one_address(server):
    """Every page gives a cookie to whoever asks, so an address has an end too; IPv6 addresses of one home are one."""
    with client(server, HERE) as anna, contextlib.ExitStack() as crowd:
        for number in range(40):
            stranger = crowd.enter_context(client(server, f"2001:db8:9:9::{number:x}"))
            theirs = uploaded(stranger, picture())
            asked(stranger, wish(theirs, [theirs], 64, 8))
        mine = uploaded(anna, picture())
        assert "event: complete" in answered(anna, asked(anna, wish(mine, [mine])))


def test_a_storm_of_stops_leaves_the_line_to_the_others(server):
    with client(server, HERE) as anna, client(server, ELSEWHERE) as stranger:
        start, stop = event(anna, "start"), event(anna, "stop")
        theirs, mine = uploaded(stranger, picture(256)), uploaded(anna, picture())
        over = threading.Event()

        def storm(number: int) -> None:
            for turn in range(30):
                if over.is_set():
                    return
                tab = f"storm-{number}-{turn % 3}"
                joined(stranger, start, wish(theirs, [theirs] * 8, 64, 40), tab)
                stranger.post("/style/gradio_api/run/stop", json={"data": [], "fn_index": stop, "session_hash": tab})

        with concurrent.futures.ThreadPoolExecutor(2) as threads:
            storms = [threads.submit(storm, number) for number in range(2)]
            for turn in range(2):
                assert "painting.png" in painted(anna, start, wish(mine, [mine]), f"calm-{turn}")
            over.set()
        assert not [storm.exception() for storm in storms if storm.exception()]


def memory(server: str) -> float:
    """MB of it."""
    return process_at(server).memory_info().rss / 1e6


def test_a_finished_painting_keeps_little(server):
    """Pictures of a hundred kilobytes and 24 million pixels."""
    with client(server, HERE) as anna:
        start, small, huge = event(anna, "start"), uploaded(anna, picture()), uploaded(anna, plain(6000, 4000))
        painted(anna, start, wish(small, [small]), "before")
        before = memory(server)
        assert "painting.png" in painted(anna, start, wish(huge, [huge] * 3), "after")
        until(lambda: memory(server) - before < 150)  # opened, they are 288 MB


# ---------------------------------------------------------------- who one is


@pytest.mark.parametrize("other", ['{"a":1}', "x[]=1", "a b=c", "=", "ü=ü".encode().decode("latin-1")])
def test_another_cookie_in_front_costs_nobody_their_identity(server, other):
    with client(server, HERE) as anna:
        header = {"Cookie": f"{other}; {visitor.COOKIE}={anna.cookies[visitor.COOKIE]}".encode("latin-1")}
        answer = httpx.get(server, headers={"Accept": "text/html", **header})
        assert "set-cookie" not in answer.headers


def test_an_id_is_one_that_was_given_here(server, home, monkeypatch):
    monkeypatch.setenv("GANVAS_HOME", str(home / "runs"))

    def given(value: str) -> str:
        return httpx.get(server, headers={"Accept": "text/html", "Cookie": f"ganvas={value}"}).cookies.get("ganvas", "")

    kept = given("")
    secret, _, signature = kept.partition(".")
    assert given(kept) == "", "it is kept"
    for made_up in ("a" * 43, f"{'a' * 43}.{signature}", f"{secret}.{'a' * 43}", f"{secret}.", secret):
        assert given(made_up).partition(".")[0] not in ("", made_up.partition(".")[0])
    assert (home / "runs" / "secret").stat().st_mode & 0o777 == 0o600
    # From before there were signatures: whoever has things here is known by the secret, and gets a signature.
    from core.visitors import identity

    (home / "runs" / identity.FOLDER / identity.name_of(secret)).mkdir(parents=True)
    assert given(secret) == kept


# ---------------------------------------------------------------- uploads


def test_those_without_cookies_share_no_account(server):
    """One of them sends all that a visitor may send in an hour."""
    large = b"\0" * 19_900_000
    with client(server, "203.0.113.99", cookie=False) as stranger, client(server, HERE, cookie=False) as bert:
        statuses = []
        for _ in range(5):
            files = [("files", (f"{number}.png", large)) for number in range(5)]
            statuses.append(stranger.post("/style/gradio_api/upload", files=files).status_code)
        assert statuses[0] == 200
        assert statuses[-1] == 413
        made_up = stranger.post("/style/gradio_api/upload", files={"files": ("x.png", large)}, headers=MADE_UP)
        assert made_up.status_code == 413
        for size in (1_000_000, 100_000):  # until nothing of that size is left
            while stranger.post("/style/gradio_api/upload", files={"files": ("x.png", bytes(size))}).status_code == 200:
                pass
        uploaded(bert, picture(256))
        with client(server, "203.0.113.99") as neighbour:
            uploaded(neighbour, picture())


def page_opened(socket) -> str:
    """Streamlit's name of the page, once it was drawn."""
    message = BackMsg()
    message.rerun_script.page_name = "train"
    socket.send(message.SerializeToString())
    name = ""
    for data in socket:
        said = ForwardMsg.FromString(data)
        name = said.new_session.initialize.session_id or name
        if said.WhichOneof("type") == "script_finished":
            return name
    raise AssertionError("the page was not drawn")


def stream(server: str, address: str):
    headers = {"Origin": server, "X-Forwarded-For": address}
    return connect(f"{server.replace('http', 'ws')}/_stcore/stream", additional_headers=headers,
                   subprotocols=["streamlit"], max_size=None, close_timeout=1)  # fmt: skip


def test_what_one_open_page_keeps_in_memory_has_an_end(server):
    with client(server, "203.0.113.50", cookie=False) as stranger, stream(server, "203.0.113.50") as socket:
        page, statuses = page_opened(socket), []
        for number in range(3):
            files = {"file": ("x.zip", b"\0" * 90_000_000)}
            statuses.append(stranger.put(f"/_stcore/upload_file/{page}/{number}", files=files).status_code)
        assert statuses == [204, 204, 413]
        stranger.delete(f"/_stcore/upload_file/{page}/0")
        assert stranger.put(f"/_stcore/upload_file/{page}/3", files={"file": ("x", b"x")}).status_code == 204


# ---------------------------------------------------------------- sockets


def test_a_flood_of_messages_holds_up_nobody(server):
    """300 on each of three sockets from one address. At what pace they come through is in test_sockets.py."""
    message = BackMsg()
    message.rerun_script.page_name = "train"
    over = threading.Event()

    def heard(socket) -> None:
        with contextlib.suppress(ConnectionClosed):
            for _ in socket:
                pass

    def flood() -> None:
        with contextlib.suppress(ConnectionClosed, OSError), stream(server, "203.0.113.60") as socket:
            threading.Thread(target=heard, args=[socket], daemon=True).start()
            for _ in range(300):
                if over.is_set():
                    return
                socket.send(message.SerializeToString())
            over.wait(PATIENCE)

    with concurrent.futures.ThreadPoolExecutor(3) as threads:
        floods = [threads.submit(flood) for _ in range(3)]
        try:
            for _ in range(10):
                assert httpx.get(f"{server}/_stcore/health", timeout=PATIENCE).status_code == 200
            with stream(server, HERE) as socket:
                assert page_opened(socket)
        finally:
            over.set()
    assert not [flood.exception() for flood in floods if flood.exception()]
