"""What strangers carry in: how much at once, in an hour, and in all of what both UIs keep, on disk and in memory.

Bodies are counted as they arrive, whatever their Content-Length says. Streamlit keeps uploads in memory for as long as
the page is open; Gradio keeps them in a folder, which `core.visitors.sweep` empties. Knows no page and no widget.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter, OrderedDict

from starlette.requests import HTTPConnection
from starlette.types import Message, Receive, Scope

from core import amounts, files
from core.visitors import identity, policy
from ui.server import visitor

STREAMLIT = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+/?$")
GRADIO = re.compile(r"/gradio_api/upload/?$")
OTHER_BODIES = 4_000_000  # bytes: the longest thing but a file that a page sends is some settings
HOUR = 3600
MEASURED_SECONDS = 20  # how long the size of a folder is believed
MOST_COUNTED = 10_000  # accounts and pages remembered


class Carried:
    """A request on its way in. `crowded` and `refused` first; `over` at the end, whatever happened."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive, self._bytes = receive, 0
        sends = scope["method"] in ("POST", "PUT")
        page = STREAMLIT.search(scope["path"]) if sends else None
        self.page = page[1] if page else ""
        self._uploads = sends and (bool(page) or bool(GRADIO.search(scope["path"])))
        self._most = policy.limits().upload_bytes + 100_000 if self._uploads else OTHER_BODIES
        connection = HTTPConnection(scope)
        self._said = connection.headers.get("content-length", "0")
        self.who = visitor.of_connection(connection) if sends else identity.OWNER
        self._places = [self.who.address] if sends else []
        _busy.update(self._places)

    @property
    def crowded(self) -> bool:
        """Whether as much is being done for this address as may be: each question may hold a thread."""
        return any(_busy[place] > policy.limits().busy_address for place in self._places)

    async def refused(self) -> str:
        """Why this may not come in, as far as its head tells; "" where it may."""
        if not self._said.isdecimal() or int(self._said) > self._most:
            return f"That is more than the {amounts.megabytes(self._most)} that can be sent at once."
        if not self._uploads:
            return ""
        if not self.page:
            await _measure()
        _coming.add(self)
        return self._too_much(int(self._said))

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
        _coming.discard(self)
        _busy.subtract(self._places)
        for place in self._places:
            if not _busy[place]:
                del _busy[place]


_coming: set[Carried] = set()
_busy: Counter[str] = Counter()  # what is being answered, by address


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
            pages[page] += sum(len(file.data) for file in list(files.values()))
    for other in _coming:
        if other.page:
            pages[other.page] += other._bytes
    addresses: Counter[str] = Counter()
    for page, size in pages.items():
        addresses[_pages.get(page, "")] += size
    return pages, addresses
