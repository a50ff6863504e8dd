"""The studio as a ZeroGPU Space runs it, with a stand-in for the package that lends GPUs (tests/lent)."""

import os
import re
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from core.settings import settings_of
from core.style.request import StyleRequest
from support.pictures import scene, texture
from support.studio import serving
from support.waiting import PATIENCE, until

pytestmark = pytest.mark.server

LENT = Path(__file__).parents[1] / "lent"


@pytest.fixture(scope="module")
def zero(tmp_path_factory):
    home = tmp_path_factory.mktemp("zero")
    env = {"PYTHONPATH": str(LENT), "LENT_LOG": str(home / "lent.log"), "SPACES_ZERO_GPU": "true", "SPACE_ID": "me/x",
           "HOST": "127.0.0.1"}  # fmt: skip
    with serving(home, "zerogpu.py", anew=True, env=env) as address:
        yield address, home / "lent.log"


@pytest.fixture
def painting(tmp_path):
    scene(120, 90).save(tmp_path / "photo.png")
    texture(64, 64).save(tmp_path / "style.png")
    return {"photo": handle_file(tmp_path / "photo.png"), "api_name": "/paint", "size": 64,
            "styles": [{"image": handle_file(tmp_path / "style.png"), "caption": None}]}  # fmt: skip


def visitor(address: str, token: str) -> Client:
    return Client(f"{address}/style/", verbose=False, headers={"X-IP-Token": token})


def test_a_painting_borrows_the_visitors_gpu_in_another_process(zero, painting):
    address, log = zero
    assert log.read_text() == "reported\n"  # the start, once, before anybody asked for anything
    job = visitor(address, "rich").submit(**painting, steps=20)
    assert job.result(timeout=PATIENCE)[1]["recipe"]["steps"] == 20
    lent, worked, back = log.read_text().splitlines()[1:]
    assert lent == "lent to rich for 20 s"
    assert back.startswith("given back by rich after ")
    assert int(worked.split()[-1]) != os.getpid()


def test_stopping_crosses_to_the_other_process(zero, painting):
    address, log = zero
    job = visitor(address, "hasty").submit(**(painting | {"size": 512}), steps=200, freedom=0)
    until(lambda: any(update[1].get("share", 0) > 0 for update in job.outputs()))
    job.cancel()
    until(lambda: "given back by hasty" in log.read_text())
    (events,) = re.findall(r"given back by hasty after (\d+) events", log.read_text())
    assert int(events) < 200  # one for each step, had it gone on


def test_who_has_no_gpu_time_left_is_told_so(zero, painting):
    with pytest.raises(AppError, match="You have exceeded your ZeroGPU quota"):
        visitor(zero[0], "poor").predict(**painting, steps=1)


def test_an_error_for_the_visitor_keeps_its_words_on_the_way_back(zero, painting):
    job = visitor(zero[0], "greedy").submit(**painting, steps=1, style_weights="1,2")
    with pytest.raises(AppError, match="There are 2 style weights for 1 style picture"):
        job.result(timeout=PATIENCE)


def test_the_page_tells_of_the_lent_gpu_and_measures_nothing(zero):
    before = zero[1].read_text()
    with httpx.Client(base_url=f"{zero[0]}/style", timeout=PATIENCE) as page:
        config = page.get("/config").json()
        event = next(event for event in config["dependencies"] if event["api_name"] == "forecast")
        (photo,) = [part["props"]["value"] for part in config["components"] if part["props"].get("elem_id") == "photo"]
        values = [about.default for about in settings_of(StyleRequest).values()]
        asked = {"data": [photo, *values], "fn_index": event["id"], "session_hash": "tab"}
        said = page.post("/gradio_api/run/predict", json=asked).json()["data"][0]
    assert "Painted on a GPU that is lent for it, which counts as your GPU time." in said
    assert zero[1].read_text() == before


def test_samples_are_made_without_a_gpu(zero):
    before = zero[1].read_text()
    assert len(visitor(zero[0], "rich").predict(seed=3, count=2, api_name="/sample")["pictures"]) == 2
    assert zero[1].read_text() == before


def test_instant_paintings_are_made_without_a_gpu(zero, painting):
    """By the same engine as everywhere; a look for every move of a slider would use up a visitor's GPU time."""
    before = zero[1].read_text()
    assert visitor(zero[0], "poor").predict(**painting | {"api_name": "/instant"})[1]["recipe"]["kind"] == "instant"
    assert zero[1].read_text() == before
