"""Many strangers at once: how long pages take, whether everybody gets their own painting, and whether memory returns.

    python bench/load.py [--visitors 50] [--seconds 180] [--rounds 1]

The real server in public mode, with folders of its own. Each visitor has a cookie and a colour code of their own. Over
a real websocket they open pages, one every twelve seconds or so, as a browser would: a page is there once its script is
over, that of the style app once all its widgets have come; then its pictures are fetched. At the same time each paints
one small picture after the other through the style page, with the same events as a browser: they join, see their place
in the line, and look at every preview and painting they get for their own colours. A run is trained all the time, and
one of them paints large pictures through the API, which wait in the same line. When the time is over everybody leaves,
whoever still waits too.

Visitors and server share this machine, so a page takes longer here than on a server of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import html
import io
import json
import os
import random
import re
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import httpx
import psutil
from gradio_client import Client, handle_file
from PIL import Image
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect

from core.gan.request import TrainRequest
from core.runs import lifecycle, processes, states
from core.runs.run_folder import Run
from core.settings import settings_of
from core.style.request import StyleRequest
from core.visitors import identity
from support.studio import serving
from ui.server import visitor

PAGES = {"": b"Ganvas", "train": b"Train", "generate": b"Generate", "models": b"Models", "style": b""}  # and titles
READING = (4.0, 20.0)  # seconds a visitor looks at a page
SMALL = {"size": (64, 96, 128), "steps": (2, 6)}
LARGE = {"size": 448, "steps": 30}
TRAINED = TrainRequest(size=32, steps=20_000)
KEPT = httpx.Limits(keepalive_expiry=2)  # the server lets connections go after five seconds
SECRET_NAME = "Stars of one visitor"  # of the run: nobody else's page may hold it
REST = 270.0  # seconds after everybody left: Streamlit keeps closed sessions for two minutes, then comes the sweeper
LIMITS = ("waiting already", "waiting or at work", "being answered", "Queue is full")  # what a refusal says
DARK, BRIGHT = 60, 200  # of a colour code


@dataclass
class Seen:
    """What all visitors together have seen."""

    pages: dict[str, list[float]] = field(default_factory=lambda: collections.defaultdict(list))
    finished: collections.Counter = field(default_factory=collections.Counter)  # paintings, by visitor
    large: int = 0
    previews: int = 0
    places: list[int] = field(default_factory=list)  # the first place in the line that each painting was told
    waits: list[float] = field(default_factory=list)  # seconds from joining to the painting
    given_up: int = 0  # still waiting when the time was over
    refused: collections.Counter = field(default_factory=collections.Counter)
    errors: list[str] = field(default_factory=list)


# ---------------------------------------------------------------- colours


def coded(number: int, side: int) -> Image.Image:
    """A picture of two flat halves whose six channels are the bits of a number below 64."""
    bits = [BRIGHT if number >> place & 1 else DARK for place in range(6)]
    picture = Image.new("RGB", (side, side * 3 // 4), tuple(bits[:3]))
    picture.paste(tuple(bits[3:]), (side // 2, 0, side, side))
    return picture


def decoded(picture: Image.Image) -> int:
    """The number a picture shows, painted or not."""
    halves = picture.convert("RGB").resize((4, 1), Image.Resampling.BOX)
    channels = [*halves.getpixel((0, 0)), *halves.getpixel((3, 0))]
    return sum((value > (DARK + BRIGHT) / 2) << place for place, value in enumerate(channels))


def as_png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


# ---------------------------------------------------------------- one visitor


class Visitor:
    """A browser: its cookie, its open page, its tab of the style app."""

    def __init__(self, address: str, number: int, seen: Seen) -> None:
        self.address, self.number, self.seen = address, number, seen
        elsewhere = {"X-Forwarded-For": f"203.0.113.{number}"}  # believed where `GANVAS_PROXIES` is 1
        opened = httpx.get(address, headers={"Accept": "text/html", **elsewhere})
        self.secret = opened.cookies[visitor.COOKIE].partition(".")[0]
        self.cookie = {"Cookie": f"{visitor.COOKIE}={opened.cookies[visitor.COOKIE]}", **elsewhere}
        self.http = httpx.AsyncClient(base_url=address, headers=self.cookie, timeout=60, limits=KEPT)
        self.chance = random.Random(number)
        self.kept: set[str] = set()  # pictures of pages: a browser fetches each only once
        self.wanted: set[str] = set()

    async def open(self, name: str) -> float:
        """Seconds until a page is there."""
        began = time.perf_counter()
        await (self._open_style() if name == "style" else self._open_page(name))
        return time.perf_counter() - began

    async def _open_page(self, name: str) -> None:
        (await self.http.get(f"/{name}", headers={"Accept": "text/html"})).raise_for_status()
        stream = f"{self.address.replace('http', 'ws', 1)}/_stcore/stream"
        asked = BackMsg()
        asked.rerun_script.page_name = name
        heard, pictures = b"", set()
        headers = {**self.cookie, "Origin": self.address}
        async with connect(stream, additional_headers=headers, subprotocols=["streamlit"], max_size=None) as socket:
            await socket.send(asked.SerializeToString())
            async for data in socket:
                message = ForwardMsg.FromString(data)
                heard += data
                pictures |= {found.decode() for found in re.findall(rb"/media/[0-9a-f]+\.\w+", data)}
                if message.delta.new_element.WhichOneof("type") == "exception":
                    raise AssertionError(f"{name}: {message.delta.new_element.exception.message}")
                if message.WhichOneof("type") == "script_finished":
                    break
            if PAGES[name] not in heard:
                raise AssertionError(f"{name}: the page is not there")
            if self.number and SECRET_NAME.encode() in heard:
                raise AssertionError(f"{name}: another's run is shown")
        self.wanted = pictures - self.kept

    async def look(self) -> None:
        """Fetch the pictures of the page, which come after its words."""
        while self.wanted:
            picture = self.wanted.pop()
            (await self.http.get(picture)).raise_for_status()
            self.kept.add(picture)

    async def _open_style(self) -> None:
        answer = await self.http.get("/style/", headers={"Accept": "text/html"})
        answer.raise_for_status()
        if "Paint a photo" not in answer.text:
            raise AssertionError("style: the page is not there")

    # ------------------------------------------------------------ painting

    async def paint(self, fn: int) -> None:
        """One painting through a tab of the style page; the tab is closed at the end, or when this is cancelled."""
        tab, size = secrets.token_hex(6), self.chance.choice(SMALL["size"])
        photo, style = [await self._uploaded(coded(self.number, side)) for side in (size, 64)]
        values = {name: about.default for name, about in settings_of(StyleRequest).items()}
        values |= {"size": size, "steps": self.chance.randint(*SMALL["steps"])}
        data = [photo, [{"image": style, "caption": None}], "", *values.values()]
        began, places = time.perf_counter(), []
        async with self.http.stream("GET", f"/style/gradio_api/heartbeat/{tab}", timeout=None):
            joined = await self.http.post(
                "/style/gradio_api/queue/join", json={"data": data, "fn_index": fn, "session_hash": tab}
            )
            if joined.status_code != 200:
                self._refused(joined.text)
                return
            done = False
            async for news in self._news(tab):
                text = json.dumps(news)
                if place := re.search(r"Waiting: (\d+) painting", text):
                    places.append(int(place[1]))
                if news["msg"] == "process_completed" and not news["success"]:
                    self._refused(str(news["output"].get("error")))
                    return
                if told := re.search(r"status refused.*?<p>(.*?)</p>", text):
                    self._refused(html.unescape(told[1]))
                    return
                for path in re.findall(r'"path": "(/[^"]+)"', text):
                    await self._look_at(path)
                    done |= path.endswith("painting.png")
        if not done:
            raise AssertionError("there is no painting at the end")
        self.seen.places.append(places[0] if places else 0)
        self.seen.waits.append(time.perf_counter() - began)
        self.seen.finished[self.number] += 1

    async def _uploaded(self, picture: Image.Image) -> dict:
        files = {"files": ("picture.png", as_png(picture))}
        answer = await self.http.post("/style/gradio_api/upload", files=files)
        answer.raise_for_status()
        return {"path": answer.json()[0], "meta": {"_type": "gradio.FileData"}}

    async def _news(self, tab: str) -> AsyncIterator[dict]:
        parameters = {"session_hash": tab}
        async with self.http.stream("GET", "/style/gradio_api/queue/data", params=parameters, timeout=None) as stream:
            stream.raise_for_status()
            async for line in stream.aiter_lines():
                if line.startswith("data:"):
                    news = json.loads(line[5:])
                    if news["msg"] == "unexpected_error":
                        raise AssertionError(news["message"])
                    yield news
                    if news["msg"] in ("process_completed", "close_stream"):
                        return

    async def _look_at(self, path: str) -> None:
        answer = await self.http.get(f"/style/gradio_api/file={path}")
        answer.raise_for_status()
        found = decoded(Image.open(io.BytesIO(answer.content)))
        if found != self.number:
            raise AssertionError(f"visitor {self.number} has got a picture of visitor {found}")
        self.seen.previews += 1

    def _refused(self, words: str) -> None:
        if not any(limit in words for limit in LIMITS):
            raise AssertionError(f"refused without a reason: {words}")
        self.seen.refused[words] += 1

    # ------------------------------------------------------------ a visit

    async def visit(self, until: float, fn: int) -> None:
        painting = asyncio.create_task(self._paintings(fn))
        await asyncio.sleep(self.chance.uniform(0, 3))
        while time.monotonic() < until:
            name = self.chance.choice(list(PAGES))
            with self._told(name or "home"):
                self.seen.pages[name or "home"].append(await self.open(name))
                await self.look()
            await asyncio.sleep(min(self.chance.uniform(*READING), max(0.0, until - time.monotonic())))
        painting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await painting
        await self.http.aclose()

    async def _paintings(self, fn: int) -> None:
        await asyncio.sleep(self.chance.uniform(2, 8))
        while True:
            self.seen.given_up += 1
            with self._told("painting"):
                await self.paint(fn)
            self.seen.given_up -= 1  # unless it was cancelled meanwhile
            await asyncio.sleep(self.chance.uniform(2, 10))

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # one visitor's trouble is counted, and the others go on
            self.seen.errors.append(f"visitor {self.number}, {what}: {type(error).__name__}: {error}"[:300])


# ---------------------------------------------------------------- what goes on meanwhile


def trained(who: Visitor) -> Run:
    with identity.asking(identity.name_of(who.secret)):
        run = lifecycle.create(TRAINED, {"kind": "drawn", "name": "planets", "count": 500}, SECRET_NAME)
        processes.start(run)
    return run


def painted_large(who: Visitor, until: float) -> None:
    """Large paintings through the client that Gradio offers to programs, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.png"
        photo.write_bytes(as_png(coded(who.number, 640)))
        client = Client(f"{who.address}/style/", headers=who.cookie, download_files=folder, verbose=False)
        while time.monotonic() < until:
            file = handle_file(photo)
            job = client.submit(photo=file, styles=[{"image": file}], style_weights="", **LARGE, api_name="/paint")
            while not job.done() and time.monotonic() < until:
                time.sleep(0.2)
            if not job.done():
                job.cancel()
                break
            with who._told("a large painting"):
                path, _ = job.result()
                if decoded(Image.open(path)) != who.number:
                    raise AssertionError("another's large painting came")
                who.seen.large += 1
        client.close()


class Memory:
    """Of the server, in MB."""

    def __init__(self) -> None:
        (server,) = [child for child in psutil.Process().children() if "app.py" in child.cmdline()]
        self.server, self.peak = server, 0.0

    def now(self) -> float:
        return self.server.memory_info().rss / 1e6

    async def watch(self) -> None:
        while True:
            self.peak = max(self.peak, self.now())
            await asyncio.sleep(0.5)


# ---------------------------------------------------------------- all together


async def load(address: str, number: int, seconds: float, rounds: int, rest: float = REST) -> tuple[Seen, dict]:
    """`number` visitors for so many seconds, `rounds` times; -> what they saw, and the server's memory in MB."""
    seen, memory, alone = Seen(), Memory(), Seen()
    taken = {"started": memory.now()}
    first = Visitor(address, 0, alone)
    fn = await events(first, "start")
    await first.paint(fn)  # torch and the network come, and stay
    for name in [*PAGES] * 4:
        alone.pages[name or "home"].append(await first.open(name))
    await first.http.aclose()
    taken["one visitor was here"] = memory.now()
    for turn in range(1, rounds + 1):
        watching = asyncio.create_task(memory.watch())
        crowd = [Visitor(address, n, seen) for n in range(number)]
        run = trained(crowd[0])
        until = time.monotonic() + seconds
        large = asyncio.to_thread(painted_large, crowd[-1], until)
        await asyncio.gather(large, *(one.visit(until, fn) for one in crowd))
        watching.cancel()
        taken[f"most, round {turn}"] = memory.peak
        if run.status != states.RUNNING or not run.state.get("step"):
            seen.errors.append(f"the run is {run.status} at step {run.state.get('step')}")
        taken[f"steps trained, round {turn}"] = run.state.get("step", 0)
        processes.pause(run)
        await asyncio.sleep(rest)
        taken[f"{rest:.0f} s after everybody left, round {turn}"] = memory.now()
    seen.pages["(alone)"] = [time for times in alone.pages.values() for time in times][len(PAGES) :]
    return seen, taken


async def events(who: Visitor, name: str) -> int:
    """The number by which a page calls one of the style app's events."""
    config = (await who.http.get("/style/config")).json()
    return next(event["id"] for event in config["dependencies"] if event["api_name"] == name)


def table(seen: Seen, taken: dict, number: int) -> str:
    lines = [f"{'page':24}{'opened':>8}{'p50':>8}{'p95':>8}{'max':>8}   seconds"]
    everything = [time for name, times in seen.pages.items() if name != "(alone)" for time in times]
    for name, times in [*sorted(seen.pages.items()), ("all", everything)]:
        cuts = statistics.quantiles(times, n=20) if len(times) > 1 else [0.0] * 19
        lines.append(f"{name:24}{len(times):8}{cuts[9]:8.2f}{cuts[18]:8.2f}{max(times, default=0):8.2f}")
    waits = sorted(seen.waits) or [0.0]
    lines += [
        f"paintings finished      {sum(seen.finished.values())} of {len(seen.finished)} of {number} visitors, "
        f"and {seen.large} large",
        f"pictures looked at      {seen.previews}, all of the visitor's own colours" * (not seen.errors),
        f"first place in the line up to {max(seen.places, default=0)}; from joining to the painting "
        f"{statistics.median(waits):.0f} s median, {waits[-1]:.0f} s at most",
        f"left while waiting      {seen.given_up}",
        f"refused                 {sum(seen.refused.values())} {dict(seen.refused) or ''}",
        f"errors                  {len(seen.errors)}",
        *(f"    {count} x {error}" for error, count in collections.Counter(seen.errors).most_common(8)),
        *(f"{name:40}{value:8.0f}{'' if 'steps' in name else ' MB'}" for name, value in taken.items()),
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visitors", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="load-") as folder:
        home = Path(folder)
        here = {"GANVAS_PUBLIC": "1", "GANVAS_PROXIES": "1", "GRADIO_TEMP_DIR": str(home / "gradio")}
        os.environ.update(here, GANVAS_HOME=str(home / "runs"))  # this process starts the training
        with serving(home, env=here, anew=True) as address:
            seen, taken = asyncio.run(load(address, options.visitors, options.seconds, options.rounds))
        told = (home / "server.log").read_text()
        seen.errors += [line for line in told.splitlines() if re.match(r"\w+(\.\w+)*(Error|Exception)\b", line)]
    print(table(seen, taken, options.visitors))


if __name__ == "__main__":
    main()
