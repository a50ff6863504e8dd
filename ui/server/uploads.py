"""What strangers carry in: how much at once, in an hour, and in all of what both UIs keep, on disk and in memory.

Bodies are counted as they arrive, whatever their Content-Length says. Streamlit keeps uploads in memory for as long as
the page is open; Gradio keeps them in a folder, which `core.visitors.sweep` empties. Knows no page and no widget.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter, OrderedDict

from python_multipart.multipart import parse_options_header
from starlette.requests import HTTPConnection
from starlette.types import Message, Receive, Scope

from core import amounts, files
from core.visitors import identity, policy
from ui.server import visitor

STREAMLIT = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+/?$")
GRADIO = re.compile(r"/gradio_api/upload/?$")
OTHER_BODIES = 200_000  # bytes: the longest thing but a file that a page sends is some settings
LEAST = 100_000  # bytes that an upload counts at least: its name is kept too, on disk in a folder of its own
STREAMS = re.compile(r"/gradio_api/(heartbeat/|queue/data|upload_progress|call/)")  # which last, if they are read
HOUR = 3600
MEASURED_SECONDS = 20  # how long the size of a folder is believed
MOST_COUNTED = 10_000  # accounts and pages remembered


class Carried:
    """A request on its way in. `refused` first; `over` at the end, whatever happened."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive, self._bytes = receive, 0
        sends = scope["method"] in ("POST", "PUT")
        page = STREAMLIT.search(scope["path"]) if sends else None
        self.page = page[1] if page else ""
        self._uploads = sends and (bool(page) or bool(GRADIO.search(scope["path"])))
        self._most = policy.limits().upload_bytes + 100_000 if self._uploads else OTHER_BODIES
        connection = HTTPConnection(scope)
        self._said, self._kind = (connection.headers.get(name, "") for name in ("content-length", "content-type"))
        self.who = visitor.of_connection(connection)
        self._place = (self.who.address, "sent" if sends else "streams" if STREAMS.search(scope["path"]) else "")
        _busy[self._place] += 1

    async def refused(self) -> tuple[int, str] | None:
        """Status and words why this may not come in, as far as its head tells; None where it may."""
        limits = policy.limits()
        most = {"sent": limits.busy_address, "streams": limits.streams_address}.get(self._place[1])
        if not policy.within(_busy[self._place], most):
            return 429, "Too much is asked from your network at once; wait a moment."
        said = self._said or "0"
        if not said.isdecimal() or int(said) > self._most:
            return 413, f"That is more than the {amounts.size(self._most)} that can be sent at once."
        if not self._uploads:
            return None
        if not _in_utf8(self._kind):
            return 415, "Names of files are read as UTF-8 only."
        if not self.page:
            await _measure()
        _coming.add(self)
        why = self._too_much(max(int(said), LEAST))
        return (413, why) if why else None

    def _too_much(self, more: int) -> str:
        limits = policy.limits()
        for name, most in (
            (self.who.account, limits.uploads_hourly),
            (self.who.address, limits.uploads_hourly_address),
            ("", limits.uploads_hourly_all),
        ):
            if _sent_by(name) + more > most:
                return f"{amounts.megabytes(most)} an hour can be sent; wait a while."
        if not self.page:
            full = _folder.bytes + more > limits.uploads_disk
            return "The disk of this server is full; please try again later." if full else ""
        _pages[self.page] = self.who.address
        while len(_pages) > MOST_COUNTED:
            _pages.popitem(last=False)
        pages, addresses = _in_memory()
        for there, most in (
            (pages[self.page], limits.uploads_memory),
            (addresses[self.who.address], limits.uploads_memory_address),
            (pages.total(), limits.uploads_memory_all),
        ):
            if there + more > most:
                return f"{amounts.megabytes(most)} can be kept for open pages; take some files away again, or wait."
        return ""

    async def receive(self) -> Message:
        message = await self._receive()
        size = len(message.get("body", b""))
        self._bytes += size
        if self._uploads and size:
            _count(self.who, size)
        if self._bytes > self._most or (self._uploads and self._too_much(0)):
            return {"type": "http.disconnect"}
        return message

    def over(self) -> None:
        if self in _coming and self._bytes < LEAST:
            _count(self.who, LEAST - self._bytes)
        _coming.discard(self)
        _busy[self._place] -= 1
        if not _busy[self._place]:
            del _busy[self._place]


def _in_utf8(kind: str) -> bool:
    """Whether a form is written as browsers write it. The codec that its sender names would be used on all of it, and
    some of Python's take the square of the time (punycode: a megabyte in minutes)."""
    return parse_options_header(kind)[1].get(b"charset", b"utf-8").lower() == b"utf-8"


_coming: set[Carried] = set()
_busy: Counter[tuple[str, str]] = Counter()  # what is being answered, by address and kind


# ---------------------------------------------------------------- in an hour

_sent: OrderedDict[str, tuple[int, int]] = OrderedDict()  # account, address, or "" for all -> (hour, bytes)


def _count(who: identity.Visitor, size: int) -> None:
    hour = int(time.time() // HOUR)
    for name in {who.account, who.address, ""}:
        _sent[name] = (hour, _sent_by(name) + size)
        _sent.move_to_end(name)
    while len(_sent) > MOST_COUNTED:
        _sent.popitem(last=False)
    _folder.bytes += size


def _sent_by(name: str) -> int:
    when, size = _sent.get(name, (0, 0))
    return size if when == int(time.time() // HOUR) else 0


# ---------------------------------------------------------------- on disk, in memory


class _Folder:
    bytes, when = 0, -float("inf")


_folder = _Folder()


async def _measure() -> None:
    if time.monotonic() - _folder.when > MEASURED_SECONDS:
        _folder.when = time.monotonic()
        _folder.bytes = await asyncio.to_thread(identity.size_of, files.uploads())


_pages: OrderedDict[str, str] = OrderedDict()  # Streamlit's name of an open page -> where its uploads come from


def _in_memory() -> tuple[Counter[str], Counter[str]]:
    """Bytes that Streamlit keeps, or will once they are here: by page, and by address."""
    from streamlit import runtime

    pages: Counter[str] = Counter()
    if runtime.exists():
        storage = runtime.get_instance().uploaded_file_mgr.file_storage
        for page, files in list(storage.items()):
            pages[page] += sum(max(len(file.data), LEAST) for file in list(files.values()))
    for other in _coming:
        if other.page:
            pages[other.page] += other._bytes
    addresses: Counter[str] = Counter()
    for page, size in pages.items():
        addresses[_pages.get(page, "")] += size
    return pages, addresses
