"""An app that comes up behind the server, which answers others meanwhile.

Gradio's import takes longer than all else in a start, and only one page needs it. Whoever asks for that page before it
is there is told so, by a page that tries again by itself; a program gets a 503 that says when to ask again. Knows no
app in particular.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.datastructures import Headers, QueryParams
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

from core import faults

AGAIN = 1  # seconds until it is worth asking again
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="color-scheme" content="{scheme}">
{refresh}<title>Ganvas</title>
<body style="font-family: sans-serif; margin: 2rem"><p role="status">{words}</p></body>
</html>
"""


class Late:
    """`Late(name, make)` is an ASGI app: the one that `make` returns, once it is there. `running` has it made."""

    def __init__(self, name: str, make: Callable[[], Any]) -> None:
        self._name, self._make = name, make
        self._app: Any = None
        self._failed = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is not None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1013, "reason": "Try again later."})
        else:
            await self._excuse(scope)(scope, receive, send)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While inside, the app comes up and is up, with its own lifespan entered, which nobody else does for a
        mounted app. Leaving before it is there does not wait for it."""
        over = asyncio.Event()
        maker = ThreadPoolExecutor(1, "ganvas-late")
        made = asyncio.get_running_loop().run_in_executor(maker, self._make)
        maker.shutdown(wait=False)  # when this one thing is done
        living = asyncio.create_task(self._live(made, over))
        try:
            yield
        finally:
            over.set()
            await living

    async def _live(self, made: asyncio.Future[Any], over: asyncio.Event) -> None:
        """One task enters and leaves the lifespan, as those that hold task groups ask for."""
        leaving = asyncio.create_task(over.wait())
        await asyncio.wait({made, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not over.is_set():
            with faults.logged():
                app = made.result()
                async with app.router.lifespan_context(app):
                    self._app = app
                    await leaving
            self._failed = not over.is_set()
        await leaving

    def _excuse(self, scope: Scope) -> Response:
        if self._failed:
            words, again = f"{self._name} could not start; the server's log says why.", {}
        else:
            words, again = f"{self._name} is starting; it will be here in a few seconds.", {"Retry-After": str(AGAIN)}
        status = 503 if again else 500
        if "text/html" not in Headers(scope=scope).get("accept", ""):
            return JSONResponse({"detail": words}, status, again)
        scheme = "dark" if QueryParams(scope["query_string"]).get("__theme") == "dark" else "light"
        refresh = f'<meta http-equiv="refresh" content="{AGAIN}">\n' if again else ""
        return HTMLResponse(PAGE.format(scheme=scheme, refresh=refresh, words=words), status, again)
