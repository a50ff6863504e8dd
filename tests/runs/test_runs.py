"""Run folders: what a page may rely on, whatever has happened to a folder or its process."""

import io
import json
import os
import subprocess
import sys

import psutil
import pytest

from core import files
from core.errors import UserError
from core.gan.request import TrainRequest
from core.runs import lifecycle, processes, run_folder, states, stuck
from core.runs.run_folder import Run
from core.visitors import identity
from support.waiting import until

DRAWN = {"kind": "drawn", "name": "portraits", "count": 64}


@pytest.fixture
def spawned(monkeypatch):
    """Instead of workers, processes that do nothing until they are told to end. -> the runs they were started for."""
    started, children = [], []

    def spawn(run, status, *_):
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        children.append(process)
        started.append(run.name)
        run_folder.write_state(run, **{**run.state, "status": status, **run_folder.process(process.pid)})

    monkeypatch.setattr(processes, "_spawn", spawn)
    yield started
    for process in children:
        process.kill()
        process.communicate()


def end(run: run_folder.Run, status: str) -> None:
    """As a worker does it."""
    run_folder.write_state(run, status=status, step=5)
    (run.path / "checkpoints").mkdir(exist_ok=True)
    (run.path / "checkpoints" / "step-00000005.pt").write_bytes(b"weights")


def new(name: str = "Cats", **settings) -> run_folder.Run:
    return lifecycle.create(TrainRequest(**settings), DRAWN, name)


def test_a_new_run():
    run = new("Cats & dogs", size=64)
    assert run.status == states.NEW
    assert run.name == "Cats & dogs"
    assert run.request == TrainRequest(size=64)
    assert run.metrics() == []
    assert run.samples() == run.checkpoints() == {}
    assert run.result is None
    assert run.log() == ""
    assert lifecycle.all_runs() == [lifecycle.find(run.id)] == [run]


def test_equal_names_get_folders_of_their_own():
    assert len({new("Cats").path for _ in range(3)}) == 3


@pytest.mark.parametrize("name", ["../../etc", "con", "a/b\\c", "  ", "x" * 81, "\0", "🐈"])
def test_no_name_leaves_the_folder(name):
    try:
        run = new(name)
    except UserError:
        return
    assert run.path.parent == files.home() / "runs"


@pytest.mark.parametrize("name", ["猫" * 78, "🐈a" * 40, "ﷺ" * 80, "İ" * 80, "x" * 80, "ä" * 80])
def test_a_run_of_any_name_can_be_made_and_removed(name):
    """File systems take 255 bytes; letters have up to four, and what is written beside or deleted is called longer."""
    several = [new(name) for _ in range(3)]
    assert several[0].name == name
    assert {run.path.parent for run in several} == {files.home() / "runs"}
    assert all(len(run.id.encode()) < 200 for run in several)
    for run in several:
        lifecycle.delete(run)
    assert list(files.home().iterdir()) == [], "no empty folder is left"


def test_a_run_whose_folder_has_the_longest_name_can_be_removed():
    """Made by an earlier version, or by hand."""
    old = Run(new().path.rename(files.home() / "runs" / ("あ" * 85)))
    lifecycle.rename(old, "Cats")
    lifecycle.delete(old)
    assert lifecycle.all_runs() == []


def test_nothing_is_made_by_looking():
    assert lifecycle.all_runs() == []
    assert not files.home().exists()


def test_no_id_leads_out_of_the_folder():
    new()
    (files.home() / "config.json").write_text("{}")
    for wrong in ("..", "../runs/cats", "nothing", "", ".", "/"):
        with pytest.raises(UserError, match="no run"):
            lifecycle.find(wrong)


def test_a_second_run_waits_and_is_started_when_the_first_ends(spawned):
    first, second, third = (new(name) for name in ("first", "second", "third"))
    for run in (first, second, third):
        processes.start(run)
    assert [run.status for run in (first, second, third)] == [states.STARTING, states.QUEUED, states.QUEUED]
    processes.start_next()
    assert spawned == ["first"]
    end(first, states.FINISHED)
    processes.start_next()
    assert spawned == ["first", "second"]
    assert third.status == states.QUEUED
    processes.pause(third)
    assert third.status == states.NEW


def test_a_killed_worker_does_not_hold_up_the_queue(spawned):
    first, second = new("first"), new("second")
    processes.start(first)
    processes.start(second)
    os.kill(first.state["pid"], 9)
    until(lambda: not first.alive)
    assert first.status == states.INTERRUPTED
    processes.start_next()
    assert spawned == ["first", "second"]
    processes.start(first)
    assert first.status == states.QUEUED


def test_another_process_with_the_same_number_is_not_the_worker():
    run = new()
    mine = run_folder.process(os.getpid())
    run_folder.write_state(run, status=states.RUNNING, **mine)
    assert run.status == states.RUNNING
    for other in ({"born": f"{mine['born']}0"}, {"born": ""}, {"started": psutil.Process().create_time() - 1000}, {}):
        run_folder.write_state(run, status=states.RUNNING, pid=mine["pid"], **other)
        assert run.status == states.INTERRUPTED


def test_a_clock_that_is_set_ends_no_worker(monkeypatch, spawned):
    """What psutil says of a process's beginning moves with the clock; a second training would start."""
    first, second = new("first"), new("second")
    processes.start(first)
    before = psutil.Process.create_time
    for step in (-7, 7, 86_400):
        monkeypatch.setattr(psutil.Process, "create_time", lambda self, step=step: before(self) + step)
        assert first.status == states.STARTING
        processes.start(second)
        assert (second.status, spawned) == (states.QUEUED, ["first"])


def test_a_state_of_an_earlier_version_is_read(monkeypatch):
    run = new()
    run_folder.write_state(run, status=states.RUNNING, pid=os.getpid(), started=psutil.Process().create_time() - 8)
    assert run.status == states.RUNNING


def test_while_a_worker_holds_its_lock_no_other_training_starts(spawned):
    """Whatever became of what is known of it: an earlier version's clock, another container's numbers."""
    first, second = new("first"), new("second")
    code = (
        "import sys, pathlib; from core.runs import processes, run_folder\n"
        "with processes.claimed(run_folder.Run(pathlib.Path(sys.argv[1]))): print(1, flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(first.path)], stdin=-1, stdout=-1, text=True) as worker:
        worker.stdout.readline()
        run_folder.write_state(first, status=states.RUNNING, pid=2**22, started=1.0)
        assert first.alive
        processes.start(first)
        processes.start(second)
        processes.start_next()
        assert (second.status, spawned) == (states.QUEUED, [])
        processes.end(processes.interrupt(), 0)  # it cannot be told apart from others by its number: nobody is hurt
        worker.kill()
    assert first.status == states.INTERRUPTED
    processes.start_next()
    assert spawned == ["second"]


def test_pause_and_stop_are_said_in_the_folder(spawned):
    run = new()
    processes.start(run)
    processes.pause(run)
    assert run_folder.control(run) == "pause"
    processes.stop(run)
    assert run_folder.control(run) == "stop"
    end(run, states.PAUSED)
    processes.start(run)
    assert run_folder.control(run) == "", "what was said to the process before does not concern the next one"
    end(run, states.PAUSED)
    processes.stop(run)
    assert spawned == ["Cats"] * 3, "a paused run needs a process to finish it"
    assert run_folder.control(run) == "stop"


def test_of_a_run_that_learned_nothing_no_generator_can_be_made(spawned):
    run = new()
    with pytest.raises(UserError, match="learned nothing yet"):
        processes.stop(run)
    assert (spawned, run_folder.control(run)) == ([], "")


def test_the_step_to_keep_is_chosen_of_a_finished_run(spawned):
    run = new()
    processes.start(run)
    with pytest.raises(UserError, match="is not finished"):
        processes.keep(run, 5)
    end(run, states.FINISHED)
    with pytest.raises(UserError, match="no checkpoint at step 6"):
        processes.keep(run, 6)
    assert run_folder.control(run) == ""
    processes.keep(run, 5)
    assert (spawned, run_folder.control(run)) == (["Cats"] * 2, "stop 5")


def test_a_finished_run_that_waits_for_another_step_is_finished_again_when_it_shall_not(spawned, monkeypatch):
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    with identity.asking("a" * 64):
        run, busy = new(), new("busy")
        end(run, states.FINISHED)
        processes.start(busy)
        processes.keep(run, 5)
        assert run.status == states.QUEUED
        processes.pause(run)
    assert (run.status, run_folder.control(run)) == (states.FINISHED, "")


def test_renaming_and_changing():
    run = new()
    lifecycle.rename(run, "Dogs")
    assert (run.name, run.id) == ("Dogs", "cats")
    lifecycle.change(run, TrainRequest(size=16))
    assert run.request.size == 16
    end(run, states.PAUSED)
    with pytest.raises(UserError, match="branch"):
        lifecycle.change(run, TrainRequest(size=32))
    with pytest.raises(UserError, match="name"):
        lifecycle.rename(run, " ")


def test_a_branch_goes_on_with_other_settings():
    run = new(seed=3)
    end(run, states.PAUSED)
    (run.path / "data").mkdir()
    for name in ("images.u8", "report.json", "preview.png"):
        (run.path / "data" / name).write_text(name)
    twig = lifecycle.branch(run, 5, {"rate_d": 0.0001}, "Calmer")
    assert twig.request == TrainRequest(seed=3, rate_d=0.0001)
    assert (twig.status, list(twig.checkpoints())) == (states.PAUSED, [5])
    assert twig.config["branch_of"] == run.id
    lifecycle.delete(run)
    assert (twig.path / "data" / "images.u8").read_text() == "images.u8"
    assert twig.checkpoints()[5].read_bytes() == b"weights"
    with pytest.raises(UserError, match="width_g"):
        lifecycle.branch(twig, 5, {"width_g": 64}, "Wider")
    (twig.path / "checkpoints" / "step-00000025.pt").write_bytes(b"")
    with pytest.raises(UserError, match="more steps"):
        lifecycle.branch(twig, 25, {"steps": 20}, "Short")
    with pytest.raises(UserError, match="no checkpoint at step 6"):
        lifecycle.branch(twig, 6, {}, "Later")


def test_only_a_resting_run_can_be_deleted(spawned):
    run = new()
    processes.start(run)
    with pytest.raises(UserError, match="pause"):
        lifecycle.delete(run)
    end(run, states.PAUSED)
    lifecycle.delete(run)
    assert lifecycle.all_runs() == []
    assert not run.path.exists()


def test_a_run_elsewhere_is_not_deleted(tmp_path):
    run = new()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text((run.path / "config.json").read_text())
    link = files.home() / "runs" / "link"
    link.symlink_to(tmp_path / "mine", target_is_directory=True)
    assert lifecycle.all_runs() == [run]
    for elsewhere in (run_folder.Run(tmp_path / "mine"), run_folder.Run(link)):
        with pytest.raises(UserError, match="by hand"):
            lifecycle.delete(elsewhere)
    assert (tmp_path / "mine" / "config.json").exists()


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '{"request": 5}', '{"request": {"kind": "train", "size": 5}}', "[" * 100_000, "\udcff",
     '{"request": {"kind": "train", "steps": []}}', '{"request": {"kind": "style"}, "name": {}}'],
)  # fmt: skip
def test_poisoned_folders_are_shown_as_damaged_and_can_be_deleted(content):
    good, bad = new("good"), new("bad")
    (bad.path / "config.json").write_text(content, errors="surrogateescape")
    assert {run.status for run in lifecycle.all_runs()} == {states.NEW, states.DAMAGED}
    assert isinstance(bad.name, str)
    processes.start(bad)
    assert bad.status == states.DAMAGED
    lifecycle.delete(bad)
    assert lifecycle.all_runs() == [good]


@pytest.mark.parametrize("content", ["", "{", "7", '{"status": "running"}', '{"status": "running", "pid": "x"}',
                                     '{"status": "running", "pid": -1, "started": 0}', '{"status": ["running"]}',
                                     '{"status": "running", "pid": 1e99, "started": 0}'])  # fmt: skip
def test_a_poisoned_state_is_no_running_worker(content):
    run = new()
    (run.path / "state.json").write_text(content)
    assert run.status in (states.NEW, states.INTERRUPTED)
    assert not run.alive


DEEP = "[" * 100_000


def test_torn_metrics_are_read_as_far_as_they_go():
    run = new()
    lines = [json.dumps({"step": step, "loss_d": 0.5}) for step in (1, 2, 3)]
    torn = [lines[0], "nonsense", "[1]", DEEP, '{"loss_d": 5}', '{"step": "x"}', lines[1], lines[2][:-9]]
    (run.path / "metrics.jsonl").write_text("\n".join(torn))
    assert run.metrics() == [{"step": 1, "loss_d": 0.5}, {"step": 2, "loss_d": 0.5}]


def test_metrics_that_lack_a_name_or_have_another_are_as_good_as_any():
    run = new()
    (run.path / "metrics.jsonl").write_text('{"step": 1, "kl": 2.5}\n{"step": 2, "loss_d": NaN, "loss_g": "x"}\n')
    assert run.metrics() == [{"step": 1, "kl": 2.5}, {"step": 2}]


def test_scores_are_read_as_far_as_they_go_whatever_their_names():
    run = new()
    lines = [
        '{"step": 20, "name": "kid", "value": 4}', '{"step": 10, "name": "kid", "value": 5.5}', "nonsense", "7", DEEP,
        '{"step": 30, "value": 1}', '{"step": 30, "name": "kid"}', '{"name": "kid", "value": 1}',
        '{"step": 30, "name": ["kid"], "value": 1}', '{"step": 30, "name": "kid", "value": "low"}',
        '{"step": 30, "name": "kid", "value": NaN}', '{"step": 30, "name": "", "value": 1}',
        '{"step": 10, "name": "of another *version*", "value": 1, "more": 2}',
        '{"step": 20, "name": "kid", "value": 3}',
        '{"step": 40, "name": "kid", "val',
    ]  # fmt: skip
    assert run.scores() == {}
    (run.path / "scores.jsonl").write_bytes("\n".join(lines).encode() + b"\xff")
    assert run.scores() == {"kid": {10: 5.5, 20: 3}, "of another *version*": {10: 1}}


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1, "5": "x", "6": null, "7": NaN}'])
def test_scores_of_the_version_before_are_read(content):
    run = new()
    (run.path / "checkpoints").mkdir()
    old = run.path / "checkpoints" / "scores.json"
    old.write_text(content)
    assert run.scores() == {}
    old.write_text('{"10": 5.5, "20": 4}')
    assert run.scores() == {"kid": {10: 5.5, 20: 4}}


def test_uploads_with_equal_and_dangerous_names_all_arrive():
    run = new()
    for name in ("cat.png", "cat.png", "../../cat.png", "/etc/passwd", "C:\\cat.png", "..", ""):
        lifecycle.add_upload(run, name, io.BytesIO(b"cat"))
    uploads = run.path / "data" / "uploads"
    arrived = [path for path in uploads.rglob("*") if path.is_file()]
    assert len(arrived) == 7
    assert all(uploads in path.resolve().parents for path in arrived)


@pytest.mark.slow
def test_states_are_whole_or_not_there_for_a_reader():
    run = new()
    code = (
        "import sys; from pathlib import Path; from core.runs import run_folder\n"
        "for i in range(2000): run_folder.write_state(run_folder.Run(Path(sys.argv[1])), "
        "status='paused', fill='x' * (i % 50) * 99)"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(run.path)])
    seen = 0
    while writer.poll() is None:
        if (run.path / "state.json").exists():
            json.loads((run.path / "state.json").read_text())
            seen += 1
    assert seen
    assert [path.name for path in run.path.iterdir() if path.suffix == ".part"] == []


def test_only_one_process_works_on_a_run(monkeypatch):
    run = new()
    monkeypatch.setattr(processes, "CLAIM_SECONDS", 0.1)
    with processes.claimed(run), pytest.raises(UserError, match="another process"), processes.claimed(run):
        pass


def test_looking_after_runs_needs_no_torch():
    code = "import sys; from core.runs import lifecycle; from core.gan import cli; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


# ---------------------------------------------------------------- workers that stand still


@pytest.fixture
def looks(monkeypatch):
    """A computer on which 20 seconds between looks take no time: looks() looks so many times."""
    clock = [1000.0]
    monkeypatch.setattr(stuck.time, "monotonic", lambda: clock[0])

    def look(times):
        for _ in range(times):
            processes.start_next()
            clock[0] += stuck.LOOK_SECONDS

    return look


def test_a_stopped_worker_gives_up_its_place(spawned, looks):
    first, second = new("first"), new("second")
    processes.start(first)
    worker = psutil.Process(first.state["pid"])
    until(lambda: worker.status() == psutil.STATUS_SLEEPING and worker.num_threads() == 1)
    worker.suspend()
    end(paused := new("paused"), states.PAUSED)
    looks(3 * stuck.LOOKS)
    assert first.alive, "nobody waits for its place"
    processes.start(second)
    looks(stuck.LOOKS)
    assert first.alive
    looks(1)
    assert (first.status, second.status, spawned) == (states.INTERRUPTED, states.STARTING, ["first", "second"])
    assert "did nothing for 2 minutes" in first.state["message"]
    assert paused.status == states.PAUSED


def test_a_stopped_worker_that_is_told_to_pause_is_ended(spawned, looks):
    run = new()
    processes.start(run)
    worker = psutil.Process(run.state["pid"])
    until(lambda: worker.status() == psutil.STATUS_SLEEPING and worker.num_threads() == 1)
    worker.suspend()
    processes.pause(run)
    looks(stuck.LOOKS + 1)
    assert run.status == states.INTERRUPTED


def test_a_run_that_cannot_be_started_does_not_hold_up_the_others(spawned, monkeypatch):
    first, bad, good = new("first"), new("bad"), new("good")
    for run in (first, bad, good):
        processes.start(run)
    end(first, states.FINISHED)
    real = processes._spawn

    def spawn(run, *more):
        if run == bad:
            raise UserError("The log of this run could not be written.")
        real(run, *more)

    monkeypatch.setattr(processes, "_spawn", spawn)
    processes.start_next()
    assert (bad.status, good.status) == (states.FAILED, states.STARTING)
    assert "could not be written" in bad.state["message"]


def test_an_honest_slow_worker_keeps_its_place(spawned, looks, monkeypatch):
    """It uses a little of a processor between any two looks, whatever it is at; and a look too many counts for none."""
    first, second = new("first"), new("second")
    processes.start(first)
    processes.start(second)
    used = [5.0]
    monkeypatch.setattr(psutil.Process, "cpu_times", lambda self: (used[0], 0.0, 0.0, 0.0))
    for _ in range(3):
        looks(stuck.LOOKS - 1)  # it waits for a network, say
        used[0] += 0.5
        looks(1)
    for _ in range(3 * stuck.LOOKS):
        processes.start_next()
    assert (first.status, second.status) == (states.STARTING, states.QUEUED)


def test_a_file_that_an_editor_gave_a_mark_is_read(tmp_path):
    (tmp_path / "config.json").write_text('{"name": "süß"}', encoding="utf-8-sig")
    assert run_folder.read_json(tmp_path / "config.json") == {"name": "süß"}
