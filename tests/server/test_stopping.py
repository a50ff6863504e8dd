"""The server is told to end while it paints and a worker trains: nothing is lost, nothing is left behind."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from gradio_client import Client, handle_file
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.gan.request import TrainRequest
from core.runs import lifecycle, processes, run_folder, states
from core.runs.run_folder import Run
from support.studio import process_at, serving
from support.waiting import PATIENCE, until
from ui.server import stopping

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
DRAWN = {"kind": "drawn", "name": "portraits", "count": 64}
TRAINED = TrainRequest(size=16, steps=1_000_000, batch=8, width_g=8, width_d=8, latent=8)

IN_TIME = stopping.SECONDS + 10  # and patience for a busy machine; painting and training would take hours


@pytest.fixture
def photo(tmp_path) -> str:
    path = tmp_path / "photo.png"
    Image.effect_noise((640, 480), 60).convert("RGB").save(path)
    return str(path)


@contextlib.contextmanager
def studio(home: Path, **env: str) -> Iterator[tuple[str, psutil.Process]]:
    """A server, and the process that it is."""
    with serving(home, anew=True, env=env) as address:
        yield address, process_at(address)


def paint(address: str, photo: str):
    """A painting that takes long, through the API, once it has begun."""
    client = Client(f"{address}/style", verbose=False)
    job = client.submit(handle_file(photo), [{"image": handle_file(photo), "caption": None}], "", size=512, steps=200,
                        freedom=0, api_name="/paint")  # fmt: skip
    until(lambda: any(news[1].get("state") == "running" for news in job.outputs()))
    return job


def ended(process: psutil.Process, number: int) -> float:
    """Tell it to end; -> the seconds it took."""
    began = time.monotonic()
    process.send_signal(number)
    process.wait(PATIENCE)
    return time.monotonic() - began


def workers(run: Run) -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cmdline", "status"])
            if str(run.path) in (p.info["cmdline"] or []) and p.info["status"] != psutil.STATUS_ZOMBIE]  # fmt: skip


def test_the_server_ends_and_begins_again(tmp_path, monkeypatch, photo, measured_machine):
    monkeypatch.setenv("GANVAS_HOME", str(tmp_path / "runs"))
    monkeypatch.setattr(processes, "NICENESS", 0)  # here somebody waits for the workers
    run, next_one = lifecycle.create(TRAINED, DRAWN, "Stars"), lifecycle.create(TRAINED, DRAWN, "Moons")

    # SIGTERM, as a Space or `docker stop` sends it, while it paints, trains, and streams to an open page.
    (tmp_path / "temporary").mkdir()
    with studio(tmp_path, TMPDIR=str(tmp_path / "temporary")) as (address, process):
        processes.start(run)
        processes.start(next_one)
        until(lambda: run.status == states.RUNNING and run.state.get("step", 0) > 10)
        painting = paint(address, photo)
        with httpx.stream("GET", f"{address}/style/gradio_api/heartbeat/abc", timeout=PATIENCE) as stream:
            stream = stream.iter_text()
            assert "ALIVE" in next(stream)
            seconds = ended(process, signal.SIGTERM)
            list(stream)  # it ends properly
        print(f"SIGTERM while painting and training: {seconds:.1f} s")
        assert seconds < IN_TIME
        assert painting.done()
        log = (tmp_path / "server.log").read_text()
    assert "Traceback" not in log, log
    assert not list((tmp_path / "temporary").glob("ganvas-*")), "people's pictures"
    assert not workers(run)
    step = max(run.checkpoints())
    assert step >= run.state["step"] > 10
    assert (run.status, next_one.status) == (states.INTERRUPTED, states.QUEUED), "the worker began no other"
    processes.pause(next_one)

    # Begun again, one click resumes. Ctrl-C is the owner's, at the keyboard: training goes on without the server.
    with studio(tmp_path) as (_, process):
        page = AppTest.from_file(str(ROOT / "pages" / "train.py"), default_timeout=PATIENCE)
        page.query_params["run"] = run.id
        page.run()
        assert any("Resume" in warning.value for warning in page.warning)
        next(button for button in page.button if button.label == "Resume").click().run()
        until(lambda: run.status == states.RUNNING and run.state["step"] > step)
        assert ended(process, signal.SIGINT) < IN_TIME
    step = run.state["step"]
    until(lambda: run.state["step"] > step)
    steps = [line["step"] for line in run.metrics()]
    assert steps == sorted(set(steps))
    processes.pause(run)
    until(lambda: run.status == states.PAUSED and not workers(run))


@pytest.mark.parametrize(("public", "number", "goes_on"), [
    ("0", signal.SIGTERM, False), ("0", signal.SIGINT, True), ("1", signal.SIGINT, False),
])  # fmt: skip
def test_which_signals_end_trainings(monkeypatch, public, number, goes_on):
    """Among strangers, whoever ends the server ends all."""
    monkeypatch.setenv("GANVAS_PUBLIC", public)
    told = []
    monkeypatch.setattr(stopping.processes, "interrupt", lambda: told.append(number) or [])
    monkeypatch.setattr(stopping.jobs, "close", lambda seconds: None)
    stopping._end(number)
    assert told == ([] if goes_on else [number])


def test_a_worker_that_does_not_end_is_killed(monkeypatch, tmp_path):
    run = lifecycle.create(TRAINED, DRAWN, "Stubborn")
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        run_folder.write_state(run, status=states.RUNNING, **run_folder.process(process.pid))
        processes.end(processes.interrupt(), 0.3)
        assert process.wait(PATIENCE) == -signal.SIGKILL
    assert run.status == states.INTERRUPTED
