"""Who may ask Gradio something: so much at a time for each visitor and each address, whatever they ask.

Gradio has one queue for everybody and everything: a painting that waits for its turn (`core.jobs`) holds a place in it
all the while, and once they are taken nobody gets in. So a place is given only to whoever has few.
"""

from __future__ import annotations

import itertools
import math
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import gradio as gr

from core.visitors import policy
from core.visitors.identity import Visitor
from ui.server import tabs, visitor

FETCHED = 120.0  # seconds in which an answer is fetched, or listened to
AT_ONCE = 160  # questions that Gradio answers at a time, and as many may wait: more than our own lines take
LOOK_SECONDS = 0.02  # between looks whether there is a question to answer


def kept(app: gr.Blocks) -> gr.Blocks:
    """`app`, whose queue takes turns from now on."""
    queue = app._queue
    # Gradio would look a thousand times a second whether somebody asks something, which keeps a processor at rest from
    # resting (7 %); and count the last ten thousand answers anew after each, for a page that is closed here.
    queue.sleep_when_free = queue.progress_update_sleep_when_free = LOOK_SECONDS
    queue.ANAYLTICS_CACHE_FREQUENCY = math.inf
    push = queue.push

    async def fairly(body: Any, request: Any, username: str | None) -> tuple:
        if not policy.public():
            return await push(body, request, username)
        _let_go(queue, time.monotonic())
        if refused := _refused(queue, visitor.of_connection(request, body.session_hash or "")):
            return False, refused, "queue_full"
        taken, number, state = await push(body, request, username)
        if taken:
            tabs.belongs(number, visitor.of_connection(request, number))
        return taken, number, state

    queue.push = fairly
    return app


def _refused(queue: Any, who: Visitor) -> str:
    """Why nothing more is taken from this visitor now; "" when it is."""
    there, limits = list(_there(queue)), policy.limits()
    if sum(other.account == who.account for other in there) >= limits.asked:
        return f"{limits.asked} questions of yours are being answered; wait for one of them."
    if sum(other.address == who.address for other in there) >= limits.asked_address:
        return f"{limits.asked_address} questions from your network are being answered; try again in a minute."
    return ""


_unread: dict[str, float] = {}  # since when nobody has fetched what was answered there, by Gradio's name of the page


def _let_go(queue: Any, now: float) -> None:
    """Answers that nobody fetches would be kept for as long as two thousand others are not: pictures, by the hundred.
    They stay for a while, and as many of an address as it may ask at once."""
    going, answered = {event.session_hash for event in _events(queue)}, queue.pending_messages_per_session
    waiting = [page for page, said in answered.items() if page not in going and said.qsize()]
    since = {page: _unread.get(page, now) for page in waiting}
    places: Counter[str] = Counter()
    for page in sorted(waiting, key=since.__getitem__, reverse=True):
        owner = tabs.owner_of(page)
        places[place := owner.address if owner else ""] += 1
        if now - since[page] > FETCHED or not policy.within(places[place], policy.limits().asked_address):
            del answered[page], since[page]
            queue.pending_event_ids_session.pop(page, None)
    _unread.clear()
    _unread.update(since)


def _there(queue: Any) -> Iterator[Visitor]:
    """Whoever has a place in Gradio's queue, once for each."""
    return (visitor.of_connection(event.request, event.session_hash) for event in _events(queue))


def _events(queue: Any) -> Iterator[Any]:
    waiting = [line.queue for line in queue.event_queue_per_concurrency_id.values()]
    return itertools.chain.from_iterable(events or () for events in [*queue.active_jobs, *waiting])
