"""What is allowed in public and in private mode: every limit where it bites, and in words."""

import io
import os
import time
import types

import pytest
from PIL import Image

from core import files, jobs
from core.errors import UserError
from core.gan.request import SampleRequest, TrainRequest
from core.gan.zoo import catalogue, load
from core.hub import cache, client, download, publish
from core.pictures import decode, images
from core.runs import lifecycle, processes, run_folder, states
from core.settings import Request, settings_of
from core.style.request import StyleRequest
from core.visitors import identity, policy, sweep, tray
from ui.generate import sample_api
from ui.style import events, painting

ANNA, BERT = "a" * 64, "b" * 64
DRAWN = {"kind": "drawn", "name": "portraits", "count": 64}


@pytest.fixture
def public(monkeypatch):
    monkeypatch.setenv("GANVAS_PUBLIC", "1")


@pytest.fixture
def limited(public, monkeypatch):
    """Public mode with other limits: limited(runs=1)."""
    import dataclasses

    return lambda **limits: monkeypatch.setattr(policy, "PUBLIC", dataclasses.replace(policy.PUBLIC, **limits))


@pytest.fixture
def anna(public):
    with identity.asking(ANNA):
        yield


@pytest.fixture
def no_processes(monkeypatch):
    """Workers are not started; their runs count as training, by this process."""
    monkeypatch.setattr(
        processes,
        "_spawn",
        lambda run, status, *_: run_folder.write_state(
            run, **{**run.state, "status": status, **run_folder.process(os.getpid())}
        ),
    )


def refusal(call, *values, **named) -> str:
    with pytest.raises(UserError) as error:
        call(*values, **named)
    return str(error.value)


# ---------------------------------------------------------------- which mode


@pytest.mark.parametrize(("space", "chosen", "expected"), [
    ("", "", False), ("someone/ganvas", "", True), ("", "1", True), ("someone/ganvas", "0", False), ("", "no", False),
])  # fmt: skip
def test_the_mode(monkeypatch, space, chosen, expected):
    monkeypatch.setenv("SPACE_ID", space)
    monkeypatch.setenv("GANVAS_PUBLIC", chosen)
    assert policy.public() is expected


@pytest.mark.parametrize("kind", [StyleRequest, TrainRequest, SampleRequest])
def test_private_mode_is_unlimited(kind):
    assert policy.settings_of(kind) == settings_of(kind)
    policy.require_allowed(kind())


@pytest.mark.parametrize("kind", [StyleRequest, TrainRequest, SampleRequest])
def test_the_usual_settings_are_allowed_everywhere(public, kind):
    policy.require_allowed(kind())
    for name, about in policy.settings_of(kind).items():
        about.convert(settings_of(kind)[name].default)


@pytest.mark.parametrize("request_", [
    StyleRequest(size=2048), StyleRequest(steps=1000), TrainRequest(size=128), TrainRequest(steps=100_000),
    TrainRequest(batch=512), TrainRequest(width_g=128), SampleRequest(count=400),
    SampleRequest(points=tuple(f"1:{n}" for n in range(300))),
])  # fmt: skip
def test_more_than_allowed_is_refused_wherever_it_enters(anna, request_: Request):
    said = refusal(jobs.submit, request_)
    assert "at most" in said
    assert "your own computer" in said
    if isinstance(request_, TrainRequest):
        assert said == refusal(lifecycle.create, request_, DRAWN, "Too much")
        run = lifecycle.create(TrainRequest(), DRAWN, "Fine")
        assert said == refusal(lifecycle.change, run, request_)


def test_a_painting_opened_again_asks_for_no_more(public, tmp_path):
    images.write_png(Image.new("RGB", (8, 8)), tmp_path / "p.png", StyleRequest(size=2048).recipe())
    assert "at most 1024 px" in events.restored(str(tmp_path / "p.png"), [])[0]


# ---------------------------------------------------------------- whose it is


def test_each_sees_their_own(public):
    with identity.asking(ANNA):
        run = lifecycle.create(TrainRequest(), DRAWN, "Secret")
        assert lifecycle.all_runs() == [run]
        assert lifecycle.folder() == files.home() / "visitors" / ANNA / "runs"
    with identity.asking(BERT):
        assert lifecycle.all_runs() == []
        assert "no run" in refusal(lifecycle.find, run.id)
        assert "no run" in refusal(catalogue.run_ref, f"run:{run.id}")
        assert "not in the folder" in refusal(lifecycle.delete, run)
    assert lifecycle.everyones() == [run]


def test_nobody_is_refused(public):
    for call in (lifecycle.all_runs, catalogue.choices, lambda: jobs.submit(SampleRequest()), lambda: tray.put(None)):
        with pytest.raises(PermissionError):
            call()


def test_a_job_works_for_whoever_asked(public, monkeypatch):
    seen = []
    monkeypatch.setattr(jobs, "_engine", lambda job: seen.append(identity.asker()) or iter(()))
    with identity.asking(ANNA):
        job = jobs.submit(SampleRequest())
    list(job.updates())
    assert seen == [ANNA]


def test_what_one_fetched_is_not_shown_to_others(public, tmp_path):
    import numpy as np

    ref = f"hub:someone/odd@{'1' * 40}:g.pth"
    cache.store_tensors(catalogue.hub_ref(ref).stored, {"g.x": np.zeros(1)}, {"generator": ref, "title": "Odd"})
    with identity.asking(ANNA):
        assert catalogue.fetched() == []
        catalogue.note(ref)
        assert [choice.ref for choice in catalogue.fetched()] == [ref]
    with identity.asking(BERT):
        assert catalogue.fetched() == []


def test_the_servers_tokens_are_not_its_visitors(public, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", "hf_server")
    assert "authorization" not in client._headers()
    for name in publish.NEEDED:
        (tmp_path / name).write_text("x")
    assert "needs a token" in refusal(publish.publish, tmp_path, "someone/x", "", data_licence="mit")


# ---------------------------------------------------------------- how much


def test_folders_of_the_server_are_closed(anna):
    for path in ("/etc", "../..", "data/uploads/../../..", ""):
        assert "cannot be used" in refusal(lifecycle.create, TrainRequest(), {"kind": "folder", "path": path}, "Mine")
    assert "too many" in refusal(lifecycle.create, TrainRequest(), DRAWN | {"count": 20_000}, "Mine")


def test_runs_and_disk_of_a_visitor(limited):
    limited(runs=2, disk=1_000_000)
    with identity.asking(ANNA):
        run = lifecycle.create(TrainRequest(), DRAWN, "One")
        (run.path / "big").write_bytes(b"x" * 2_000_000)
        assert "delete one first" in refusal(lifecycle.create, TrainRequest(), DRAWN, "Two")
        assert "delete one first" in refusal(processes.start, run)
        (run.path / "big").unlink()
        lifecycle.create(TrainRequest(), DRAWN, "Two")
        assert "2 runs" in refusal(lifecycle.create, TrainRequest(), DRAWN, "Three")
    with identity.asking(BERT):
        lifecycle.create(TrainRequest(), DRAWN, "One")
        limited(disk_all=10)
        assert "full" in refusal(lifecycle.create, TrainRequest(), DRAWN, "Two")


def test_uploads(limited):
    limited(upload_bytes=100, upload_files=3)
    with identity.asking(ANNA):
        files = [("a.png", io.BytesIO(b"x" * 40))] * 3
        assert "3 files of 0 MB" in refusal(lifecycle.create_with, files, TrainRequest(), "Mine")
        assert "4 files" in refusal(lifecycle.create_with, [("a", io.BytesIO(b"x"))] * 4, TrainRequest(), "Mine")
        assert lifecycle.all_runs() == []
        run = lifecycle.create_with(files[:2], TrainRequest(), "Mine")
        assert len([path for path in (run.path / lifecycle.UPLOADS).rglob("*") if path.is_file()]) == 2


def test_pictures(limited):
    limited(picture_bytes=1000, picture_pixels=100)
    noise = io.BytesIO()
    Image.effect_noise((64, 64), 60).save(noise, "PNG")
    assert "can be opened here" in refusal(images.open_picture, noise)
    limited(picture_bytes=10**6)
    assert "64 × 64" in refusal(images.open_picture, noise)
    assert decode.MAX_SIDE


def test_one_trains_and_all_wait_in_one_line(limited, no_processes):
    limited(trainings=2, trainings_all=2)
    with identity.asking(ANNA):
        first, second, third = (lifecycle.create(TrainRequest(), DRAWN, name) for name in ("1", "2", "3"))
        processes.start(first)
        processes.start(second)
        assert "2 runs of yours" in refusal(processes.start, third)
    with identity.asking(BERT):
        other, last = (lifecycle.create(TrainRequest(), DRAWN, name) for name in ("4", "5"))
        processes.start(other)
        assert "2 runs are waiting" in refusal(processes.start, last)
    assert [run.status for run in (first, second, other)] == [states.STARTING, states.QUEUED, states.QUEUED]
    assert [processes.queue_position(run) for run in (second, other)] == [1, 2]
    run_folder.write_state(first, status=states.PAUSED)
    processes.start_next()  # as a worker does, which asks for nobody
    assert (second.status, other.status) == (states.STARTING, states.QUEUED)
    with identity.asking(BERT):
        assert processes.queue_position(other) == 1


def test_finishing_a_paused_run_waits_too(public, no_processes):
    with identity.asking(ANNA):
        busy, paused = (lifecycle.create(TrainRequest(), DRAWN, name) for name in ("1", "2"))
        processes.start(busy)
        (paused.path / "checkpoints").mkdir()
        (paused.path / "checkpoints" / "step-00000005.pt").write_bytes(b"x")
        processes.stop(paused)
        assert (paused.status, run_folder.control(paused)) == (states.QUEUED, "stop")


def test_images_are_checked_one_run_at_a_time(public, no_processes):
    with identity.asking(ANNA):
        processes.start_check(lifecycle.create(TrainRequest(), DRAWN, "1"))
    with identity.asking(BERT):
        assert "press Start" in refusal(processes.start_check, lifecycle.create(TrainRequest(), DRAWN, "2"))


def test_the_minutes_of_a_run(limited, no_processes):
    limited(train_minutes=2)
    with identity.asking(ANNA):
        run = lifecycle.create(TrainRequest(), DRAWN, "Long")
        run_folder.write_state(run, status=states.FINISHED, seconds=121.0)
        assert "2 minutes" in refusal(processes.start, run)


@pytest.mark.slow
def test_a_run_ends_when_its_minutes_are_over(limited):
    from core.gan import worker

    with identity.asking(ANNA):
        run = lifecycle.create(TrainRequest(size=16, steps=20_000, batch=8, width_g=8, width_d=8), DRAWN, "Long")
    worker.work(run, check_only=True)
    limited(train_minutes=run.state["seconds"] / 60 + 0.02)  # preparing counts
    worker.work(run)
    assert run.status == states.FINISHED
    assert "as long as a run may train here" in run.state["message"]
    assert run.result
    assert 1 < run.state["step"] < 20_000


def test_jobs_of_a_visitor(limited, monkeypatch):
    import threading

    limited(jobs=2)
    done = threading.Event()
    monkeypatch.setattr(jobs, "_engine", lambda job: iter(lambda: done.wait(10), True))
    with identity.asking(ANNA):
        mine = [jobs.submit(SampleRequest()) for _ in range(2)]
        assert "2 jobs of yours" in refusal(jobs.submit, SampleRequest())
    with identity.asking(BERT):
        mine.append(jobs.submit(SampleRequest()))
    done.set()
    for job in mine:
        list(job.updates())


def test_nothing_is_opened_for_whoever_has_no_room(limited, monkeypatch):
    """Nor is anything fetched: both cost much more than asking."""
    limited(jobs=0)
    monkeypatch.setattr(images, "open_picture", lambda *_, **__: pytest.fail("a picture was opened"))
    monkeypatch.setattr(load, "fetch", lambda *_: pytest.fail("a generator was fetched"))
    asked = {name: about.default for name, about in painting.SETTINGS.items()}
    asked |= {"photo": "photo.png", "styles": [("style.png", None)], "style_weights": ""}
    with identity.asking(ANNA):
        with pytest.raises(UserError, match="0 jobs of yours"):
            painting.submit(None, **asked)
        with pytest.raises(UserError, match="0 jobs of yours"):
            sample_api.sample("hub:a/b")


def test_what_a_painting_keeps_of_what_was_asked_has_an_end(anna, monkeypatch, tmp_path):
    """Four megabytes of style weights, or of a caption, were kept with each of a visitor's paintings."""
    Image.new("RGB", (40, 30), "teal").save(tmp_path / "a.png")
    monkeypatch.setattr(jobs, "submit", lambda request, *pictures: jobs.Job(request, pictures, 1))
    page = types.SimpleNamespace(query_params={}, session_hash="a")
    asked = {name: about.default for name, about in painting.SETTINGS.items()}
    asked |= {"photo": str(tmp_path / "a.png"), "styles": [(str(tmp_path / "a.png"), "caption" * 10**6)]}
    with pytest.raises(UserError, match="more than 8 style weights"):
        painting.submit(page, **asked, style_weights="1," * 10**6)
    kept = painting.submit(page, **asked, style_weights="0" * 10**6 + "2.50").asked
    assert len(str(kept)) < 2000
    assert kept["style_weights"] == "2.5"


@pytest.mark.parametrize(("name", "value"), [
    ("strength", 1e9), ("strength", float("nan")), ("strength", "x" * 10**6), ("strength", [1]), ("keep_colour", "yes"),
])  # fmt: skip
def test_a_finished_painting_keeps_no_values_that_no_page_sends(monkeypatch, name, value):
    """The sliders hand over what was sent, whatever it is."""
    import gradio as gr

    from ui.style import events

    finished = types.SimpleNamespace(job=types.SimpleNamespace(error=None, finished=True), asked={"strength": 1.0})
    monkeypatch.setattr(events, "painting_of", lambda _: finished)
    with pytest.raises(gr.Error):
        events.afterwards(None, **{"strength": 1.0, "keep_colour": False, name: value})
    assert finished.asked == {"strength": 1.0}


def test_few_open_pages_are_remembered(public):
    """Anybody can make names of pages up; Gradio keeps something for each, of our app too when it is mounted."""
    import style_app

    (gradio,) = [route.app for route in style_app.mounted().routes if hasattr(getattr(route, "app", 0), "state_holder")]
    assert gradio.state_holder.capacity == policy.PUBLIC.pages


def test_what_comes_from_the_hub(limited):
    limited(cache_bytes=100)
    import numpy as np

    assert "full" in refusal(cache.store_tensors, "someone", {"x": np.zeros(100)})
    assert "200 MB" in refusal(download._not_too_large, "huge.pth", 10**9)


def test_one_does_not_crowd_out_anothers_pictures_on_their_way(limited):
    limited(tray=2, tray_all=3)
    picture = Image.new("RGB", (2, 2))
    with identity.asking(ANNA):
        kept = tray.put(picture)
    with identity.asking(BERT):
        first, *others = (tray.put(picture) for _ in range(3))
        assert tray.take(first) is None
        assert all(tray.take(name) for name in others)
        assert tray.take(kept) is None, "it is another's, whoever knows its name"
    with identity.asking(ANNA):
        assert tray.take(kept)


# ---------------------------------------------------------------- cleaned away


def old(path, hours: float) -> None:
    when = time.time() - 3600 * hours
    os.utime(path, (when, when))


def test_what_is_old_goes(public, no_processes, monkeypatch, tmp_path):
    monkeypatch.setattr(sweep.tempfile, "gettempdir", lambda: str(tmp_path))
    upload, fresh = tmp_path / "gradio" / "abc" / "photo.png", tmp_path / "ganvas-xyz" / "painting.png"
    for path in (upload, fresh):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
    old(upload, 25)
    old(upload.parent, 25)
    with identity.asking(ANNA):
        stale, training, recent = (lifecycle.create(TrainRequest(), DRAWN, name) for name in ("old", "training", "new"))
        processes.start(training)
        picture = tray.put(Image.new("RGB", (2, 2)))
    with identity.asking(BERT):
        gone = lifecycle.create(TrainRequest(), DRAWN, "old")
    for run in (stale, training, gone):
        old(run.path / "config.json", 25)
    sweep.sweep()
    assert set(lifecycle.everyones()) == {training, recent}
    assert not (files.home() / "visitors" / BERT).exists()
    with identity.asking(ANNA):
        assert tray.take(picture)
    assert not upload.parent.exists()
    assert fresh.exists()


def test_a_full_disk_loses_the_oldest(limited):
    limited(disk_all=10_000_000)
    with identity.asking(ANNA):
        kept = [lifecycle.create(TrainRequest(), DRAWN, str(number)) for number in range(4)]
    for number, run in enumerate(kept):
        (run.path / "big").write_bytes(b"x" * 3_000_000)
        old(run.path / "config.json", 4 - number)
    sweep.sweep()
    assert set(lifecycle.everyones()) == set(kept[2:])


def test_nothing_goes_in_private_mode():
    run = lifecycle.create(TrainRequest(), DRAWN, "Precious")
    old(run.path / "config.json", 24 * 365)
    sweep.sweep()
    assert lifecycle.all_runs() == [run]


def test_one_runs_fault_does_not_end_the_sweep(public, monkeypatch, capsys):
    with identity.asking(ANNA):
        kept = [lifecycle.create(TrainRequest(), DRAWN, str(number)) for number in range(3)]
    for number, run in enumerate(kept):
        old(run.path / "config.json", 30 - number)
    real = lifecycle.remove

    def stubborn(run):
        if run == kept[0]:
            raise OSError(36, "File name too long")
        real(run)

    (kept[0].path.parent / ".deleted-1" / "data").mkdir(parents=True)
    monkeypatch.setattr(lifecycle, "remove", stubborn)
    monkeypatch.setattr(tray, "forget", lambda _: 1 / 0)
    monkeypatch.setattr(sweep, "_temporary", lambda _: 1 / 0)
    collected = []
    monkeypatch.setattr(sweep, "_memory", lambda: collected.append(1))
    sweep.sweep()
    assert lifecycle.everyones() == kept[:1]
    assert collected
    assert not list(kept[0].path.parent.glob(".deleted*")), "what was half deleted goes too"
    said = capsys.readouterr().err
    assert said.count("ZeroDivisionError") == 2
    assert "File name too long" in said
