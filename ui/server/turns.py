"""Who may ask Gradio something: so much at a time for each visitor and each address, whatever they ask.

Gradio has one queue for everybody and everything: a painting that waits for its turn (`core.jobs`) holds a place in it
all the while, and once they are taken nobody gets in. So a place is given only to whoever has few.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from core.visitors import policy
from core.visitors.identity import Visitor
from ui.server import tabs, visitor

AT_ONCE = 160  # questions that Gradio answers at a time, and as many may wait: more than our own lines take


def kept(app: gr.Blocks) -> gr.Blocks:
    """`app`, whose queue takes turns from now on."""
    queue = app._queue
    push = queue.push

    async def fairly(body: Any, request: Any, username: str | None) -> tuple:
        if not policy.public():
            return await push(body, request, username)
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


def _there(queue: Any) -> Iterator[Visitor]:
    """Whoever has a place in Gradio's queue, once for each."""
    waiting = [line.queue for line in queue.event_queue_per_concurrency_id.values()]
    for events in [*queue.active_jobs, *waiting]:
        for event in events or ():
            yield visitor.of_connection(event.request, event.session_hash)
