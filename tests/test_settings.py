"""Requests: bounds, recipes, and what is said when they are not kept."""

import dataclasses
import functools

import pytest

from core.errors import UserError
from core.gan.request import MAX_POINTS, TRAIN_PRESETS, SampleRequest, TrainRequest
from core.settings import settings_of
from core.style.request import STYLE_PRESETS, MeasureRequest, StyleRequest

REQUESTS = (StyleRequest, MeasureRequest, TrainRequest, SampleRequest)
SETTINGS = [(request, about) for request in REQUESTS for about in settings_of(request).values()]


@pytest.mark.parametrize("request_class", REQUESTS)
def test_every_default_is_allowed_and_survives_the_recipe(request_class):
    request = request_class()
    assert request_class.from_recipe(request.recipe()) == request


@pytest.mark.parametrize(("request_class", "about"), SETTINGS, ids=lambda value: getattr(value, "name", None))
def test_bounds_are_kept_for_every_setting(request_class, about):
    name, with_it = about.name, {}
    if request_class is TrainRequest:  # of a method it says something to, and of a training long enough
        with_it = {"method": (about.only_for or ["dcgan"])[0]} | ({"steps": 1_000_000} if name == "grown_at" else {})
    make = functools.partial(request_class, **with_it)
    if about.choices:
        for value in about.choices:
            assert getattr(make(**{name: value}), name) == value
        with pytest.raises(UserError, match="choose one of"):
            make(**{name: "no such thing"})
    elif about.type is bool:
        for value in (True, False):
            assert getattr(make(**{name: value}), name) is value
        with pytest.raises(UserError, match="true or false"):
            make(**{name: "yes"})
    else:
        for value in (about.lo, about.hi):
            assert getattr(make(**{name: value}), name) == value
        for value in (about.lo - 1, about.hi + 1):
            with pytest.raises(UserError, match=f"from {about.lo} to {about.hi}"):
                make(**{name: value})
        for value in ("many", float("nan"), float("inf"), True):
            with pytest.raises(UserError, match="has to be"):
                make(**{name: value})


def test_values_no_widget_would_send_are_refused_in_words():
    for values in ({"seed": 10**400}, {"start": {"a": 1}}, {"style_shares": 5}, {"style_shares": None}, {"size": [1]}):
        with pytest.raises(UserError):
            StyleRequest(**values)
    with pytest.raises(UserError, match="all 0"):
        StyleRequest(content_weight=0, style_weight=0, palette_weight=0)


def test_numbers_come_as_their_type():
    request = StyleRequest(size=256.0, stroke_size="1.5")
    assert request.size == 256
    assert type(request.size) is int
    assert request.stroke_size == 1.5
    with pytest.raises(UserError, match="whole number"):
        StyleRequest(size=256.5)


def test_a_near_miss_is_named():
    with pytest.raises(UserError, match="Did you mean 'adam'"):
        StyleRequest(optimiser="adm")


def test_a_recipe_of_another_version_works_as_far_as_understood():
    recipe = {"ganvas": "9.0", "kind": "style", "size": 128, "brush": "wide", "style_shares": [2, 1]}
    assert StyleRequest.from_recipe(recipe) == StyleRequest(size=128, style_shares=(2, 1), freedom=0)


def test_a_recipe_of_another_kind_is_refused():
    for request in REQUESTS:
        other = next(r for r in REQUESTS if r is not request)
        with pytest.raises(UserError, match=repr(other.kind)):
            request.from_recipe({"kind": other.kind})
        with pytest.raises(UserError, match="None"):
            request.from_recipe({})


def test_what_a_generator_shall_make_is_named_in_words():
    assert SampleRequest(points=["7:12"] * MAX_POINTS).points
    for values in ({"generator": ""}, {"generator": 7}, {"generator": "x" * 401}, {"points": (7,)},
                   {"points": ("7:12",) * (MAX_POINTS + 1)}):  # fmt: skip
        with pytest.raises(UserError):
            SampleRequest(**values)


def test_style_shares_are_checked():
    for shares in ((-1.0,), (float("nan"), 1.0), ("a",), (0.0, 0.0)):
        with pytest.raises(UserError):
            StyleRequest(style_shares=shares)


@pytest.mark.parametrize("name", TRAIN_PRESETS)
def test_presets_of_training_are_valid_and_written_as_they_are_read(name):
    request = TrainRequest(**TRAIN_PRESETS[name])
    assert {setting: getattr(request, setting) for setting in TRAIN_PRESETS[name]} == TRAIN_PRESETS[name]


def test_presets_are_valid_and_grow():
    sizes = [StyleRequest(**preset).size for preset in STYLE_PRESETS.values()]
    assert sizes == sorted(sizes)


def test_requests_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        StyleRequest().size = 1
