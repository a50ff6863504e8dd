"""Work in the background: no fault ends it, none is silent."""

import threading

import pytest

from core import device, faults, jobs
from core.errors import UserError
from core.gan.request import SampleRequest
from core.settings import Progress
from support.waiting import PATIENCE


def test_what_is_done_again_and_again_outlives_its_faults(capsys):
    done, enough = [], threading.Event()

    def work():
        done.append(1)
        if len(done) == 1:
            raise OSError(36, "File name too long")
        if len(done) == 2:
            raise UserError("The disk is full; make room.")
        enough.set()

    with faults.again(work, 0.0):
        assert enough.wait(PATIENCE)
    said = capsys.readouterr().err
    assert "File name too long" in said
    assert "ganvas: The disk is full" in said


@pytest.mark.parametrize("fault", [SystemExit(1), MemoryError(), RecursionError(), KeyboardInterrupt()])
def test_a_line_of_jobs_outlives_what_an_engine_does(monkeypatch, capfd, fault):
    def engine(job):
        if job.request.seed == 1:
            raise fault
        yield Progress(1, 1)

    monkeypatch.setattr(jobs, "_engine", engine)
    bad, good = (jobs.submit(SampleRequest(seed=seed)) for seed in (1, 2))
    for job in (bad, good):
        list(job.updates(0.1))
    assert (bad.state, bad.error, good.state) == (jobs.FAILED, fault, jobs.DONE)
    assert type(fault).__name__ in capfd.readouterr().err


def test_a_line_of_jobs_outlives_a_fault_between_them(monkeypatch):
    """That it is told is `faults.logged`'s, as above; other threads may have the log for a moment."""
    faults_there = []

    def fails():
        faults_there.append(True)
        raise ZeroDivisionError

    monkeypatch.setattr(jobs, "_engine", lambda job: iter(()))
    with monkeypatch.context() as broken:
        broken.setattr(jobs, "_quick", jobs._paintings)
        broken.setattr(jobs, "_line", lambda request: jobs._paintings)
        broken.setattr(device, "release_memory", fails)
        for _ in range(2):
            job = jobs.submit(SampleRequest())
            list(job.updates(0.1))
            assert job.state == jobs.DONE
    assert faults_there  # behind the first, and the second was done


def test_a_thread_that_could_not_start_is_started_with_the_next_job(monkeypatch):
    line = jobs._Queue()
    monkeypatch.setattr(jobs, "_line", lambda request: line)
    monkeypatch.setattr(jobs, "_engine", lambda job: iter(()))
    with monkeypatch.context() as crowded:

        def start(thread):
            raise RuntimeError("can't start new thread")

        crowded.setattr(threading.Thread, "start", start)
        with pytest.raises(RuntimeError, match="new thread"):
            jobs.submit(SampleRequest())
    job = jobs.submit(SampleRequest())
    list(job.updates(0.1))
    assert job.state == jobs.DONE
