"""Whose an open page is, and what it asked for.

Both UIs take the name of a page, and the number of a question, from whoever sends it: who knows another's could read
the answers, end the questions, add files to the page or take it over. So a name belongs to the visitor who was first
seen with it. Knows requests, no page and no widget.
"""

from __future__ import annotations

import json
import re
from collections import Counter, OrderedDict
from collections.abc import Iterator

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.requests import HTTPConnection
from starlette.types import Message, Receive, Scope

from core.visitors.identity import Visitor
from ui.server import visitor

IN_PATH = re.compile(
    r"/gradio_api/heartbeat/([^/]+)|/gradio_api/call/(?:v2/)?[^/]+/([^/]+)$|/_stcore/upload_file/([^/]+)/"
)
IN_QUERY = ("session_hash", "upload_id")
IN_BODY = ("session_hash", "event_id")
BODY = re.compile(r"/gradio_api/(?!upload)")  # what is sent there is JSON
PROTOCOLS = "sec-websocket-protocol"  # where Streamlit's pages put their name when they come back
MOST = 10_000  # names remembered
LONGEST = 128  # characters of a name: a UUID has 36

_owners: OrderedDict[str, Visitor] = OrderedDict()  # last used last


def belongs(name: str, who: Visitor) -> bool:
    """Whether it is theirs: it is when nobody was seen with it before."""
    if len(name) > LONGEST:
        return False
    theirs = _owners.setdefault(name, who).name == who.name
    if theirs:
        _owners.move_to_end(name)
    if len(_owners) > MOST:
        _forget()
    return theirs


def owner_of(name: str) -> Visitor | None:
    return _owners.get(name)


def _forget() -> None:
    """Half of the names of the address that has most are forgotten, those first that were not used for longest."""
    (address, count), *_ = Counter(owner.address for owner in _owners.values()).most_common(1)
    for name in [name for name, owner in _owners.items() if owner.address == address][: (count + 1) // 2]:
        del _owners[name]


def opened() -> None:
    """By a Streamlit page, as it is drawn: it is its visitor's from now on."""
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    context, who = get_script_run_ctx(), visitor.of_page()
    if context and who:
        belongs(context.session_id, who)


# ---------------------------------------------------------------- what requests name


NOTHING = 404, "There is nothing here."
NO_JSON = 400, "JSON is expected there, and this cannot be read as such."


class Asked:
    """A request, of which `refused` is to be asked before it is passed on with `receive`."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope, self._receive, self._read = scope, receive, list[Message]()

    async def refused(self) -> tuple[int, str] | None:
        """Status and words for what names something of another visitor; None for what may pass."""
        if _not_all(self._scope, _in_head(self._scope)):
            return NOTHING
        if self._scope["method"] != "POST" or not BODY.search(self._scope["path"]):
            return None
        try:
            body = json.loads(await self._whole())  # as Gradio reads it
        except (ValueError, RecursionError):
            return NO_JSON
        named = [body.get(key) for key in IN_BODY] if isinstance(body, dict) else []
        return NOTHING if _not_all(self._scope, [name for name in named if isinstance(name, str)]) else None

    async def _whole(self) -> bytes:
        while not self._read or self._read[-1].get("more_body"):
            self._read.append(await self._receive())
        return b"".join(message.get("body", b"") for message in self._read)

    async def receive(self) -> Message:
        return self._read.pop(0) if self._read else await self._receive()


def _in_head(scope: Scope) -> Iterator[str]:
    query = QueryParams(scope["query_string"])
    if found := IN_PATH.search(scope["path"]):
        yield from filter(None, found.groups())
    if "/gradio_api/" in scope["path"]:
        for key in IN_QUERY:
            yield from filter(None, query.getlist(key))


def _not_all(scope: Scope, names: Iterator[str] | list[str]) -> bool:
    connection = HTTPConnection(scope)
    return not all(belongs(name, visitor.of_connection(connection, name)) for name in names)


def as_new(scope: Scope) -> Scope:
    """The head of a socket, by which no other visitor's page is taken up again: what names one opens a new page."""
    parts = [part.strip() for part in Headers(scope=scope).get(PROTOCOLS, "").split(",")]
    if parts[2:] and _not_all(scope, parts[2:3]):
        scope = {**scope, "headers": list(scope["headers"])}
        MutableHeaders(scope=scope)[PROTOCOLS] = ", ".join(parts[:2])
    return scope
