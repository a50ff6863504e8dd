"""What is carried in, counted at the door: Gradio's folder has an end."""

import asyncio
import os
import tempfile

import httpx
import pytest

from core.visitors import identity, policy, sweep
from ui.server import uploads
from ui.server.gate import Gate

FULL = policy.PUBLIC.uploads_disk
UPLOAD = "/style/gradio_api/upload"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(uploads, "MEASURED_SECONDS", 0)
    (tmp_path / "gradio").mkdir()
    return tmp_path / "gradio"


def holding(path, size: int, when: float = 2e9) -> None:
    """A file of so many bytes, which takes no room: it has nothing but a hole in it."""
    with path.open("wb") as file:
        file.truncate(size)
    os.utime(path, (when, when))


async def _taking(scope, receive, send):
    """What stands behind the door: takes a body in, and says how it ended."""
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": message["type"].encode()})


def sent(size: int, *, told: bool) -> tuple[int, str]:
    """Send so many bytes, with their number or without; -> status and words."""

    async def ask() -> tuple[int, str]:
        async def unknown():
            for _ in range(size // 1000):
                yield bytes(1000)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(Gate(_taking)), base_url="http://localhost") as one:
            answer = await one.post(UPLOAD, content=bytes(size) if told else unknown())
            return answer.status_code, answer.text

    return asyncio.run(ask())


def test_a_full_folder_takes_nothing_in(folder):
    holding(folder / "many.png", FULL - 500_000)
    assert sent(400_000, told=True) == (200, "http.request")
    assert sent(600_000, told=True) == (413, "The disk of this server is full; please try again later.")
    assert sent(400_000, told=False) == (200, "http.request")
    assert sent(600_000, told=False) == (200, "http.disconnect"), "cut off where it is full"
    holding(folder / "many.png", 0)
    assert sent(600_000, told=False) == (200, "http.request")


def head(path: str = UPLOAD, query: str = "", kind: str = "") -> int:
    """The status of an empty upload with such a head."""

    async def ask() -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(Gate(_taking)), base_url="http://localhost") as one:
            answer = await one.post(path, params=query, headers={"Content-Type": f"multipart/form-data{kind}"})
            return answer.status_code

    return asyncio.run(ask())


def test_nobody_chooses_the_codec(folder):
    """Punycode takes the square of the length: a field of a megabyte held the server for minutes."""
    for codec in ("punycode", '"PUNYCODE"', "idna", "utf-7", "latin-1", "x", ""):
        assert head(kind=f"; boundary=x; charset={codec}") == 415, codec
    for kind in ("; boundary=x", "", "; charset=utf-8", '; charset="UTF-8"'):
        assert head(kind=kind) == 200, kind


def test_addresses_have_an_end(folder):
    """What they name is kept, of a page, an upload or its progress, and was counted nowhere."""
    assert head(query="x" * 3000) == 200
    assert head(query="x" * 4000) == 414
    assert head("/_stcore/upload_file/" + "x" * 4000 + "/x") == 414


def test_what_is_refused_is_heard_out(folder):
    """A connection that is closed while something is still coming is reset, and then nobody reads why."""
    scope = {"type": "http", "method": "POST", "path": UPLOAD, "query_string": b"", "scheme": "http",
             "headers": [(b"host", b"localhost"), (b"origin", b"https://elsewhere.example")]}  # fmt: skip
    seen = []

    def refused(coming: list[dict]) -> None:
        async def receive() -> dict:
            seen.append("read")
            return coming.pop(0)

        async def send(message: dict) -> None:
            seen.append(message.get("status") or ("answered" if message.get("more_body") else "closed"))

        seen.clear()
        asyncio.run(Gate(_taking)(scope, receive, send))

    more = {"type": "http.request", "body": b"x" * 100_000, "more_body": True}
    refused([more, more, {"type": "http.request", "body": b"x"}])
    assert seen == [403, "answered", "read", "read", "read", "closed"]
    refused([more, {"type": "http.disconnect"}])
    assert seen == [403, "answered", "read", "read", "closed"]
    refused([more] * 50)
    assert seen.count("read") == 10, "but not for ever"


def test_the_oldest_go_when_the_folder_is_full(folder):
    for number in range(5):
        holding(folder / f"{number}.png", FULL // 4, when=2e9 - number)
    sweep.sweep()
    assert sorted(path.name for path in folder.iterdir()) == ["0.png", "1.png", "2.png"]


def test_files_of_few_bytes_count_as_what_they_take(folder):
    """A folder and a block for each: a thousand files of a byte took eight megabytes, and counted as a kilobyte."""
    for number in range(20):
        (folder / str(number)).mkdir()
        (folder / str(number) / "a.png").write_bytes(b"x")
    took = identity.size_of(folder)
    assert took >= sum(512 * os.lstat(path).st_blocks for path in folder.rglob("*")) > 20
    sweep._uploads(took / 2)
    assert identity.size_of(folder) <= took / 2
    assert not [place for place in folder.iterdir() if not list(place.iterdir())], "nothing is left of them"
