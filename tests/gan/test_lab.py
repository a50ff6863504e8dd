"""Trainings made sick on purpose, beside a healthy twin: made, started, paused and trained together."""

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from core.errors import UserError
from core.gan import doctor, lab
from core.gan.data import prepare
from core.gan.request import TrainRequest
from core.gan.train import Training, train
from core.runs import lifecycle, processes, run_folder, states, twins
from core.runs.run_folder import Run
from core.visitors import identity, policy

TINY = {"size": 16, "width_g": 4, "width_d": 4, "latent": 8, "batch": 8, "steps": 20}


@pytest.fixture
def spawned(monkeypatch) -> list[str]:
    """Which runs get a process."""
    found: list[str] = []

    def spawn(run: Run, status: str, *_: str) -> None:
        found.append(run.id)
        run_folder.write_state(run, status=status, pid=1)

    monkeypatch.setattr(processes, "_spawn", spawn)
    monkeypatch.setattr(run_folder, "lives", lambda state: state.get("pid") == 1)
    return found


@pytest.fixture
def stranger(monkeypatch):
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    with identity.asking("a" * 64):
        yield


@pytest.mark.parametrize("name", lab.SICKNESSES)
def test_a_sick_run_and_its_twin_differ_in_nothing_but_the_sickness(name):
    about = lab.SICKNESSES[name]
    sick, healthy = lab.break_it(name, "portraits")
    assert healthy.request == TrainRequest(**lab.HEALTHY)
    assert sick.request == TrainRequest(**{**lab.HEALTHY, **about.changes})
    assert (sick.config["source"]["count"], healthy.config["source"]["count"]) == (about.pictures, lab.PICTURES)
    assert twins.pairs() == [(sick, healthy)]
    assert (twins.of(sick), twins.of(healthy)) == (healthy, sick)


def test_ten_pictures_are_enough_for_a_lab(tmp_path):
    sick, _ = lab.break_it("ten_pictures", "portraits")
    *_, report = prepare.prepare(sick.config["source"], TrainRequest(**TINY), tmp_path)
    assert report.usable == 10


def test_they_are_started_queued_paused_and_lost_together(spawned):
    sick, healthy = lab.break_it("rate_high", "portraits")
    processes.start(sick)
    assert spawned == [sick.id, healthy.id]
    processes.pause(healthy)
    assert [run_folder.control(run) for run in (sick, healthy)] == ["pause", "pause"]

    others = lab.break_it("no_norm", "portraits")
    processes.start(others[0])
    assert [run.status for run in others] == [states.QUEUED] * 2
    for run in (sick, healthy):
        run_folder.write_state(run, status=states.PAUSED)
    processes.start_next()
    assert set(spawned[2:]) == {run.id for run in others}
    for run in others:
        run_folder.write_state(run, status=states.FINISHED)
    processes.start(healthy)
    assert spawned[4:] == [healthy.id, sick.id], "whichever is started"

    run_folder.write_state(healthy, status=states.PAUSED)
    lifecycle.remove(sick)
    assert twins.of(healthy) is None
    processes.start(healthy)
    assert spawned[6:] == [healthy.id]


def test_a_pair_counts_as_two_where_strangers_come(spawned, stranger):
    alone = lifecycle.create(TrainRequest(**TINY), {"kind": "drawn", "name": "portraits", "count": 40}, "One")
    processes.start(alone)
    pair = lab.break_it("rate_high", "portraits")
    with pytest.raises(UserError, match="waiting or at work"):
        processes.start(pair[0])
    run_folder.write_state(alone, status=states.PAUSED)
    processes.start(pair[0])
    assert spawned == [alone.id, *(run.id for run in pair)]
    assert policy.limits().trainings == 2


def test_where_there_is_no_room_for_both_there_is_neither(stranger):
    for _ in range(policy.limits().runs - 1):
        lifecycle.create(TrainRequest(**TINY), {"kind": "drawn", "name": "portraits", "count": 40}, "One")
    before = lifecycle.all_runs()
    with pytest.raises(UserError, match="as many as can be kept"):
        lab.break_it("rate_high", "portraits")
    assert lifecycle.all_runs() == before


def test_who_is_ahead_waits_for_a_twin_that_lives(spawned):
    """As long as it lives and is behind, and nobody wants an end."""
    sick, healthy = lab.break_it("rate_high", "portraits")
    processes.start(sick)
    run_folder.write_state(sick, status=states.RUNNING, step=36, pid=1)
    asked = []

    def ended() -> bool:
        asked.append(True)
        run_folder.write_state(healthy, status=states.RUNNING, step=12 * len(asked), pid=1)
        return False

    twins.wait(sick, ended)
    assert len(asked) == 3
    run_folder.write_state(healthy, status=states.RUNNING, step=0, pid=1)
    twins.wait(sick, lambda: True)
    run_folder.write_state(healthy, status=states.FAILED, step=0, pid=1)
    twins.wait(sick, lambda: pytest.fail("it waits for one that has ended"))
    assert twins.marks(sick) == lab.HEALTHY["steps"] // twins.MARKS


def test_at_every_mark_there_are_samples_and_without_noise_they_are_all_the_same():
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
    training = Training(TrainRequest(**TINY, noise=False), images, Accelerator(cpu=True))
    told = [(progress.step, progress.preview is not None) for progress in train(training, marks=6)]
    assert told == [(6, True), (12, True), (18, True), (20, True)]
    assert not training.latents().any()
    first, *others = (np.asarray(picture) for picture in training.sample(4))
    assert all((first == other).all() for other in others)
    assert torch.equal(training.preview_latents(2), torch.zeros(2, 8))


def test_the_first_cure_of_a_generator_without_noise_is_noise():
    sick, _ = lab.break_it("no_noise", "portraits")
    lines = [f'{{"step": {step}, "name": "diversity", "value": 0.0}}' for step in range(30, 721, 30)]
    (sick.path / "scores.jsonl").write_text("\n".join(lines))
    found = doctor.diagnose(sick)
    assert (found.name, dict(found.cures[0].changes)) == ("collapse", {"noise": True})
