"""The worker on real folders: from a source of images to a generator, paused, branched, failing in words."""

import dataclasses
import io
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState
from PIL import Image

from core.errors import UserError
from core.gan import checkpoint, metrics, train, worker
from core.gan.data import prepare
from core.gan.request import TrainRequest
from core.gan.zoo import model_folder
from core.runs import lifecycle, processes, run_folder, states
from core.runs.run_folder import Run
from core.visitors import identity, policy

ROOT = Path(__file__).parents[2]
TINY = {"size": 16, "width_g": 4, "width_d": 4, "latent": 8, "batch": 8, "steps": 30}


@pytest.fixture(autouse=True)
def _alone():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    AcceleratorState._reset_state(True)
    yield
    AcceleratorState._reset_state(True)
    torch.set_num_threads(threads)


def new(name="portraits", count=60, **settings) -> Run:
    return lifecycle.create(
        TrainRequest(**{**TINY, **settings}), {"kind": "drawn", "name": "portraits", "count": count}, name
    )


def test_from_pictures_to_a_generator():
    run = new()
    worker.work(run, check_only=True)
    assert run.status == states.READY
    assert prepare.read_report(run.path).usable == 60
    assert run.budget["steps"] == 20
    assert not run.checkpoints()
    worker.work(run)
    assert run.status == states.FINISHED
    assert run.state["step"] == 30
    assert list(run.checkpoints()) == [30]
    assert list(run.samples())[-1] == 30
    assert run.metrics()[-1]["step"] == 30
    net = model_folder.load(run.result)
    saved = checkpoint.newest(run, torch.device("cpu"))
    assert torch.equal(net.layers[0].weight, saved["average"]["layers.0.weight"])
    assert "60 pictures" in (run.result / "README.md").read_text()


def test_too_few_pictures_fail_in_words():
    run = new(count=10)
    with pytest.raises(UserError, match="at least 32"):
        worker.work(run)
    assert run.status == states.FAILED
    assert "at least 32" in run.state["message"]


def test_other_settings_prepare_the_images_again():
    run = new()
    worker.work(run, check_only=True)
    lifecycle.change(run, TrainRequest(**{**TINY, "colour": "grey"}))
    worker.work(run, check_only=True)
    assert prepare.load(run.path).shape == (60, 16, 16, 1)


def test_paused_before_the_first_step_and_resumed():
    run = new()
    worker.work(run, check_only=True)
    (run.path / "control").write_text("pause")
    worker.work(run)
    assert run.status == states.PAUSED
    assert run.state["step"] == 0
    assert run_folder.control(run) == ""
    worker.work(run)
    assert run.status == states.FINISHED


def test_a_paused_run_can_be_finished_as_it_is():
    run = new(steps=1_000_000)
    worker.work(run, check_only=True)
    (run.path / "control").write_text("stop")
    worker.work(run)
    assert run.status == states.FINISHED
    assert run.result is not None


def test_a_branch_goes_on_from_where_it_was_made():
    run = new()
    worker.work(run)
    twig = lifecycle.branch(run, 30, {"steps": 40, "rate_d": 0.001}, "twig")
    lifecycle.delete(run)
    worker.work(twig)
    assert twig.status == states.FINISHED
    assert twig.state["step"] == 40
    assert checkpoint.newest(twig, torch.device("cpu"))["opt_d"]["param_groups"][0]["lr"] == 0.001


def test_running_away_is_told_and_the_checkpoint_before_is_kept(monkeypatch):
    run = new(rate_g=0.1, rate_d=0.1, norm_d="none", norm_g="none", loss="hinge", steps=5000)
    monkeypatch.setattr(worker, "CHECKPOINT_SECONDS", 0.0)
    worker.work(run, check_only=True)
    real = train.train

    def runs_away(training, **more):
        for progress in real(training, **more):
            yield progress
            with torch.no_grad():
                next(training.g.parameters()).fill_(float("nan"))

    monkeypatch.setattr(train, "train", runs_away)
    with pytest.raises(UserError, match="ran away"):
        worker.work(run)
    assert run.status == states.FAILED
    assert "lower learning rates" in run.state["message"]
    assert all(torch.isfinite(v).all() for v in checkpoint.newest(run, torch.device("cpu"))["g"].values())


def test_a_full_disk_is_told_and_the_run_can_go_on(monkeypatch):
    run = new()
    worker.work(run, check_only=True)
    with monkeypatch.context() as full:

        def save(*_):
            raise OSError(28, "No space left on device")

        full.setattr(torch, "save", save)
        with pytest.raises(UserError, match=r"The checkpoint could not be written.*GANVAS_HOME"):
            worker.work(run)
    assert run.status == states.FAILED
    worker.work(run)
    assert run.status == states.FINISHED


def test_the_generator_is_the_best_moment_of_the_run(monkeypatch):
    """Judged every time, by a judge who likes step 10 best."""
    run = new(steps=20)
    steps = []

    class Likes:
        def __init__(self, _):
            pass

        def __call__(self, pictures):
            assert len(pictures) == 256
            return abs(len(steps) - 10)

    monkeypatch.setattr(metrics, "KidScorer", Likes)
    monkeypatch.setattr(worker, "KID_SECONDS", -1.0)
    real = worker.RunWriter.write

    def write(diary, progress):
        real(diary, progress)
        steps.append(progress.step)
        diary.judge_every = -1.0
        diary.save()

    monkeypatch.setattr(worker.RunWriter, "write", write)
    plain = train.train
    monkeypatch.setattr(train, "train", lambda training, stopped: plain(training, stopped, report_every=0))
    worker.work(run)
    assert checkpoint.best(run) == 10
    assert 10 in run.checkpoints(), "thinning spares the best"
    assert len(run.checkpoints()) == policy.PRIVATE.checkpoints
    net = model_folder.load(run.result)
    saved = checkpoint.read(run.checkpoints()[10], torch.device("cpu"))
    assert torch.equal(net.layers[0].weight, saved["average"]["layers.0.weight"])
    judge = model_folder.load_discriminator(run.result)
    assert torch.equal(judge.layers[0].bias, saved["d"]["layers.0.bias"])
    assert "10 steps" in (run.result / "README.md").read_text()


def test_uploads_go_once_training_has_begun():
    run = lifecycle.create(TrainRequest(**TINY), {"kind": "folder", "path": "data/uploads"}, "mine")
    from core.gan.data import dicebear

    for number in range(40):
        path = run.path / f"{number}.png"
        dicebear.draw("portraits", number, 16).save(path)
        with open(path, "rb") as file:
            lifecycle.add_upload(run, path.name, file)
    worker.work(run, check_only=True)
    assert (run.path / "data" / "uploads").exists()
    worker.work(run)
    assert not (run.path / "data" / "uploads").exists()
    assert prepare.read_report(run.path).usable == 40


def test_the_command_line_runs_a_folder_and_the_queue_goes_on(monkeypatch):
    """As pages start it: a process of its own that outlives nobody's attention, then the next in the queue."""
    monkeypatch.setattr(processes, "NICENESS", 0)  # here somebody waits for the workers
    first, second = new("first", steps=60), new("second", steps=20)
    processes.start(first)
    processes.start(second)
    assert second.status == states.QUEUED
    until = time.monotonic() + 120
    while second.status != states.FINISHED and time.monotonic() < until:
        time.sleep(0.1)
    assert (first.status, second.status) == (states.FINISHED, states.FINISHED), first.log() + second.log()


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    told = subprocess.run(
        [sys.executable, "-m", "core", "train", str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert told.returncode == 2
    assert "not the folder of a run" in told.stderr


# A worker in public mode, where a run may take three seconds.
SHORT = """
import dataclasses, sys
from pathlib import Path
from core.visitors import policy
from core.runs.run_folder import Run
from core import errors
policy.PUBLIC = dataclasses.replace(policy.PUBLIC, train_minutes=0.05)
from core.gan import worker
try:
    worker.work(Run(Path(sys.argv[1])), check_only=len(sys.argv) > 2)
except errors.UserError as error:
    print(error)
"""


def test_preparing_counts_as_time_of_the_run_and_ends(monkeypatch):
    """A zip of 400 kB, of two hundred pictures of 16 million pixels each, holds its place as long as a run may."""
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    with identity.asking("a" * 64):
        run = lifecycle.create(TrainRequest(**TINY), {"kind": "folder", "path": "data/uploads"}, "bombs")
    bomb, packed = io.BytesIO(), io.BytesIO()
    Image.new("1", (4000, 4000)).save(bomb, "PNG")
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(200):
            archive.writestr(f"{number}.png", bomb.getvalue())
    packed.seek(0)
    lifecycle.add_upload(run, "bombs.zip", packed)
    command = [sys.executable, "-c", SHORT, str(run.path)]
    began = time.monotonic()
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert "Preparing the pictures took the 0.05 minutes a run may take here" in told.stdout, told.stderr
    assert time.monotonic() - began < 60
    assert run.status == states.FAILED
    assert run.state["message"] == told.stdout.strip()
    assert 3 <= run.state["seconds"] < 20
    lifecycle.change(run, TrainRequest(**{**TINY, "size": 32}))
    assert run.state["seconds"] >= 3, "other settings give no time back"
    monkeypatch.setattr(policy, "PUBLIC", dataclasses.replace(policy.PUBLIC, train_minutes=0.05))
    with identity.asking("a" * 64), pytest.raises(UserError, match=r"has taken the 0\.05 minutes"):
        processes.start(run)


def test_a_run_goes_on_counting_where_preparing_ended():
    run = new()
    worker.work(run, check_only=True)
    prepared = run.state["seconds"]
    assert prepared > 0
    worker.work(run)
    assert run.metrics()[0]["seconds"] >= prepared
    assert checkpoint.newest(run, torch.device("cpu"))["seconds"] >= prepared
