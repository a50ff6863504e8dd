"""What a page may say on its socket, and how often. Streamlit draws a page anew for every message, so a program that
sends thousands would have the server to itself: what comes too fast waits here, and the others are served meanwhile.
A person who drags a slider never notices.

It also listens to commands that no page of ours has a button for, one of which empties what is kept for all visitors:
those are passed over, and who talks nonsense is hung up on. Knows no page and no widget.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import Message, Receive, Scope

from core.visitors import policy
from ui.server import network

BURST = 4.0  # seconds' worth that may come at once
LARGE, LARGE_NAMES = 100_000, 1000  # bytes, or names of files: a message of so many counts as one more
OPENING = 2  # messages that a new socket counts as
MOST_PACES = 1000
SAID = ("rerun_script", "stop_script", "app_heartbeat", "file_urls_request")  # of Streamlit's `BackMsg`
LONGEST = 300_000  # bytes of a message: the values of a page's widgets, which are kept as long as it is open
NAMES = 5000  # of files that a page asks to bring in one message: for each an address is made, while others wait
NONSENSE = {"type": "websocket.disconnect", "code": 1003}


class _Pace:
    """So many a second on average (the generic cell rate algorithm, ITU-T I.371)."""

    def __init__(self, rate: float) -> None:
        self.rate, self._due = rate, 0.0

    def delay(self, amount: float) -> float:
        """Seconds that this one has to wait."""
        now = time.monotonic()
        self._due = max(self._due, now - BURST) + amount / self.rate
        return self._due - now

    @property
    def idle(self) -> bool:
        return self._due < time.monotonic() - BURST


_open: Counter[str] = Counter()  # sockets, by address
_paces: dict[str, _Pace] = {}  # by address


def _pace_of(address: str) -> _Pace:
    if len(_paces) > MOST_PACES:  # those who have not been heard for a while start anew anyway
        for idle in [name for name, pace in _paces.items() if pace.idle]:
            del _paces[idle]
    return _paces.setdefault(address, _Pace(policy.limits().messages_address))


class Heard:
    """A socket's messages, at a pace that leaves room for others. `admitted` first; `over` at the end."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self._address = network.place_of(network.host_of(HTTPConnection(scope).client))
        self._mine, self._shared = _Pace(policy.limits().messages), _pace_of(self._address)
        _open[self._address] += 1

    async def admitted(self) -> bool:
        """Whether there is room for one more from there. Opening one takes its time too."""
        if _open[self._address] > policy.limits().sockets_address:
            return False
        await asyncio.sleep(max(0.0, self._shared.delay(OPENING)))
        return True

    async def receive(self) -> Message:
        while True:
            message = await self._receive()
            if message["type"] != "websocket.receive":
                return message
            said = _said(message.get("bytes"))
            names = len(said.file_urls_request.file_names) if said else 0
            if said is None or names > NAMES:
                return NONSENSE
            amount = 1 + said.ByteSize() / LARGE + names / LARGE_NAMES
            await asyncio.sleep(max(0.0, self._mine.delay(amount), self._shared.delay(amount)))
            if said.WhichOneof("type") in SAID:
                return message

    def over(self) -> None:
        _open[self._address] -= 1
        if not _open[self._address]:
            del _open[self._address]


def _said(message: bytes | None) -> Any:
    """What a page says, a `BackMsg`; None where it cannot be understood, or is more than a page has to say."""
    from google.protobuf.message import DecodeError
    from streamlit.proto.BackMsg_pb2 import BackMsg  # a Space of the style app alone has no Streamlit, and no sockets

    try:
        return BackMsg.FromString(message) if message and len(message) <= LONGEST else None
    except DecodeError:
        return None
