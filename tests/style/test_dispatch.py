"""Engines: each is found by its request and has the same form; a new one is a module and a line in the table."""

import importlib
import inspect
import subprocess
import sys
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from core import device, jobs
from core.errors import UserError
from core.pictures import images
from core.settings import Progress, Request, Result, setting, settings_of
from core.style import dispatch
from core.style.optimise import budget
from core.style.request import MeasureRequest, StyleRequest
from core.visitors import policy
from support.pictures import scene, texture

ROOT = Path(__file__).parents[2]
FUNCTIONS = ("ready", "estimate", "paint")


@dataclass(frozen=True)
class MirrorRequest(Request):
    """Lay the style over the photo's mirror image."""

    kind: ClassVar[str] = "mirror"
    quick: ClassVar[bool] = True

    strength: float = setting(1.0, "Strength", "How much of it replaces the photo.", lo=0.0, hi=1.0, step=0.05)


def mirrored(request, photo, styles, stopped=lambda: False):
    yield Progress(1, 2)
    if stopped():
        raise UserError("Stopped before there was a painting.")
    easel = styles[0].resize(photo.size).transpose(0)
    yield Result((images.finish(easel, photo, strength=request.strength), easel), request.recipe(), 0.0)


@pytest.fixture
def mirror(monkeypatch):
    """An engine that did not ship with Ganvas, in the table."""
    engine = types.ModuleType("mirror_engine")
    engine.ready, engine.paint = lambda request: None, mirrored
    engine.estimate = lambda request, photo_size: dispatch.Estimate(0.1, 10**6, 10**9)
    monkeypatch.setitem(sys.modules, "mirror_engine", engine)
    monkeypatch.setitem(dispatch.ENGINES, "mirror", "mirror_engine")


@pytest.mark.parametrize("name", dispatch.ENGINES.values())
def test_every_engine_has_the_same_form(name):
    engine = importlib.import_module(name)
    for function in FUNCTIONS:
        wanted = list(inspect.signature(getattr(dispatch.Engine, function)).parameters)[1:]
        found = [name.lstrip("_") for name in inspect.signature(getattr(engine, function)).parameters]
        assert found == wanted


def test_what_is_asked_with_every_page_imports_no_torch(tmp_path):
    code = (
        "import importlib, sys; from core.style import dispatch, request\n"
        "for name in dispatch.ENGINES.values(): importlib.import_module(name)\n"
        "wanted = request.StyleRequest(); dispatch.engine_of(wanted).ready(wanted)\n"
        "print('torch' in sys.modules)"
    )
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "GANVAS_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    said = subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True).stdout
    assert said == "False\n"


@pytest.mark.parametrize("name", dispatch.ENGINES.values())
def test_strangers_may_not_ask_everything_of_an_engine(monkeypatch, name):
    request = typing.get_type_hints(importlib.import_module(name).paint)["request"]
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    assert (
        policy.settings_of(request)["size"].hi
        == policy.PUBLIC.settings["style"]["size"]
        < settings_of(request)["size"].hi
    )


def test_a_new_kind_of_painting_has_the_limits_of_the_kind_it_is_a_sort_of(monkeypatch):
    @dataclass(frozen=True)
    class NewRequest(StyleRequest):
        kind: ClassVar[str] = "new"

    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    with pytest.raises(UserError, match="Size is 2048 px; on this shared computer choose at most 1024 px"):
        policy.require_allowed(NewRequest(size=2048))
    policy.require_allowed(NewRequest(size=1024))


def test_the_queue_finds_an_engine_by_its_request(mirror):
    result = jobs.submit(MirrorRequest(strength=0.5), scene(), [texture()]).wait()
    assert result.recipe["kind"] == "mirror"
    assert result.images[0].size == scene().size


def test_a_request_that_nothing_paints_is_a_defect_and_no_painting():
    with pytest.raises(TypeError, match="mirror"):
        dispatch.engine_of(MirrorRequest())


def test_a_quick_engine_does_not_wait_behind_paintings(mirror, measured_machine):
    slow = jobs.submit(StyleRequest(size=128, steps=1000, freedom=0), scene(), [texture()])
    next(u for u in slow.updates(0.05) if u.latest)
    assert jobs.submit(MirrorRequest(), scene(), [texture()]).wait().images
    assert not slow.finished
    slow.cancel()
    assert "Stopped" in slow.wait().note


# ---------------------------------------------------------------- the pictures given


def painted(photo, style) -> Result:
    """By the mirror, whose easel is the style as an engine sees it, upside down or not."""
    return list(dispatch.paint(MirrorRequest(), photo, [style]))[-1]


def test_of_a_style_only_what_can_be_seen_is_taken(mirror):
    logo = Image.new("RGBA", (60, 40), (255, 255, 255, 0))
    logo.paste((200, 30, 20, 255), (20, 10, 40, 20))
    logo.paste((20, 30, 200, 255), (20, 20, 25, 30))
    easel = painted(scene(), logo).images[1]
    red, green, blue = np.moveaxis(np.asarray(easel.convert("RGB"), int), -1, 0)
    assert easel.mode == "RGB"
    assert green.max() <= 60, "no white of the paper, no grey in between"
    assert (red > 150).mean() > 0.4
    assert (blue > 150).any()


def test_a_style_of_which_nothing_can_be_seen_is_refused(mirror):
    with pytest.raises(UserError, match="Nothing of the style picture can be seen"):
        painted(scene(), Image.new("RGBA", (9, 9), (10, 20, 30, 0)))


@pytest.mark.parametrize("style", ["black", "white", (12, 140, 90)])
def test_a_style_of_one_colour_is_told(mirror, style):
    assert "The style picture is of one colour" in painted(scene(), Image.new("RGB", (30, 30), style)).note
    logo = Image.new("RGBA", (30, 30), (0, 0, 0, 0))
    logo.paste((255, 255, 255, 255), (5, 5, 20, 20))
    assert "of one colour" in painted(scene(), logo).note
    assert painted(scene(), texture()).note == ""


def test_a_photo_of_which_nothing_can_be_seen_is_white_paper(mirror):
    photo = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    *_, result = dispatch.paint(MirrorRequest(strength=0.0), photo, [texture()])
    assert result.images[0].getextrema() == ((255, 255),) * 3
    assert "it was painted as white paper" in result.note


def test_a_stretched_photo_is_told(measured_machine):
    request = StyleRequest(size=64, steps=1, network="bundled")
    result = list(dispatch.paint(request, scene().resize((640, 8)), [texture()]))[-1]
    assert "The photo is too long and narrow to be painted in its own shape; it was stretched to 64 × 16" in result.note
    assert "stretched" not in list(dispatch.paint(request, scene(), [texture()]))[-1].note


# ---------------------------------------------------------------- optimisation


def test_before_the_machine_was_measured_there_are_no_figures_but_a_job_that_finds_them():
    first = dispatch.engine_of(StyleRequest()).ready(StyleRequest(network="bundled"))
    assert first == dispatch.Beforehand(
        "What it takes will be measured when your turn comes.", MeasureRequest("bundled")
    )


def test_a_network_that_is_not_here_is_told_of_first(measured_machine):
    first = dispatch.engine_of(StyleRequest()).ready(StyleRequest(network="vgg19"))
    assert (first.words, first.job) == ("VGG-19 is downloaded first (50 MB), once.", None)


def test_a_measured_machine_gives_figures_and_names_the_network(measured_machine):
    request = StyleRequest(size=128)
    engine = dispatch.engine_of(request)
    assert engine.ready(request) is None
    takes = engine.estimate(request, (400, 300))
    assert takes.seconds == budget.estimate(request, (400, 300), budget.recall("bundled")).seconds
    assert takes.note == "Network: Bundled."


# ---------------------------------------------------------------- where


def test_a_process_computes_where_it_was_told_to(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device.pick().type == "cuda"
    device.use("cpu")
    try:
        assert device.pick().type == "cpu"
    finally:
        device.use(None)
    assert device.pick().type == "cuda"
