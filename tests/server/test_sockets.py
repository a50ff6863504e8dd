"""What a page says on its socket, sorted at the door."""

import asyncio

import pytest
from streamlit import config
from streamlit.proto.BackMsg_pb2 import BackMsg

from ui.server import sockets


@pytest.fixture(autouse=True)
def _public(monkeypatch):
    monkeypatch.setenv("GANVAS_PUBLIC", "1")


def said(**fields: object) -> dict:
    message = BackMsg()
    for name, value in fields.items():
        if value is None:
            getattr(message, name).SetInParent()
        else:
            setattr(message, name, value)
    return {"type": "websocket.receive", "bytes": message.SerializeToString()}


def heard(*messages: dict) -> list[dict]:
    """What comes through of these, until the line is over."""
    coming = iter([*messages, {"type": "websocket.disconnect", "code": 1000}])

    async def receive() -> dict:
        return next(coming)

    async def all_of_it() -> list[dict]:
        one = sockets.Heard({"type": "websocket", "client": ("203.0.113.5", 1), "headers": []}, receive)
        through = [await one.receive()]
        while through[-1]["type"] != "websocket.disconnect":
            through.append(await one.receive())
        one.over()
        return through

    return asyncio.run(all_of_it())


@pytest.fixture
def waited(monkeypatch) -> list[float]:
    """How long each message is held back. Time goes by only while one is."""
    waits, clock = [], [1000.0]

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(sockets, "_paces", {})
    monkeypatch.setattr(sockets.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(sockets.asyncio, "sleep", sleep)
    return waits


def test_what_pages_say_comes_through():
    asked = [said(rerun_script=None), said(stop_script=True), said(app_heartbeat=True), said(file_urls_request=None)]
    *through, last = heard(*asked)
    assert through == asked
    assert last["code"] == 1000


def test_a_flood_waits_for_its_turn(waited):
    """A burst passes as it came, what follows as fast as a page may talk: five in a second."""
    heard(*[said(rerun_script=None)] * 120)
    assert waited[:20] == pytest.approx([0.0] * 20, abs=0.001)
    assert waited[20:] == pytest.approx([0.2] * 100, abs=0.001)


def test_a_flood_over_many_sockets_waits_as_well(waited):
    """Thirty in a second from one address, however many sockets they come on."""
    for _ in range(20):
        heard(*[said(rerun_script=None)] * 20)
    assert waited[:120] == pytest.approx([0.0] * 120, abs=0.001)
    assert waited[120:] == pytest.approx([1 / 30] * 280, abs=0.001)


@pytest.mark.parametrize("command", [
    "clear_cache", "set_run_on_save", "load_git_info", "debug_disconnect_websocket", "debug_shutdown_runtime",
    "backend_operation_request",
])  # fmt: skip
def test_commands_for_developers_are_passed_over(command):
    """The first empties what is kept for everybody, in the middle of their pages."""
    rerun = said(rerun_script=None)
    *through, last = heard(said(**{command: None if command == "backend_operation_request" else True}), rerun)
    assert through == [rerun]
    assert last["code"] == 1000


def test_all_kinds_there_are_were_thought_of():
    kinds = {kind.name for kind in BackMsg.DESCRIPTOR.oneofs_by_name["type"].fields}
    assert kinds - set(sockets.SAID) == {
        "clear_cache", "set_run_on_save", "load_git_info", "debug_disconnect_websocket", "debug_shutdown_runtime",
        "backend_operation_request",
    }  # fmt: skip


def much(kind: str) -> bytes:
    """What a page could say, and no page has to."""
    message = BackMsg()
    if kind == "names":  # half a megabyte of them had the server make addresses for five seconds
        message.file_urls_request.file_names.extend([""] * 5001)
    else:  # what widgets hold is kept for as long as the page is open
        message.rerun_script.widget_states.widgets.add(id="x", string_value="x" * 300_000)
    return message.SerializeToString()


@pytest.mark.parametrize("nonsense", [
    {"bytes": b"\xff" * 100}, {"bytes": b""}, {"text": "hello"}, {"text": "hello", "bytes": None},
    {"bytes": much("names")}, {"bytes": much("values")},
])  # fmt: skip
def test_nonsense_is_hung_up_on(nonsense):
    assert heard({"type": "websocket.receive", **nonsense}, said(rerun_script=None)) == [sockets.NONSENSE]


def test_pages_are_not_read_for_bare_values():
    """Two that are read at the same moment could break each other."""
    assert config.get_option("runner.magicEnabled") is False
