"""The style app comes up behind the server: whoever asks for it too early is told so, and nobody else waits."""

import asyncio
import contextlib
import re
import signal
import threading

import httpx
import pytest
from playwright.sync_api import expect
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from support.studio import changed, process_at, serving
from support.waiting import PATIENCE
from ui.server.late import Late

pytestmark = pytest.mark.server

BROWSER = {"Accept": "text/html,*/*"}
# The studio, whose style app is made only once there is a file at `GO`.
HELD = """
import os, time
make = app._style._make
def held():
    while not os.path.exists(os.environ["GO"]):
        time.sleep(0.02)
    return make()
app._style._make = held
"""


class Asked:
    """A small app that comes up when it is let go, and what it was seen doing."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.go, self.fault, self.seen = threading.Event(), fault, []
        self.late = Late("The app", self._make)

    def _make(self) -> Starlette:
        self.go.wait(PATIENCE)
        if self.fault:
            raise self.fault
        return Starlette(routes=[Route("/", lambda _: PlainTextResponse("here"))], lifespan=self._lifespan)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _):
        self.seen.append("up")
        yield
        self.seen.append("down")

    def client(self) -> httpx.AsyncClient:
        mounted = Starlette(routes=[Mount("/late", app=self.late)])
        return httpx.AsyncClient(transport=httpx.ASGITransport(mounted), base_url="http://there")


async def _once_it_is(status: int, client: httpx.AsyncClient) -> httpx.Response:
    async with asyncio.timeout(PATIENCE):
        while (answer := await client.get("/late/")).status_code != status:
            await asyncio.sleep(0.01)
    return answer


def test_it_is_excused_until_it_is_there():
    async def all_of_it(asked: Asked) -> None:
        async with asked.client() as client, asked.late.running():
            page = await client.get("/late/?__theme=dark&photo=a", headers=BROWSER)
            assert page.status_code == 503
            assert "is starting" in page.text
            assert 'http-equiv="refresh" content="1"' in page.text
            assert 'content="dark"' in page.text
            program = await client.post("/late/call/paint", json={})
            assert (program.status_code, program.headers["retry-after"]) == (503, "1")
            assert "is starting" in program.json()["detail"]
            asked.go.set()
            assert (await _once_it_is(200, client)).text == "here"
            assert asked.seen == ["up"]
        assert asked.seen == ["up", "down"]

    asyncio.run(all_of_it(Asked()))


def test_one_that_fails_says_so_and_is_not_waited_for(capsys):
    async def all_of_it(asked: Asked) -> None:
        async with asked.client() as client, asked.late.running():
            asked.go.set()
            answer = await _once_it_is(500, client)
            assert "log" in answer.json()["detail"]
            assert "retry-after" not in answer.headers
            page = await client.get("/late/", headers=BROWSER)
            assert "could not start" in page.text
            assert "refresh" not in page.text

    asyncio.run(all_of_it(Asked(ValueError("no colours"))))
    assert "ValueError: no colours" in capsys.readouterr().err


def test_leaving_does_not_wait_for_it():
    async def all_of_it(asked: Asked) -> None:
        async with asked.late.running():
            pass
        assert not asked.go.is_set()  # `_make` is still at it
        assert not asked.seen
        asked.go.set()

    asyncio.run(all_of_it(Asked()))


@pytest.fixture
def held(tmp_path):
    """A public studio whose style app waits to be let go. -> its address, and the file that lets it go."""
    go = tmp_path / "go"
    here = {"GANVAS_PUBLIC": "1", "GRADIO_TEMP_DIR": str(tmp_path / "gradio"), "GO": str(go)}
    with serving(tmp_path, changed(tmp_path, HELD), "/_stcore/health", anew=True, env=here) as address:
        yield address, go
        go.touch()


def test_the_pages_are_there_before_it_and_its_frame_says_so(held, browser):
    address, go = held
    page = browser.new_page()
    page.goto(f"{address}/paint")
    frame = page.frame_locator("iframe[src*='/style/']")
    expect(frame.get_by_role("status")).to_contain_text("is starting")
    go.touch()
    expect(frame.get_by_role("button", name="Paint", exact=True)).to_be_visible()
    page.close()


def test_the_gate_stands_before_it_from_the_first_request_and_it_ends_at_once(held, tmp_path):
    address, go = held
    with httpx.Client(base_url=address, timeout=PATIENCE) as anna:
        page = anna.get("/style/", headers=BROWSER)
        assert page.status_code == 503
        assert page.headers["x-content-type-options"] == "nosniff"
        assert re.match(r"ganvas=[\w.-]+; Path=/; .*HttpOnly", page.headers["set-cookie"])
        foreign = {"Origin": "https://elsewhere.example"}
        assert anna.post("/style/gradio_api/call/sample", json={}, headers=foreign).status_code == 403
        assert anna.get("/style/monitoring").status_code == 404
        assert anna.get("/style/config", headers={"Host": "elsewhere.example"}).status_code == 421
        assert anna.get("/style/config").status_code == 503
    process = process_at(address)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == -signal.SIGTERM
    assert not go.exists()
    assert "Traceback" not in (tmp_path / "server.log").read_text()
