"""The queue: order, positions, cancelling, failing, and that a defect does not end the worker."""

import threading
import time
import types

import pytest

from core import jobs
from core.errors import UserError
from core.gan.request import SampleRequest
from core.settings import Progress, Result
from core.style.request import MeasureRequest, StyleRequest
from core.visitors import identity, policy
from support.pictures import scene, texture
from support.waiting import until

pytestmark = pytest.mark.usefixtures("measured_machine")
QUICK = StyleRequest(size=64, steps=2)


@pytest.fixture
def slow_engine(monkeypatch):
    """An engine that waits to be let go, so that queues can be looked at."""
    gate, order = threading.Event(), []

    def engine(job):
        yield Progress(0, 1, losses={"total": 1.0})
        while not gate.wait(0.01):
            if job.cancelled:
                break
        order.append(job.number)
        yield Result((), {}, 0.0)

    monkeypatch.setattr(jobs, "_engine", engine)
    return gate, order


def submit():
    return jobs.submit(MeasureRequest())


def test_jobs_run_one_at_a_time_in_order_and_know_their_position(slow_engine):
    gate, order = slow_engine
    first, second, third = submit(), submit(), submit()
    next(u for u in first.updates(0.05) if u.latest)
    assert [j.position for j in (first, second, third)] == [0, 1, 2]
    assert (first.state, second.state) == (jobs.RUNNING, jobs.WAITING)
    gate.set()
    third.wait()
    assert order == [first.number, second.number, third.number]


def test_a_thread_without_jobs_ends_and_the_next_job_has_another(slow_engine, monkeypatch):
    monkeypatch.setattr(jobs, "LINGER", 0.0)
    slow_engine[0].set()
    for _ in range(2):
        assert submit().wait() is not None
        until(lambda: "ganvas-jobs" not in [thread.name for thread in threading.enumerate()])


def test_what_went_into_a_job_goes_when_it_is_over(slow_engine):
    gate, _ = slow_engine
    job, after = jobs.submit(MeasureRequest(), scene()), submit()
    gate.set()
    after.wait()
    assert (job.state, job.pictures) == (jobs.DONE, ())


def test_where_strangers_come_quick_jobs_leave_a_painting_its_share_of_the_time(slow_engine, monkeypatch):
    gate, _ = slow_engine
    rests = []
    monkeypatch.setattr(jobs, "time", types.SimpleNamespace(sleep=rests.append, monotonic=time.monotonic))
    quick = jobs.Job(SampleRequest(), (), 0)
    painting = submit()
    next(u for u in painting.updates(0.05) if u.latest)
    jobs._leave_time(quick, 3.0)
    assert rests == []  # at home nobody is a stranger
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    jobs._leave_time(quick, 3.0)
    jobs._leave_time(painting, 3.0)
    assert rests == [3.0]  # half of the time
    gate.set()
    painting.wait()
    monkeypatch.undo()


def test_samples_do_not_wait_for_paintings(slow_engine):
    gate, order = slow_engine
    painting, next_painting = submit(), submit()
    next(u for u in painting.updates(0.05) if u.latest)
    sample = jobs.submit(SampleRequest("planets"))
    next(u for u in sample.updates(0.05) if u.latest)
    assert (sample.state, sample.position, next_painting.position) == (jobs.RUNNING, 0, 1)
    gate.set()
    for job in (sample, next_painting):
        job.wait()
    assert set(order) == {painting.number, sample.number, next_painting.number}


def test_visitors_and_addresses_take_turns(slow_engine):
    """Two collect cookies at one address; a third is alone at another, and comes last."""

    def wants(name, address):
        return jobs.Job(MeasureRequest(), (), next(jobs._numbers), identity.Visitor(name, name, address))

    a1, a2, a3, b1, b2, c1, c2 = (wants(*who) for who in [*[("a", "x")] * 3, *[("b", "x")] * 2, *[("c", "y")] * 2])
    waiting = [a1, a2, a3, b1, b2, c1, c2]
    assert jobs._in_turn(waiting, None) == [a1, c1, b1, c2, a2, b2, a3]
    assert jobs._in_turn([a2, b1, c1], a1) == [c1, b1, a2]
    assert jobs._in_turn([a1, a2, a3], None) == [a1, a2, a3]


def test_an_address_has_only_so_many_jobs(slow_engine, monkeypatch):
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    monkeypatch.setattr(policy, "PUBLIC", policy.Limits(jobs=3, jobs_address=4, jobs_all=20))
    gate, _ = slow_engine

    def wanted(name, address):
        with identity.asking(identity.Visitor(name, name, address)):
            return submit()

    taken = [wanted(name, "x") for name in "abcd"]
    with pytest.raises(UserError, match="4 jobs from your network"):
        wanted("e", "x")
    taken.append(wanted("f", "y"))
    gate.set()
    for job in taken:
        job.wait()


def test_a_waiting_job_can_be_cancelled_and_the_line_moves_up(slow_engine):
    gate, _ = slow_engine
    first, second, third = submit(), submit(), submit()
    next(u for u in first.updates(0.05) if u.latest)
    second.cancel()
    with pytest.raises(UserError, match="Stopped before"):
        second.wait()
    assert third.position == 1
    gate.set()
    third.wait()


def test_too_many_waiting_jobs_are_refused(slow_engine, monkeypatch):
    monkeypatch.setattr(policy, "PRIVATE", policy.Limits(jobs_all=2))
    gate, _ = slow_engine
    first = submit()
    next(u for u in first.updates(0.05) if u.latest)
    rest = [submit(), submit()]
    with pytest.raises(UserError, match="waiting already"):
        submit()
    gate.set()
    for job in rest:
        job.wait()


def test_a_defect_is_reported_and_the_next_job_still_runs(monkeypatch, capsys):
    def broken(_):
        yield Progress(0, 1)
        raise ZeroDivisionError("defect")

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "_engine", broken)
        with pytest.raises(ZeroDivisionError):
            submit().wait()
    assert "defect" in capsys.readouterr().err
    assert jobs.submit(QUICK, scene(), [texture()]).wait().images


def test_a_real_painting_through_the_queue_can_be_stopped():
    job = jobs.submit(StyleRequest(size=128, steps=1000, freedom=0), scene(), [texture()])
    for _ in job.updates(0.05):
        if job.preview and not job.cancelled:
            job.cancel()
    assert "Stopped" in job.result.note
    assert job.frames
    assert len(job.curve) >= 1
    assert job.sizes[0][0] == 1
    assert job.sizes[-1][1] == job.result.images[1].size


def test_errors_of_a_painting_reach_whoever_waits():
    with pytest.raises(UserError, match="No style picture"):
        jobs.submit(QUICK, scene(), []).wait()


def test_long_histories_are_thinned_and_keep_the_newest():
    items = []
    for n in range(1000):
        items = jobs._thinned([*items, n], 50)
    assert len(items) < 100
    assert items[-1] == 999
