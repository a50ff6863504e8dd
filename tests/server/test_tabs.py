"""Strangers who know the names of another's open pages, and the numbers of what was asked there, at a real server."""

import contextlib
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from core.visitors.identity import Visitor
from support.studio import serving
from support.waiting import PATIENCE
from ui.server import tabs

pytestmark = pytest.mark.server

API = "/style/gradio_api"
ONCE = httpx.Limits(max_keepalive_connections=0)  # after a failed request the server closes the connection
SAMPLE = ["portraits", 0, 1, 1.0, True, False, None]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("tabs")


@pytest.fixture(scope="module")
def server(home):
    here = {"GANVAS_PUBLIC": "1", "GANVAS_PROXIES": "1", "GRADIO_TEMP_DIR": str(home / "gradio")}
    with serving(home, env=here) as address:
        yield address


@contextlib.contextmanager
def client(server: str, address: str, *, cookie: bool = True) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, headers={"X-Forwarded-For": address}, timeout=PATIENCE, limits=ONCE) as made:
        if cookie:
            made.get("/", headers={"Accept": "text/html"})
        yield made


@pytest.fixture
def anna(server):
    with client(server, "1.1.1.1") as one:
        yield one


@pytest.fixture(params=["with a cookie", "without", "of the same address"])
def bert(server, request):
    same = request.param == "of the same address"
    with client(server, "1.1.1.1" if same else "2.2.2.2", cookie=request.param != "without") as one:
        yield one


def event(one: httpx.Client, name: str) -> int:
    return next(e["id"] for e in one.get("/style/config").json()["dependencies"] if e["api_name"] == name)


def joined(one: httpx.Client, tab: str, path: str = "queue/join", name: str = "sample", data=SAMPLE) -> httpx.Response:
    asked = {"data": data, "fn_index": event(one, name), "session_hash": tab}
    return one.post(f"{API}/{path}", json=asked)


def news(one: httpx.Client, route: str) -> str:
    with one.stream("GET", f"{API}/{route}") as stream:
        return f"{stream.status_code} " + "\n".join(stream.iter_lines())


def test_an_answer_is_given_to_whoever_asked(anna, bert):
    begun = anna.post(f"{API}/call/sample", json={"data": SAMPLE}).json()["event_id"]
    for route in (f"call/sample/{begun}", f"call/paint/{begun}", f"call/v2/sample/{begun}",
                  f"queue/data?session_hash={begun}", f"queue/data?session_hash=x&session_hash={begun}",
                  f"heartbeat/{begun}"):  # fmt: skip
        assert bert.get(f"{API}/{route}").status_code == 404, route
    for event_id, tab in ((begun, "x"), ("x", begun), (begun, begun)):
        asked = {"event_id": event_id, "session_hash": tab, "fn_index": event(bert, "sample")}
        assert bert.post(f"{API}/cancel", json=asked).status_code == 404
        assert bert.post(f"{API}/cancel", content=json.dumps(asked).encode("utf-16")).status_code == 404
    assert bert.post(f"{API}/reset", json={"event_id": begun}).status_code == 404
    assert bert.post(f"{API}/stream/{begun}", json={"data": []}).status_code == 404
    assert bert.post(f"{API}/stream/{begun}/close").status_code == 404
    assert '"pictures"' in news(anna, f"call/sample/{begun}")


def test_nothing_is_asked_in_anothers_name(anna, bert):
    tab = f"annas {id(bert)}"
    assert joined(anna, tab).status_code == 200
    assert joined(bert, tab).status_code == 404
    assert bert.post(f"{API}/call/sample", json={"data": SAMPLE, "session_hash": tab}).status_code == 404
    for path in ("run/stop", "api/stop", "run/stop/", "run/predict"):
        assert joined(bert, tab, path, "stop", []).status_code == 404, path
    assert joined(anna, tab, "run/stop", "stop", []).status_code == 200
    assert '"pictures"' in news(anna, f"queue/data?session_hash={tab}")


def test_ones_own_question_is_ended(anna):
    begun = joined(anna, "mine").json()["event_id"]
    asked = {"event_id": begun, "session_hash": "mine", "fn_index": event(anna, "sample")}
    assert anna.post(f"{API}/cancel", json=asked).json() == {"success": True}


def test_whoever_keeps_no_cookie_has_pages_too(server):
    with client(server, "3.3.3.3", cookie=False) as one:
        begun = one.post(f"{API}/call/sample", json={"data": SAMPLE}).json()["event_id"]
        assert '"pictures"' in news(one, f"call/sample/{begun}")


@pytest.mark.parametrize("name", ["x" * 100_000, "x" * 129])
def test_no_page_has_a_giant_name(anna, name):
    assert joined(anna, name).status_code == 404
    assert joined(anna, name, "run/stop", "stop", []).status_code == 404


def test_what_is_no_json_is_told_so(anna):
    for body in (b"", b"[" * 100_000, b"{", b"\xff\xfe\x00"):
        answer = anna.post(f"{API}/cancel", content=body)
        assert (answer.status_code, answer.text[:16]) == (400, "JSON is expected"), body[:20]
    for odd in (5, [], {"session_hash": 5}, {"session_hash": ["x"]}):
        assert anna.post(f"{API}/cancel", json=odd).status_code == 422


def test_questions_that_make_no_sense_are_answered_and_told_in_a_line(server, home):
    bodies = [b'{"data":[],"fn_index":99999,"session_hash":"a"}', b'{"data":[],"fn_index":-1,"session_hash":"a"}',
              b'{"data":{},"fn_index":0,"trigger_id":1e999,"event_data":[1],"session_hash":"a"}', b"[" * 100_000,
              b'{"data":[' + b"9" * 100_000 + b'],"fn_index":1,"session_hash":"a"}', b"{}",
              b'{"data":"x"}']  # fmt: skip
    routes = ("run/predict", "queue/join", "call/paint", "call/sample", "call/v2/sample", "cancel", "reset")
    before = len((home / "server.log").read_text())
    with client(server, "4.4.4.4", cookie=False) as one:
        for body, route in itertools.product(bodies, routes):
            answer = one.post(f"{API}/{route}", content=body, headers={"Content-Type": "application/json"})
            if answer.status_code == 200 and "event_id" in answer.text:
                one.get(f"{API}/{route}/{answer.json()['event_id']}")
        assert one.get("/_stcore/health").status_code == 200
    told = (home / "server.log").read_text()[before:]
    assert "Traceback" not in told
    assert f"'{API}/run/predict': KeyError '99999' (" in told


def test_what_no_page_needs_is_closed(anna):
    for route in ("startup-events", "stream/x/1/1/playlist.m3u8"):
        assert anna.get(f"{API}/{route}").status_code == 404
    asked = {"session_hash": "x", "component_id": 1, "fn_name": "ls", "data": "/"}
    assert anna.post(f"{API}/component_server", json=asked).status_code == 404
    assert anna.post("/_stcore/agent/interact", json={}).status_code == 404


# ---------------------------------------------------------------- Streamlit's pages


@contextlib.contextmanager
def page(one: httpx.Client, again: str = "") -> Iterator[tuple[ClientConnection, str]]:
    """-> the socket of an open page that was drawn, and its name. `again`: the one that is to be taken up."""
    headers = {"X-Forwarded-For": one.headers["X-Forwarded-For"], "Origin": str(one.base_url).rstrip("/")}
    headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in one.cookies.items())
    protocols = ["streamlit", "secret", again] if again else ["streamlit"]
    address = f"{str(one.base_url).replace('http', 'ws', 1).rstrip('/')}/_stcore/stream"
    with connect(address, additional_headers=headers, subprotocols=protocols, max_size=None) as line:
        message = BackMsg()
        message.rerun_script.query_string = ""
        line.send(message.SerializeToString())
        name = ""
        while True:
            told = ForwardMsg.FromString(line.recv(60))
            if told.WhichOneof("type") == "new_session":
                name = told.new_session.initialize.session_id
            if told.WhichOneof("type") == "script_finished":
                break
        yield line, name


def test_files_are_brought_to_ones_own_page(anna, bert):
    with page(anna) as (_, name):
        there = f"/_stcore/upload_file/{name}/one"
        assert anna.put(there, files={"file": ("a.txt", b"Anna's")}).status_code == 204
        assert bert.put(there, files={"file": ("a.txt", b"Bert's")}).status_code == 404
        assert bert.put(f"{there}-more", files={"file": ("a.txt", b"Bert's")}).status_code == 404
        assert bert.delete(there).status_code == 404
        assert anna.delete(there).status_code == 204


def test_a_page_is_taken_up_again_by_its_visitor_alone(anna, bert):
    with page(anna) as (_, name):
        pass
    with page(bert, again=name) as (_, other):
        assert other != name
    with page(anna, again=name) as (_, same):
        assert same == name


# ---------------------------------------------------------------- what is remembered


def test_whoever_has_most_names_is_forgotten_first(monkeypatch):
    monkeypatch.setattr(tabs, "_owners", type(tabs._owners)())
    monkeypatch.setattr(tabs, "MOST", 100)
    anna, flood = (Visitor(name, name, name) for name in ("anna", "flood"))
    assert tabs.belongs("annas", anna)
    for number in range(1000):
        assert tabs.belongs(f"flood {number}", flood)
    assert len(tabs._owners) <= 100
    assert not tabs.belongs("annas", flood)
    assert not tabs.belongs("flood 999", anna)
