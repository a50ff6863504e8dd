"""The worker on real folders: from a source of images to a generator, paused, branched, failing in words."""

import dataclasses
import functools
import io
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from core import files
from core.__main__ import main
from core.errors import UserError
from core.gan import checkpoint, doctor, measures, run_writer, train, worker
from core.gan.data import drawn, prepare
from core.gan.doctor import rules
from core.gan.measures.moment import Real
from core.gan.request import TrainRequest
from core.gan.zoo import model_folder
from core.pictures import images
from core.runs import lifecycle, processes, run_folder, states, watching
from core.runs.run_folder import Run
from core.settings import Progress
from core.visitors import identity, policy
from support.studio import SHARED
from support.waiting import PATIENCE, until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TINY = {"size": 16, "width_g": 4, "width_d": 4, "latent": 8, "batch": 8, "steps": 30}


_drawn = functools.cache(drawn.draw)


@pytest.fixture(autouse=True)
def _drawn_once(monkeypatch):
    """The pictures of one set are drawn once for all tests."""
    monkeypatch.setattr(drawn, "draw", lambda *picture: _drawn(*picture).copy())


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
    assert watching.seen(run).turn == 60, "who looks at a run that has ended sees how it ended"
    assert run.metrics()[-1]["step"] == 30
    net = model_folder.load(run.result)
    saved = checkpoint.newest(run, torch.device("cpu"))
    assert torch.equal(net.layers[0].weight, saved["average"]["layers.0.weight"])
    assert "60 pictures" in (run.result / "README.md").read_text()


def test_while_it_looks_at_images_and_measures_it_says_how_far_it_is(monkeypatch):
    said, write = [], run_folder.write_state
    monkeypatch.setattr(prepare, "NEWS", 0.0)
    monkeypatch.setattr(run_folder, "write_state", lambda run, **state: (said.append(state), write(run, **state)))
    worker.work(new(), check_only=True)
    for message, count in (("Preparing pictures", 60), ("Measuring", worker.MEASURED_STEPS)):
        shares = [state["share"] for state in said if state.get("message", "").startswith(message) and "share" in state]
        assert len(shares) == count
        assert shares == sorted(shares)
        assert 0 <= shares[0] < shares[-1] <= 1
    assert "share" not in said[-1]


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
    run = learned(50)
    (run.path / "control").write_text("stop")
    worker.work(run)
    assert run.status == states.FINISHED
    assert run.result is not None
    assert run.state["step"] == 50


def test_of_nothing_no_generator_is_made_and_that_is_said():
    """While the images are prepared, while twenty steps are measured, and before the first step."""
    run = new(steps=1_000_000)
    for lost in (None, "budget.json", None):
        if lost:
            (run.path / lost).unlink()
        (run.path / "control").write_text("stop")
        worker.work(run)
        assert (run.status, run.state["message"]) == (states.NEW, worker.NOTHING_LEARNED)
        worker.work(run, check_only=True)
    assert run.result is None


def test_finishing_a_branch_that_is_still_being_measured_makes_its_generator():
    run = learned(50)
    twig = lifecycle.branch(run, 50, {}, "twig")
    assert not twig.budget
    (twig.path / "control").write_text("stop")
    worker.work(twig)
    assert twig.status == states.FINISHED
    assert model_folder.load(twig.result)
    assert recipe(twig)["steps_made"] == 50


def test_pausing_a_branch_that_is_still_being_measured_pauses_it():
    twig = lifecycle.branch(learned(50), 50, {}, "twig")
    (twig.path / "control").write_text("pause")
    worker.work(twig)
    assert (twig.status, twig.state["message"], twig.result) == (states.PAUSED, "", None)


def test_finish_here_while_a_pause_is_being_saved_finishes(monkeypatch):
    run = learned(50)
    save = checkpoint.save

    def saved_while_somebody_presses(*what):
        save(*what)
        (run.path / "control").write_text("stop")

    monkeypatch.setattr(checkpoint, "save", saved_while_somebody_presses)
    (run.path / "control").write_text("pause")
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
    monkeypatch.setattr(run_writer, "CHECKPOINT_SECONDS", 0.0)
    worker.work(run, check_only=True)
    real = train.train

    def runs_away(training, **more):
        for progress in real(training, **more):
            yield progress
            with torch.no_grad():
                next(training.g.parameters()).fill_(float("nan"))

    monkeypatch.setattr(worker, "train", runs_away)
    with pytest.raises(UserError, match="ran away"):
        worker.work(run)
    assert run.status == states.FAILED
    assert "lower learning rates" in run.state["message"]
    assert all(torch.isfinite(v).all() for v in checkpoint.newest(run, torch.device("cpu"))["g"].values())
    assert doctor.diagnose(run).name == "not_a_number"
    lifecycle.set_healing(run, True)
    branch = worker.work(run)
    assert run.status == states.FAILED
    assert (branch.request.rate_g, branch.request.rate_d) == (0.0004, 0.0004)
    assert [line["branch"] for line in branch.diary()] == [branch.id]


def test_a_sick_run_gives_way_to_a_branch_that_goes_on_by_itself(monkeypatch, capsys):
    """Healed in a terminal, all of it in one command; the diary's last word is of the branch."""
    run = new(batch=16)
    plain, judge = train.train, rules.judge
    monkeypatch.setattr(run_writer, "QUICK_SECONDS", 0.0)
    monkeypatch.setattr(worker, "train", functools.partial(plain, report_every=0))
    monkeypatch.setattr(rules, "judge", lambda signals: ("d_wins", "It does.", ()) if signals.request.rate_d > 0.0002
                        else judge(signals))  # fmt: skip
    assert main(["train", str(run.path), "--heal"]) == 0
    (branch,) = [other for other in lifecycle.all_runs() if other.id != run.id]
    assert run.status == states.PAUSED
    assert run.state["message"] == f"The discriminator wins. It does. {branch.name} goes on in its place."
    assert branch.status == states.FINISHED
    assert branch.request.rate_d == 0.0002
    assert [line["run"] for line in branch.diary()] == [run.name, branch.name]
    assert "Too early to tell" in branch.diary()[-1]["said"]
    assert f"{branch.name}: finished at step 30" in capsys.readouterr().out


def test_pictures_held_out_are_never_learned_from_and_runs_of_before_learn_from_all(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 1)  # the pictures are drawn in this process, which has them already
    held, old = new(count=200), new("old", count=200)
    lifecycle._write_config(old, {name: value for name, value in old.config.items() if name != "held_out"})
    for run, kept_back in ((held, set(range(19, 200, 20))), (old, set())):
        prepared(run)
        training = worker._training(run, worker._accelerator())
        for epoch in (0, 1):
            assert sorted(training._order(epoch)) == sorted(set(range(200)) - kept_back)


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
    assert run.state["message"].endswith("Once that is mended, the run can go on.")
    worker.work(run)
    assert run.status == states.FINISHED


def test_a_generator_is_there_wholly_or_not_at_all(monkeypatch):
    """The disk is full after the first of its files."""
    run, real = new(), model_folder.save
    with monkeypatch.context() as full:

        def save(network, folder, *more, **named):
            real(network, folder, *more, **named)
            raise OSError(28, "No space left on device")

        full.setattr(model_folder, "save", save)
        with pytest.raises(UserError, match="The generator could not be written"):
            worker.work(run)
    assert run.result is None
    assert not (run.path / "result").exists()
    worker.work(run)
    assert run.result


# ---------------------------------------------------------------- which step is kept


def recipe(run: Run) -> dict:
    return images.read_recipe(run.result / "samples.png")


def scored(run: Run, **scores: float) -> None:
    """As if these steps (`s10=...`) had been measured with these results."""
    lines = [json.dumps({"step": int(name[1:]), "name": "kid", "value": value}) for name, value in scores.items()]
    (run.path / "scores.jsonl").write_text("\n".join(lines) + "\n")


_kept = Path(tempfile.mkdtemp(dir=os.environ[SHARED]))  # what runs have learned once, for all tests


def learned(*steps: int) -> Run:
    """A paused run with a checkpoint at each of these steps."""
    run, kept = new(steps=1_000_000), _kept / "-".join(map(str, steps))
    if not kept.exists():
        training = train.Training(run.request, prepared(run), worker._accelerator())
        while training.steps < steps[-1]:
            training.step()
            if training.steps in steps:
                checkpoint.save(run, training.state(), 0.0)
        files.write_json(run.path / "budget.json", dict.fromkeys(run_folder.BUDGET, 1))
        run_folder.write_state(run, status=states.PAUSED, step=steps[-1])
        shutil.copytree(run.path, kept)
    config = (run.path / "config.json").read_bytes()
    shutil.copytree(kept, run.path, dirs_exist_ok=True)
    (run.path / "config.json").write_bytes(config)
    return run


def prepared(run: Run) -> np.ndarray:
    run_folder.write_state(run, status=states.RUNNING)
    stop_signal = worker.StopSignal(run)
    worker._prepare(run, stop_signal, {})
    stop_signal.forget()
    return prepare.load(run.path)


def finished_with(monkeypatch, run: Run, score: float, command: str = "stop") -> list[int]:
    """Finish it where every measure gives `score`. -> the steps that were measured."""
    taken = []

    def take(moment, quick):
        if quick:
            return
        taken.append(moment.training.steps)
        yield "kid", score

    monkeypatch.setattr(measures, "take", take)
    (run.path / "control").write_text(command)
    worker.work(run)
    assert run.status == states.FINISHED, run.state
    kept = recipe(run)["steps_made"]
    weights = checkpoint.read(run.checkpoints()[kept], torch.device("cpu"))
    assert torch.equal(next(model_folder.load(run.result).parameters()), next(iter(weights["average"].values())))
    bias = model_folder.load_discriminator(run.result).layers[0].bias
    assert torch.equal(bias, weights["d"]["layers.0.bias"])
    assert recipe(run)["kept"] in (run.result / "README.md").read_text()
    return taken


@pytest.mark.parametrize(("last", "kept"), [(9.0, 10), (1.0, 30)])
def test_the_last_step_is_measured_before_it_is_compared(monkeypatch, last, kept):
    """A run of 400 steps once ended with the pictures of step 245, as no other had been measured."""
    run = learned(10, 20, 30)
    scored(run, s10=5.0)
    assert finished_with(monkeypatch, run, last) == [30]
    assert run.scores() == {"kid": {10: 5.0, 30: last}}
    assert recipe(run)["steps_made"] == kept
    why = recipe(run)["kept"]
    assert f"KID of {min(last, 5.0):.3g} is the lowest of 2 steps that were measured" in why
    assert ("the last step, 30, has 9" in why) == (kept == 10)
    assert ("the last, was kept" in why) == (kept == 30)


def test_without_earlier_scores_the_last_is_kept_and_nothing_is_measured(monkeypatch):
    run = learned(10, 20)
    scored(run, s15=1.0)  # thinned out since
    assert finished_with(monkeypatch, run, 0.0) == []
    assert recipe(run)["kept"] == "Step 20, the last, was kept: no other step that is still there was measured."


def test_measures_take_their_share_of_the_time_and_no_more(monkeypatch):
    """By a clock of its own: ten steps take ten seconds, looking at pictures as long, and what is quick a tenth."""
    run, now, looked = new(steps=3000), 0.0, []

    def take(moment, quick):
        nonlocal now
        now += 0.1 if quick else 10.0
        looked.append(quick)
        return iter([])

    monkeypatch.setattr(measures, "take", take)
    monkeypatch.setattr(Real, "plan", lambda *_: 10.0)
    monkeypatch.setattr(run_writer, "time", SimpleNamespace(perf_counter=lambda: now))
    monkeypatch.setattr(run_writer.RunWriter, "save", lambda _: None)
    training = train.Training(run.request, prepared(run), worker._accelerator())
    writer = run_writer.RunWriter(run, run.request, training, 0.0)
    for step in range(10, 3001, 10):
        now += 10.0
        writer.write(Progress(step, 3000, {}, None, 3000.0 - step))
    assert writer.measured == pytest.approx(0.1 * looked.count(True) + 10.0 * looked.count(False))
    assert writer.measured <= 0.03 * now
    assert looked.count(False) >= 3
    assert looked.count(True) > 250


def test_scores_that_are_no_numbers_win_nothing(monkeypatch):
    run = learned(10, 20, 30)
    scored(run, s10=float("nan"), s20=7.0)
    finished_with(monkeypatch, run, float("nan"))
    assert recipe(run)["steps_made"] == 20


def test_a_best_checkpoint_that_cannot_be_read_is_passed_over(monkeypatch):
    run = learned(10, 20, 30)
    scored(run, s10=1.0, s20=2.0)
    run.checkpoints()[10].write_bytes(b"torn")
    finished_with(monkeypatch, run, 3.0)
    assert recipe(run)["steps_made"] == 20


def test_the_scores_of_a_run_of_the_version_before_count(monkeypatch):
    run = learned(10, 20)
    (run.path / "checkpoints" / "scores.json").write_text('{"10": 5.0}')
    assert finished_with(monkeypatch, run, 9.0) == [20]
    assert recipe(run)["steps_made"] == 10
    assert run.scores() == {"kid": {10: 5.0, 20: 9.0}}


def test_a_person_may_choose_another_step_and_choose_again(monkeypatch):
    run = learned(10, 20, 30)
    scored(run, s10=5.0)
    finished_with(monkeypatch, run, 1.0)
    for step in (20, 10, 30):
        assert finished_with(monkeypatch, run, 1.0, f"stop {step}") == []
        assert recipe(run)["steps_made"] == step
        assert recipe(run)["kept"].endswith("it was chosen by hand.")
    assert run.state["step"] == 30


def test_scores_after_the_last_checkpoint_are_forgotten_as_they_will_be_made_again(monkeypatch):
    run = learned(10, 20)
    scored(run, s10=5.0, s40=1.0)
    finished_with(monkeypatch, run, 3.0)
    assert run.scores() == {"kid": {10: 5.0, 20: 3.0}}


def test_what_was_measured_best_is_never_thinned_out(monkeypatch):
    """Measured at every step, and best at step 10."""
    run = new(steps=20)
    monkeypatch.setattr(
        measures, "take", lambda moment, quick: iter([] if quick else [("kid", abs(moment.training.steps - 10.0))])
    )
    plain, write = train.train, run_writer.RunWriter.write

    def every_step(writer, progress):
        writer.every = -1.0
        write(writer, progress)

    monkeypatch.setattr(run_writer, "SCORE_SECONDS", -1.0)
    monkeypatch.setattr(run_writer, "SCORE_SHARE", math.inf)
    monkeypatch.setattr(run_writer.RunWriter, "write", every_step)
    monkeypatch.setattr(worker, "train", functools.partial(plain, report_every=0))
    monkeypatch.setattr(run_writer, "SHEETS", 4)
    worker.work(run)
    assert list(run.scores()["kid"]) == list(range(1, 21))
    assert 10 in run.checkpoints()
    assert set(run.checkpoints()) <= set(run.samples()), "each with its samples"
    assert len(run.checkpoints()) == policy.PRIVATE.checkpoints
    assert recipe(run)["steps_made"] == 10


def test_uploads_go_once_training_has_begun():
    run = lifecycle.create(TrainRequest(**TINY), {"kind": "folder", "path": "data/uploads"}, "mine")
    for number in range(40):
        path = run.path / f"{number}.png"
        drawn.draw("portraits", number, 16).save(path)
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
    first, second = new("first", steps=20), new("second", steps=20)
    processes.start(first)
    processes.start(second)
    assert second.status == states.QUEUED
    until(lambda: second.status in (states.FINISHED, states.FAILED))
    assert (first.status, second.status) == (states.FINISHED, states.FINISHED), first.log() + second.log()


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    told = subprocess.run(
        [sys.executable, "-m", "core", "train", str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert told.returncode == 2
    assert "not the folder of a run" in told.stderr


# A worker in public mode, where a run may take little more than a second.
SHORT = """
import dataclasses, sys
from pathlib import Path
from types import SimpleNamespace
from core.visitors import policy
from core.runs.run_folder import Run
from core import errors
policy.PUBLIC = dataclasses.replace(policy.PUBLIC, train_minutes=0.02)
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
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert "Preparing the pictures took the 0.02 minutes a run may take here" in told.stdout, told.stderr
    assert run.status == states.FAILED
    assert run.state["message"] == told.stdout.strip()
    assert run.state["seconds"] >= 1.2
    lifecycle.change(run, TrainRequest(**{**TINY, "size": 32}))
    assert run.state["seconds"] >= 1.2, "other settings give no time back"
    monkeypatch.setattr(policy, "PUBLIC", dataclasses.replace(policy.PUBLIC, train_minutes=0.02))
    with identity.asking("a" * 64), pytest.raises(UserError, match=r"has taken the 0\.02 minutes"):
        processes.start(run)


def test_a_run_goes_on_counting_where_preparing_ended():
    run = new()
    worker.work(run, check_only=True)
    prepared = run.state["seconds"]
    assert prepared > 0
    worker.work(run)
    assert run.metrics()[0]["seconds"] >= prepared
    assert checkpoint.newest(run, torch.device("cpu"))["seconds"] >= prepared


# ---------------------------------------------------------------- what is found in a folder


def test_a_marker_that_says_nothing_is_read_as_missing():
    run = new()
    worker.work(run, check_only=True)
    path = run.path / "data" / "prepared_for.json"
    for marker in ("", "{", "[]", "\ufeff{}", None):
        path.unlink() if marker is None else path.write_text(marker, encoding="utf-8")
        worker.work(run, check_only=True)
        assert run.status == states.READY
        assert json.loads(path.read_text())["size"] == 16


@pytest.mark.parametrize("steps", [0, 30])
def test_a_picture_store_that_is_cut_is_made_again(steps):
    """Before training and after: "check the images again" would lead nowhere once there is a checkpoint."""
    run = new(steps=steps or 30)
    worker.work(run, check_only=not steps)
    path = run.path / "data" / "images.u8"
    before = path.read_bytes()
    path.write_bytes(before[:-5])
    worker.work(run, check_only=not steps)
    assert run.status == (states.FINISHED if steps else states.READY)
    assert path.read_bytes() == before


def test_a_picture_store_that_cannot_be_made_again_is_said():
    run = learned(50)
    lifecycle._write_config(run, {**run.config, "source": {"kind": "folder", "path": lifecycle.UPLOADS}})
    path = run.path / "data" / "images.u8"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(UserError, match="the files they were made of are gone; start a new run"):
        worker.work(run)
    assert "start a new run" in run.state["message"]


def test_a_checkpoint_of_other_networks_is_said():
    run = learned(50)
    lifecycle._write_config(run, {**run.config, "request": {**run.config["request"], "width_g": 8}})
    with pytest.raises(UserError, match=r"not of the networks .* put back the config.json"):
        worker.work(run)
    assert run.status == states.FAILED
    assert 50 in run.checkpoints()


def test_a_damaged_checkpoint_is_told_and_costs_no_picture():
    run = learned(50)
    sheets = {"step-00000040.png": b"a sheet", "step-00000050.png": b"another"}
    for name, content in sheets.items():
        files.write_bytes(files.make_folder(run.path / "samples") / name, content)
    (path,) = run.checkpoints().values()
    path.write_bytes(path.read_bytes()[:-500])
    (run.path / "control").write_text("pause")
    worker.work(run)
    assert run.state["message"].startswith("The checkpoint of step 50 cannot be read, so training went on from step 0")
    assert {path.name: path.read_bytes() for path in (run.path / run_writer.LOST).iterdir()} == sheets


def test_the_command_says_where_the_generator_is_also_of_a_finished_run(capsys):
    run = new()
    for _ in range(2):
        assert main(["train", str(run.path)]) == 0
        said = capsys.readouterr().out
        assert f"30 steps, in {run.path}" in said
        assert "30 of 30 steps" in said
        assert f"finished at step 30. Its generator is in {run.result}." in said
    assert main(["train", str(run.path), "--check"]) == 0
    assert "All of it takes about" in capsys.readouterr().out


def test_the_command_tells_programs_in_json_and_tensorboard_in_its_files(capsys, tmp_path, monkeypatch):
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    run = new()
    assert main(["train", str(run.path), "--json", "--logdir", str(tmp_path)]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (told[-1]["status"], told[-1]["step"], told[-1]["total"]) == ("finished", 30, 30)
    assert told[-1]["result"] == str(run.result)
    assert told[-1]["diagnosis"] == "early"
    assert {"loss_d", "loss_g", "images_per_second"} <= told[-1]["losses"].keys()
    (path,) = (tmp_path / run.id).iterdir()
    written, raw = {}, path.read_bytes()
    while raw:  # a record: its length, a checksum, itself, a checksum
        length = int.from_bytes(raw[:8], "little")
        event, raw = event_pb2.Event.FromString(raw[12 : 12 + length]), raw[16 + length :]
        written |= {(value.tag, event.step): value.simple_value for value in event.summary.value}
    assert written["steps/loss_g", 30] == pytest.approx(run.metrics()[-1]["loss_g"])
    assert ("samples", 30) in written
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    assert main(["train", str(run.path), "--logdir", str(tmp_path)]) == 2
    assert "pip install tensorboardX" in capsys.readouterr().err


def test_the_command_says_how_far_it_is_and_that_ctrl_c_paused_it():
    run = new(steps=4000)  # it tells every twentieth part
    command = subprocess.Popen(
        [sys.executable, "-m", "core", "train", str(run.path)], cwd=ROOT, text=True, stdout=subprocess.PIPE
    )
    lines = []
    while not lines or "of 4,000 steps, " not in lines[-1]:
        lines.append(command.stdout.readline())
        assert lines[-1], "it ended early"
    command.send_signal(signal.SIGINT)
    rest, _ = command.communicate(timeout=PATIENCE)
    assert re.search(r"paused at step [1-9][\d,]*\. The same command goes on from there", rest)
    assert "4,000 steps, in " in lines[0]
