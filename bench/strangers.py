"""A studio under siege and the strangers who come: what `bench/siege.py` and its attacks are written with.

The server is a real one in public mode, started with folders of its own on loopback; strangers speak to it as programs
do, by HTTP and the pages' sockets, each from a loopback address of their own.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import httpx
import psutil
from PIL import Image
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from core.visitors import identity
from support.local_hub import LocalHub
from support.studio import process_at, serving
from ui.server import visitor

API = "/style/gradio_api"
RUINED = 6e9  # bytes a server may grow to before the siege ends it, to spare the machine
PATIENCE = 60.0  # seconds a visitor waits for a small painting, a sample or a page
FAIR = 4  # paintings before a newcomer's: one at work, and the first of each of the few other addresses
SAMPLE = ("portraits", 0, 4, 1.0, True, False, None)


class Fell(Exception):
    """An attack succeeded; the words say what was seen."""


@dataclass(frozen=True)
class Attack:
    """`run` tries it, raises `Fell` where it does not hold, and returns in a few words what was seen. `point` is where
    issue 11 has it, "+" what was thought of later; `quick` ones are the tests' short siege as well."""

    point: str
    name: str
    run: Callable[[Stranger], str]
    quick: bool


ALL: list[Attack] = []  # in the order they are tried


def attack(point: str, quick: bool = False):
    """Makes a function an attack, named after it."""

    def add(run: Callable[[Stranger], str]) -> Callable[[Stranger], str]:
        ALL.append(Attack(point, run.__name__.replace("_", " "), run, quick))
        return run

    return add


# ---------------------------------------------------------------- the server under siege


class Studio:
    """A server in public mode with folders of its own, secrets worth stealing, and a Hub that strangers fill."""

    def __init__(self, home: Path) -> None:
        self.home, self.marker = home, f"marked-{os.urandom(8).hex()}"
        self.secret = home / "secret.txt"  # neither upload nor example
        self.secret.write_text(f"{self.marker}, a secret of this server\n")
        self.picture = home / "secret.png"  # what no check by content refuses
        self.picture.write_bytes(picture(96))
        self.hub = LocalHub()
        self.address, self.peak = "", 0.0
        self.resting: Callable[[], AbstractContextManager] = contextlib.nullcontext  # of the honest visitor
        self._process: psutil.Process | None = None
        self._stack = contextlib.ExitStack()
        self._starts = 0
        self.over = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def start(self) -> None:
        self._starts += 1
        here = {
            "GANVAS_PUBLIC": "1", "GRADIO_TEMP_DIR": str(self.home / "gradio"), "HF_ENDPOINT": self.hub.url,
            "HF_TOKEN": f"hf_{self.marker}", "STUDIO_SECRET": self.marker,
        }  # fmt: skip
        (log := self.home / "server.log").exists() and log.rename(self.home / f"server-{self._starts}.log")
        self.address = self._stack.enter_context(serving(self.home, env=here, anew=True))
        self._process = process_at(self.address)
        config = httpx.get(f"{self.address}/style/config", timeout=30).json()
        self.widgets = {widget["id"]: widget for widget in config["components"]}
        self.events = config["dependencies"]

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    @property
    def process(self) -> psutil.Process:
        assert self._process is not None
        return self._process

    def memory(self) -> float:
        """Of the server, in bytes; 0 when it is gone."""
        with contextlib.suppress(psutil.Error, AssertionError):
            return float(self.process.memory_info().rss)
        return 0.0

    def _watch(self) -> None:
        while not self.over.wait(0.2):
            self.peak = max(self.peak, self.memory())
            if self.memory() > RUINED:
                self.kill()

    def health(self, timeout: float = 15.0) -> float:
        """Seconds until it says that it is well; infinite when it does not."""
        began = time.monotonic()
        with contextlib.suppress(httpx.HTTPError):
            httpx.get(f"{self.address}/_stcore/health", timeout=timeout).raise_for_status()
            return time.monotonic() - began
        return float("inf")

    @contextlib.contextmanager
    def answering(self, within: float) -> Iterator[None]:
        """Meanwhile the server must go on answering others, each time within so many seconds."""
        over, times = threading.Event(), [0.0]

        def ask() -> None:
            while not over.wait(0.2):
                times.append(self.health(within))

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        try:
            yield
        finally:
            over.set()
            asking.join(within + 1)
        times.append(self.health(within))
        if max(times) > within:
            raise Fell(f"others wait more than {within:g} s for an answer")

    @contextlib.contextmanager
    def memory_within(self, most: float) -> Iterator[None]:
        """Meanwhile the server must not take more than so many bytes on top."""
        before = self.peak = self.memory()
        yield
        if not self.memory():
            raise Fell(f"the server's memory grew by {(self.peak - before) / 1e9:.1f} GB, and it was ended")
        if self.peak - before > most:
            raise Fell(f"memory grew by {(self.peak - before) / 1e6:.0f} MB")

    def ruined(self) -> str:
        """Whether it has to be started again, and why."""
        if not self.memory():
            return "the server is gone"
        return "" if self.health() < 15 else "the server answers nobody"

    def kill(self) -> None:
        with contextlib.suppress(psutil.Error):
            self.process.kill()

    def restart(self) -> None:
        self.kill()
        self._stack.close()
        self.start()

    def close(self) -> None:
        self.over.set()
        self._stack.close()
        self.hub.close()


# ---------------------------------------------------------------- who comes


class Stranger:
    """A program at an address of its own, without a cookie until it asks for one."""

    def __init__(self, studio: Studio, number: int, *, cookie: bool = False) -> None:
        self.studio, self.here = studio, f"127.0.0.{number}"
        self.tab = f"tab-{os.urandom(8).hex()}"  # of their own: a page's name belongs to whoever used it first
        each_anew = httpx.Limits(max_keepalive_connections=0)  # a busy server lets idle connections go at any time
        self.http = httpx.Client(
            base_url=studio.address, timeout=20,
            transport=httpx.HTTPTransport(local_address=self.here, limits=each_anew),
        )  # fmt: skip
        if cookie:
            self.http.get("/", headers={"Accept": "text/html"})

    @property
    def name(self) -> str:
        return identity.name_of(visitor.secret_in(self.http.cookies))

    @property
    def cookie(self) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        return {"Cookie": cookies} if cookies else {}

    def upload(self, content: bytes, name: str = "photo.png", **options) -> dict:
        answer = self.http.post(f"{API}/upload", files={"files": (name, content)}, **options)
        if answer.status_code != 200:
            raise Fell(f"an upload was answered with {answer.status_code}: {answer.text[:80]}")
        return file_at(answer.json()[0])

    def call(self, endpoint: str, *values, **options) -> str:
        """What an endpoint of the API answers, all of it."""
        begun = self.http.post(f"{API}/call/{endpoint}", json={"data": values}, **options)
        if begun.status_code != 200:
            return f"{begun.status_code} {begun.text}"
        return self.http.get(f"{API}/call/{endpoint}/{begun.json()['event_id']}", timeout=PATIENCE).text

    def press(self, event: dict, data: list, tab: str) -> httpx.Response:
        """A private event of the page, answered at once."""
        asked = {"data": data, "fn_index": event["id"], "session_hash": tab}
        return self.http.post(f"{API}/run/predict", json=asked)

    def join(self, event: dict, data: list, tab: str) -> httpx.Response:
        """An event of the page, into Gradio's queue."""
        asked = {"data": data, "fn_index": event["id"], "session_hash": tab}
        return self.http.post(f"{API}/queue/join", json=asked)

    def news(self, tab: str, timeout: float = PATIENCE) -> Iterator[dict]:
        """What becomes of the events of a tab, until one is over."""
        with self.http.stream("GET", f"{API}/queue/data", params={"session_hash": tab}, timeout=timeout) as stream:
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    yield (told := json.loads(line[5:]))
                    if told["msg"] in ("process_completed", "close_stream", "unexpected_error"):
                        return

    def event(self, name: str) -> dict:
        return next(event for event in self.studio.events if event["api_name"] == name)

    def filled(self, event: dict, file: dict | None, **values) -> list:
        """What an event takes: a file in every place for files, the values named by their labels, else the page's."""
        data = []
        for number in event["inputs"]:
            widget = self.studio.widgets[number]
            match widget["type"]:
                case "image" | "file":
                    data.append(file)
                case "gallery":
                    data.append(file and [{"image": file, "caption": None}])
                case _:
                    about = widget["props"]
                    data.append(values.get(about.get("label", ""), about.get("value")))
        return data

    def socket(self, **options) -> ClientConnection:
        headers = {**self.cookie, "Origin": self.studio.address, **options.pop("headers", {})}
        return connect(
            f"{self.studio.address.replace('http', 'ws', 1)}/_stcore/stream", additional_headers=headers,
            subprotocols=["streamlit"], max_size=None, source_address=(self.here, 0), open_timeout=20,
            close_timeout=1, ping_interval=None, **options,
        )  # fmt: skip


class Page:
    """An open page: its socket, and its widgets by their labels. Sends any value, as Streamlit does not check them."""

    def __init__(self, who: Stranger, name: str) -> None:
        self.who, self.name, self.values, self._open = who, name, {}, contextlib.ExitStack()
        self.line = self._open.enter_context(who.socket())
        self.elements: dict = {}
        self.drawn: set[str] = set()  # labels of those that are there now
        self.said = ""
        self.run()

    def run(self, press: str = "", **values: tuple[str, object]) -> str:
        """Set widgets, as label=(kind of value, value), and press a button; -> all the words that are shown then."""
        asked = BackMsg()
        asked.rerun_script.page_name = self.name
        self.values |= {label.replace("_", " "): value for label, value in values.items()}
        chosen = {**self.values, **({press: ("trigger_value", True)} if press else {})}
        for label, (kind, value) in chosen.items():
            state = asked.rerun_script.widget_states.widgets.add(id=self.elements[label].id)
            if kind == "file_uploader_state_value":
                for name in value:
                    state.file_uploader_state_value.uploaded_file_info.add(file_id=name)
            elif kind.endswith("array_value"):
                getattr(state, kind).data.extend(value)
            else:
                setattr(state, kind, value)
        self.line.send(asked.SerializeToString())
        self.drawn, words, finished = set(), [], False
        while not finished:
            message = ForwardMsg.FromString(self.line.recv(PATIENCE))
            if message.WhichOneof("type") == "delta":
                kind = message.delta.new_element.WhichOneof("type")
                element = getattr(message.delta.new_element, kind) if kind else None
                label = getattr(element, "label", "")
                if label and getattr(element, "id", ""):
                    self.elements[label] = element
                    self.drawn.add(label)
                words.append(f"{kind}: {element}")
            if message.WhichOneof("type") == "script_finished":
                finished = message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY or finished
                finished |= message.script_finished not in (ForwardMsg.FINISHED_EARLY_FOR_RERUN,)
        self.said = "\n".join(words)
        return self.said

    def close(self) -> None:
        self._open.close()


def file_at(path: object, **more) -> dict:
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}


def picture(side: int = 64, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.effect_noise((side, side), 60).convert("RGB").save(file, kind)
    return file.getvalue()


def another_is_served(studio: Studio, number: int) -> str:
    """A visitor at another address paints and samples within their patience, and does not stand at the end of the
    line."""
    other = Stranger(studio, number, cookie=True)
    began = time.monotonic()
    data = other.filled(other.event("paint"), other.upload(picture()), **{"Size (px)": 64, "Steps": 2})
    answer = other.call("paint", *data)
    if "event: complete" not in answer:
        raise Fell(f"another visitor is refused: {answer[-160:]}")
    before = max((int(number) for number in re.findall(r'"position": ?(\d+)', answer)), default=0)
    if before > FAIR:
        raise Fell(f"another visitor waits behind {before} paintings")
    if '"pictures"' not in (answer := other.call("sample", *SAMPLE)):
        raise Fell(f"another visitor gets no sample: {answer[-160:]}")
    return f"another visitor was served in {time.monotonic() - began:.0f} s, behind {before} paintings"
