"""The door to everything that is served: who may come in, what may be carried in, and what goes out with each answer.

An ASGI middleware in front of both UIs. In both modes it turns away what other sites make a browser send
(`ui.server.origin`; Gradio would answer any of them, with credentials), and ends streams that are still open when the
studio stops. In public mode it also gives every visitor their secret (`ui.server.visitor`), finds out where they are
(`ui.server.network`), lets nobody speak for another's page (`ui.server.tabs`), and has counted what is carried in
(`ui.server.uploads`) and said (`ui.server.sockets`). Knows no page and no widget.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import traceback
from collections.abc import Awaitable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.visitors import policy
from ui.server import network, origin, sockets, subpath, tabs, uploads, visitor

# What Gradio and Streamlit offer beside their pages: figures about the server, tools for developers and agents, methods
# and streams of widgets that no page of ours has, and fetching any address on behalf of whoever asks.
CLOSED = re.compile(
    r"/_stcore/(metrics|agent/)|/style/(monitoring|gradio_api/startup-events)"
    r"|/gradio_api/(file=https?:|proxy=|deep_link|dev/|vibe|undo-vibe|process_recording|queue/status|component_server"
    r"|stream/)",
    re.IGNORECASE,
)
LONGEST = 4000  # bytes of an address: what names a page or a file may be kept
YEAR = 365 * 24 * 3600
GRACE = 1.0  # seconds an answer may still take once the studio stops
HEARD_OUT = (1_000_000, 2.0)  # bytes and seconds of a refused request that are still read, so that its sender sees why


class Gate:
    """`Gate(app)` is an ASGI app in front of `app`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        scope = subpath.without(scope)
        if policy.public():
            scope["client"] = network.true_client(scope)
        headers = Headers(scope=scope)
        if refused := origin.unknown(headers):
            words = f"This studio is not known by that name ({refused}); whoever runs it can set GANVAS_HOSTS."
            await _refuse(scope, receive, send, 421, words)
            return
        if origin.foreign(headers) and (scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")):
            await _refuse(scope, receive, send, 403, "This can only be used from its own page.")
            return
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        if there := subpath.with_slash(scope):
            await RedirectResponse(there)(scope, receive, send)
            return
        if policy.public() and CLOSED.search(scope["path"]):
            await _refuse(scope, receive, send, *tabs.NOTHING)
            return
        sending = _Sending(scope, headers, send)
        if not policy.public():
            await _until_stopped(self.app(scope, receive, sending), sending)
            return
        if len(scope["path"]) + len(scope["query_string"]) > LONGEST:
            await _refuse(scope, receive, send, 414, "That address is too long.")
            return
        carried = uploads.Carried(scope, receive)
        try:
            if why := await carried.refused():
                await _refuse(scope, receive, send, *why)
                return
            await _until_stopped(self._answer(scope, carried.receive, sending), sending)
        finally:
            carried.over()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = tabs.Asked(scope, receive)
        if why := await asked.refused():
            await _refuse(scope, receive, send, *why)
            return
        try:
            await self.app(scope, asked.receive, send)
        except Exception as error:  # a route's, which has answered; what handlers and pages raise never comes here
            where = traceback.extract_tb(error.__traceback__)[-1]
            asked_for, said = scope["path"][:100], str(error)[:200]
            print(f"{asked_for!r}: {type(error).__name__} {said!r} ({where.filename}:{where.lineno})", flush=True)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not policy.public():
            await self.app(scope, receive, send)
            return
        heard = sockets.Heard(scope, receive)
        try:
            if await heard.admitted():
                await self.app(tabs.as_new(scope), heard.receive, send)
            else:
                await _refuse(scope, receive, send, 429, "Too many pages are open from your network.")
        finally:
            heard.over()


# ---------------------------------------------------------------- who may come in


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, words: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": words})
        return

    async def heard_out(message: Message) -> None:
        """A connection closed over what was not read is reset, and the answer on its way is lost with it."""
        answered = message["type"] == "http.response.body"
        await send({**message, "more_body": True} if answered else message)
        if answered:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(_read_on(receive), HEARD_OUT[1])
            await send({"type": "http.response.body"})

    await PlainTextResponse(words, status, {"connection": "close"})(scope, receive, heard_out)


async def _read_on(receive: Receive) -> None:
    left = HEARD_OUT[0]
    while left > 0 and (message := await receive()).get("more_body"):
        left -= len(message.get("body", b""))


# ---------------------------------------------------------------- what goes out with each answer


class _Sending:
    """Sends on, with our headers on top: nothing for foreign origins, no guessing of types, a secret where one is
    missing."""

    def __init__(self, scope: Scope, headers: Headers, send: Send) -> None:
        self.scope, self.headers, self.send = scope, headers, send
        self.begun = self.ended = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            own = MutableHeaders(scope=message)
            for name in [name for name in own if name.startswith("access-control-")]:
                if origin.foreign(self.headers) or name == "access-control-allow-credentials":
                    del own[name]
            own["x-content-type-options"] = "nosniff"
            own.setdefault("referrer-policy", "same-origin")
            if not policy.public():
                own.setdefault("content-security-policy", origin.framed())
            if cookie := self._cookie():
                own.append("set-cookie", cookie)
        elif message["type"] == "http.response.body":
            self.ended = not message.get("more_body", False)
        await self.send(message)

    def _cookie(self) -> str:
        """For a browser that opens a page and has no secret yet, else "". Only then, so that the many requests of one
        page, sent at once, do not all bring another one home."""
        opens = self.scope["method"] == "GET" and "text/html" in self.headers.get("accept", "")
        value = visitor.better_cookie(_cookies(self.headers)) if policy.public() and opens else None
        if value is None:
            return ""
        # In a frame of huggingface.co only a cookie with `SameSite=None; Secure; Partitioned` is kept.
        secure = (self.headers.get("x-forwarded-proto") or self.scope["scheme"]).split(",")[0].strip() == "https"
        where = "SameSite=None; Secure; Partitioned" if secure else "SameSite=Lax"
        return f"{visitor.COOKIE}={value}; Path=/; Max-Age={YEAR}; HttpOnly; {where}"


def _cookies(headers: Headers) -> dict[str, str]:
    """As both UIs read them: whatever other cookies are there, ours is found among them."""
    return HTTPConnection({"type": "http", "headers": headers.raw}).cookies


# ---------------------------------------------------------------- when the studio stops

_answering: set[asyncio.Future] = set()  # one for each answer being given; set, it has to end


def stop() -> None:
    """End the answers that are still being given (Gradio's streams never end by themselves). From any thread."""
    for stopped in list(_answering):
        stopped.get_loop().call_soon_threadsafe(lambda one=stopped: one.done() or one.set_result(None))


async def _until_stopped(answer: Awaitable[None], sending: _Sending) -> None:
    answering, stopped = asyncio.ensure_future(answer), asyncio.get_running_loop().create_future()
    _answering.add(stopped)
    try:
        await asyncio.wait({answering, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            await asyncio.wait({answering}, timeout=GRACE)
        if answering.done():
            answering.result()
            return
    finally:
        _answering.discard(stopped)
        if not answering.done():
            answering.cancel()
    await asyncio.wait({answering}, timeout=GRACE)
    if sending.begun and not sending.ended:
        await sending({"type": "http.response.body", "body": b"", "more_body": False})
