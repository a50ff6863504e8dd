"""A disk of two megabytes that fills up: what is asked for is refused in a sentence, what was there stays, and once
there is room all goes on. Real pages, real workers, a real (small) file system."""

import contextlib
import errno
import io
import subprocess
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core import files, jobs
from core.errors import UserError
from core.gan import worker
from core.gan.request import SampleRequest, TrainRequest
from core.gan.zoo import model_folder
from core.hub import publish
from core.runs import lifecycle, processes, states
from core.runs.run_folder import Run
from core.style.request import StyleRequest
from support.studio import process_at, serving
from support.waiting import PATIENCE, until
from ui.telling import plain

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
DRAWN = {"kind": "drawn", "name": "portraits", "count": 64}
TRAINED = TrainRequest(size=16, steps=1_000_000, batch=8, width_g=4, width_d=4, latent=8)


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """-> where a file system of 2 MB is mounted; runs live on it."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("file systems cannot be mounted here")
    monkeypatch.setenv("GANVAS_HOME", str(place / "ganvas"))
    monkeypatch.setattr(processes, "NICENESS", 0)  # here somebody waits for the workers
    yield place
    processes.end(processes.interrupt(), 0)
    subprocess.run(["umount", "-l", place], check=True)


@contextlib.contextmanager
def full(disk: Path):
    """While inside, there is no room at all."""
    with contextlib.suppress(OSError), open(disk / "ballast", "wb", buffering=0) as file:
        while file.write(bytes(512)):
            pass
    try:
        yield
    finally:
        (disk / "ballast").unlink()


def left(disk: Path) -> list[Path]:
    return [path for path in (disk / "ganvas").rglob("*") if path.name != ".lock"]


def refusal(call, *values) -> str:
    with pytest.raises(UserError) as error:
        call(*values)
    said = str(error.value)
    assert "the disk is full" in said
    assert "let GANVAS_HOME name another folder" in said
    return said


def page(run: Run | None = None) -> AppTest:
    test = AppTest.from_file(str(ROOT / "pages" / "train.py"), default_timeout=PATIENCE)
    if run:
        test.query_params["run"] = run.id
    return test.run()


def press(test: AppTest, label: str) -> list[str]:
    """-> the errors shown then."""
    next(button for button in test.button if button.label == label).click().run()
    assert not test.exception
    return [error.value for error in test.error]


def test_what_is_new_is_there_wholly_or_not_at_all(disk):
    pictures = [("small.png", io.BytesIO(b"x" * 1000)), ("large.zip", io.BytesIO(b"x" * 3_000_000))]
    assert "'large.zip' could not be written" in refusal(lifecycle.create_with, pictures, TRAINED, "Mine")
    assert left(disk) == []
    with full(disk):
        (said,) = press(page(), "Start")
        assert "The settings of this run could not be written to" in said
        assert left(disk) == []
    run = lifecycle.create(TRAINED, DRAWN, "Mine")
    (run.path / "checkpoints").mkdir()
    (run.path / "checkpoints" / "step-00000005.pt").write_bytes(b"x" * 600_000)
    before = sorted(left(disk))
    with full(disk):
        for call in (
            lambda: lifecycle.rename(run, "Other"),
            lambda: lifecycle.branch(run, 5, {}, "Twig"),
            lambda: processes.stop(run),
        ):
            refusal(call)
        (said,) = press(page(run), "Resume")
        assert "could not be written to" in said
        assert sorted(left(disk)) == before
        assert (run.name, run.status) == ("Mine", states.NEW)


def test_training_fills_the_disk_and_goes_on_when_there_is_room(disk, local_hub):
    short = lifecycle.create(replace(TRAINED, steps=20), DRAWN, "Short")
    worker.work(short)
    run, kept = lifecycle.branch(short, 20, {"steps": 1_000_000}, "Stars"), 20
    processes.start(run)
    until(lambda: run.status == states.RUNNING and run.state.get("step", 0) > kept + 10)
    with full(disk):
        until(lambda: not run.alive)
        assert run.status == states.FAILED
        assert "could not be written to" in run.state["message"]
        assert "the disk is full; make room there, or let GANVAS_HOME name another folder" in run.state["message"]
        assert (list(run.checkpoints()), run.state["step"]) == ([kept], kept)
        assert not list(run.path.rglob(f"*{files.PART}"))
        assert run.metrics()
        test = page(run)
        assert plain(run.state["message"]) in [error.value for error in test.error]
        # What needs no room still works.
        result = jobs.submit(SampleRequest(f"run:{run.id}@{kept}", count=4)).wait()
        assert len(result.images) == 4
        assert "could not be written" in "".join(press(test, "Resume"))

    (run.path / "control").write_text("stop")
    worker.work(run)
    assert run.status == states.FINISHED
    whole = {path.name: path.read_bytes() for path in run.result.iterdir()}
    assert set(publish.FILES) == set(whole)
    with full(disk):
        publish.publish(run.result, "someone/stars", "hf_local", data_licence="cc0-1.0")
        refusal(files.write_bytes, run.path / "more", bytes(100_000))
        with pytest.raises(UserError), files.replacing(run.path / "result") as folder:
            model_folder.save(model_folder.load(run.result), folder, result.images, {})
        assert {path.name: path.read_bytes() for path in run.result.iterdir()} == whole
        for done in (run, short):
            lifecycle.delete(done)
        assert left(disk) == [disk / "ganvas" / "runs"]  # the lock of all runs is in it


@pytest.mark.parametrize(("number", "words"), [
    (errno.ENOSPC, "the disk is full"), (errno.EDQUOT, "share of the disk"), (errno.EACCES, "not allowed"),
    (errno.EROFS, "read-only"), (errno.ENAMETOOLONG, "too long"), (errno.ENOTDIR, "a file is where a folder"),
    (errno.EXDEV, "cross-device"),
])  # fmt: skip
def test_what_the_system_says_is_one_sentence(monkeypatch, number, words):
    for name, place in (("GANVAS_HOME", files.home()), ("GANVAS_CACHE", files.cache())):
        with pytest.raises(UserError) as told, files.in_words("It", place / "runs"):
            raise OSError(number, "Invalid cross-device link")
        assert words in str(told.value)
        assert str(place) in str(told.value)
        assert f"let {name} name another folder." in str(told.value)
        monkeypatch.setenv("GANVAS_PUBLIC", "1")
        with pytest.raises(UserError) as told, files.in_words("It", place / "runs"):
            raise OSError(number, "Invalid cross-device link")
        assert str(place) not in str(told.value), "strangers are told no folders"
        assert "GANVAS" not in str(told.value)
        monkeypatch.delenv("GANVAS_PUBLIC")


def test_what_is_no_matter_of_files_goes_on_as_it_is():
    for error in (OSError("cannot write mode"), ConnectionResetError(104, "reset"), TimeoutError(110, "slow")):
        with pytest.raises(type(error)), files.in_words("It", files.home()):
            raise error


def test_a_folder_that_cannot_be_made_is_named(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("x" * 300)):
        monkeypatch.setenv("GANVAS_HOME", str(place))
        with pytest.raises(UserError) as told:
            lifecycle.create(TRAINED, DRAWN, "Mine")
        assert "GANVAS_HOME" in str(told.value)
        assert str(place) in str(told.value)


@pytest.mark.parametrize("home", [None, "not/absolute"])
def test_nobody_knows_a_home(monkeypatch, home):
    for name in ("GANVAS_HOME", "GANVAS_CACHE", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    if home is None:
        monkeypatch.delenv("HOME")
        monkeypatch.setattr("pwd.getpwuid", _unknown)
    else:
        monkeypatch.setenv("HOME", home)
    for place, name in ((files.home, "GANVAS_HOME"), (files.cache, "GANVAS_CACHE")):
        with pytest.raises(UserError, match=name):
            place()


def _unknown(number):
    raise KeyError(number)


def test_a_torn_line_is_taken_back(disk):
    path = disk / "lines"
    files.append(path, "one\n")
    with full(disk):
        with pytest.raises(UserError, match="the disk is full"):
            files.append(path, "x" * 10_000)
        assert path.read_text() == "one\n"
    files.append(path, "two\n")
    assert path.read_text() == "one\ntwo\n"


def picture(side: int) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((side, side), 60).convert("RGB").save(file, "PNG")
    return file.getvalue()


@pytest.mark.skipif(not hasattr(psutil.Process, "rlimit"), reason="this system has no such limit")
def test_a_server_tells_its_visitors(tmp_path):
    """No file of the server may grow beyond some kilobytes for a while, which is how a full disk looks to it."""
    api = "/style/gradio_api"
    here = {"GANVAS_PUBLIC": "1", "GRADIO_TEMP_DIR": str(tmp_path / "gradio")}
    with serving(tmp_path, env=here) as address, httpx.Client(base_url=address, timeout=PATIENCE) as anna:
        server = process_at(address)

        def sent(side: int) -> httpx.Response:
            return anna.post(f"{api}/upload", files={"files": ("photo.png", picture(side))})

        def painted(size: int) -> str:
            mine = {"path": photo, "meta": {"_type": "gradio.FileData"}}
            chosen = vars(StyleRequest(size=size, steps=1))
            values = [value for name, value in chosen.items() if name != "style_shares"]
            asked = {"data": [mine, [{"image": mine, "caption": None}], "", *values]}
            begun = anna.post(f"{api}/call/paint", json=asked).json()["event_id"]
            return anna.get(f"{api}/call/paint/{begun}").text

        (photo,) = sent(64).json()
        server.rlimit(psutil.RLIMIT_FSIZE, (100_000, psutil.RLIM_INFINITY))
        answer = sent(500)
        assert (answer.status_code, "the disk of this server is full" in answer.text) == (507, True)
        assert "the disk of this server is full" in painted(512)
        server.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
        assert sent(500).status_code == 200
        assert "event: complete" in painted(64)
    assert "Traceback" not in (tmp_path / "server.log").read_text()
