"""What Gradio answered and nobody fetched is not kept for ever."""

import asyncio
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio import queueing

from core.visitors import policy
from core.visitors.identity import Visitor
from ui.server import tabs, turns

MOST = policy.PUBLIC.asked_address


@pytest.fixture
def queue(monkeypatch):
    """Gradio's, as far as it is looked at: what is said to each page, and what is going on."""
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    monkeypatch.setattr(turns, "_unread", {})
    monkeypatch.setattr(tabs, "_owners", type(tabs._owners)())
    return SimpleNamespace(
        pending_messages_per_session={}, pending_event_ids_session={}, active_jobs=[], event_queue_per_concurrency_id={}
    )


def answered(queue, page: str, address: str, *, read: bool = False) -> None:
    tabs.belongs(page, Visitor(address, address, address))
    queue.pending_messages_per_session[page] = said = asyncio.Queue()
    queue.pending_event_ids_session[page] = {page}
    if not read:
        said.put_nowait("pictures")


def test_an_answer_is_kept_for_a_while(queue):
    answered(queue, "late", "1.1.1.1")
    answered(queue, "listening", "1.1.1.1", read=True)
    turns._let_go(queue, 1000.0)
    turns._let_go(queue, 1000.0 + turns.FETCHED - 1)
    assert set(queue.pending_messages_per_session) == {"late", "listening"}
    turns._let_go(queue, 1000.0 + turns.FETCHED + 1)
    assert set(queue.pending_messages_per_session) == set(queue.pending_event_ids_session) == {"listening"}


def test_what_is_going_on_is_nobodys_to_fetch_yet(queue):
    answered(queue, "painting", "1.1.1.1")
    queue.active_jobs = [[SimpleNamespace(session_hash="painting")], None]
    for now in (0.0, 10 * turns.FETCHED):
        turns._let_go(queue, now)
    assert "painting" in queue.pending_messages_per_session


def test_of_an_address_the_newest_are_kept(queue):
    answered(queue, "another's", "2.2.2.2")
    for number in range(3 * MOST):
        answered(queue, f"{number}", "1.1.1.1")
        turns._let_go(queue, float(number))
    kept = set(queue.pending_messages_per_session)
    assert kept == {"another's", *(str(number) for number in range(2 * MOST, 3 * MOST))}


@pytest.fixture
def real():
    with gr.Blocks() as app:
        pass
    return turns.kept(app.queue())._queue


def test_nothing_is_counted_that_nobody_sees(real):
    real.events_recorded += 1
    event = {"function": "paint", "status": "success", "process_time": 1.0}
    assert real.compute_analytics_summary([event]) == {"functions": {}}


@pytest.mark.parametrize("loop", ["start_processing", "start_progress_updates"])
def test_a_queue_without_questions_is_looked_at_seldom(real, monkeypatch, loop):
    slept = []

    async def sleep(seconds):
        slept.append(seconds)
        real.stopped = True

    monkeypatch.setattr(queueing.asyncio, "sleep", sleep)
    asyncio.run(getattr(real, loop)())
    assert slept == [turns.LOOK_SECONDS]
