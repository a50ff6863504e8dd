"""How long a client may take to say what it wants.

A connection that says nothing, or half a request, or a byte now and then, costs it nothing and holds a place here for
ever (a "slowloris"). So a request's head has to be here in so many seconds, and its body must not fall that far behind
a pace that a poor line keeps. Answers may take as long as they like, and so may sockets of pages, which are pinged.
Knows connections, nothing of what is said on them.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
import uvicorn.config
from uvicorn.protocols.http.h11_impl import H11Protocol

from core.visitors import policy
from ui.server.sockets import LONGEST


def keep() -> None:
    """Before the server starts. Both UIs leave it to uvicorn to choose a protocol."""
    if policy.public():
        uvicorn.config.HTTP_PROTOCOLS["auto"] = f"{__name__}:{Patient.__name__}"


class Patient(H11Protocol):
    """uvicorn's HTTP/1.1, for a client that has until `_due` to go on."""

    _due = 0.0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        if self.conn.their_state is h11.SEND_BODY:
            limits = policy.limits()
            self._due = min(self._due + len(data) / limits.slowest, self.loop.time() + limits.silence)
        super().data_received(data)

    def on_response_complete(self) -> None:
        if self.conn.their_state is not h11.SEND_BODY:  # else it is waited for already
            self._wait()
        super().on_response_complete()

    def handle_websocket_upgrade(self, event: Any) -> None:
        self._cancel()
        self.config.ws_max_size = LONGEST  # of what a page says; Streamlit takes what it may be told for it
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._cancel()
        self._due = self.loop.time() + policy.limits().silence
        self._timer = self.loop.call_at(self._due, self._look)

    def _cancel(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            return  # all of the request is here; the next one is waited for when it is answered
        if self.flow.read_paused:  # we are the slow one
            self._wait()
        elif self._due > self.loop.time():
            self._timer = self.loop.call_at(self._due, self._look)
        else:
            self.transport.abort()
