"""How long a painting still takes: paces as they were seen on machines, against what is told on the way."""

import dataclasses
import itertools
import random

import pytest

from core.style.optimise import budget
from core.style.optimise.forecast import Forecast
from core.style.optimise.schedule import scales
from core.style.request import StyleRequest

MEASURED = budget.Measured(seconds_a_step=0.02, seconds_a_pixel=1.5e-6, bytes_a_pixel=1000, bytes_in_all=1e8)


def steps_of(request, pace, measured=MEASURED):
    """(stage, seconds since the start) of every step; `pace(stage's number, share of it, seconds so far)`."""
    elapsed = 1.0  # the network is loaded
    for number, stage in enumerate(scales(request, (1200, 900))):
        for step in range(stage.steps):
            looking = 1.5 if step == 0 else 1.0  # at the pictures, before the first
            elapsed += looking * measured.step(stage) * pace(number, step / stage.steps, elapsed)
            yield stage, elapsed


def told(request, pace, measured=MEASURED):
    """What was told after each step: (how much of the time had passed, share, least and most in all, taken)."""
    forecast = Forecast(scales(request, (1200, 900)), measured)
    steps = list(steps_of(request, pace))
    taken = steps[-1][1]
    for stage, elapsed in steps:
        forecast.stepped(stage, elapsed)
        least, most = forecast.left
        yield elapsed / taken, forecast.share, (elapsed + least) / taken, (elapsed + most) / taken


def uneven(rng):
    return lambda *_: rng.choice([1.0, 1.0, 1.3, 2.5])


PACES = {
    "as measured": lambda *_: 1.0,
    "37 s told, 60 taken": lambda *_: 60 / 37,
    "64 s told, 143 taken": lambda *_: 143 / 64,
    "faster than measured": lambda *_: 0.6,
    "dear when large": lambda stage, *_: 1.0 if stage < 2 else 1.8,
    "cheap when large": lambda stage, *_: 2.5 if stage < 2 else 1.0,
    "uneven": uneven(random.Random(0)),
    "slow to start": lambda stage, share, elapsed: 3.0 if elapsed < 1.5 else 1.2,
}


PRESETS = [{"size": 256, "steps": 100}, {}, {"freedom": 0}, {"freedom": 1}, {"size": 1024}, {"optimiser": "adam"}]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", PACES)
def test_of_a_first_painting_a_range_is_told_that_the_truth_is_in_until_its_largest_size_is_seen(name, preset):
    request = StyleRequest(**preset)
    stages = scales(request, (1200, 900))
    full_size = budget.worth(stages[:-1], MEASURED) / budget.worth(stages, MEASURED)
    for passed, share, least, most in told(request, PACES[name]):
        if passed > 0.1 and share > 0.1:
            assert least < 1.3, f"{least:.2f} of what it took were told after {passed:.0%}"
            assert most > 0.7
            if share > full_size + 0.05:
                assert most < 1.3


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", PACES)
def test_of_the_next_ones_what_is_told_after_a_tenth_is_right_within_a_third(name, preset):
    request = StyleRequest(**preset)
    before = Forecast(scales(request, (1200, 900)), MEASURED)
    for stage, elapsed in steps_of(request, PACES[name]):
        before.stepped(stage, elapsed)
    known = dataclasses.replace(MEASURED, seen=before.paces)
    for passed, share, least, most in told(request, PACES[name], known):
        if passed > 0.1 and share > 0.1:
            assert 0.7 < least <= most < 1.3, f"{most:.2f} of what it took were told after {passed:.0%}"


@pytest.mark.parametrize("pace", [1.0, 60 / 37, 1.95])
def test_before_that_a_range_is_told_and_it_is_true(pace):
    first = list(itertools.takewhile(lambda news: news[1] < 0.05, told(StyleRequest(), lambda *_: pace)))
    assert len(first) > 5
    for _, _, least, most in first:
        assert least <= 1.05
        assert most >= 0.95
        assert most > 1.2 * least


def test_one_number_is_told_as_soon_as_it_is_known():
    stages = scales(StyleRequest(), (1200, 900))
    sizes = [stage.width * stage.height for stage in stages]
    known = dataclasses.replace(MEASURED, seen=[(size, 1.0) for size in sizes])
    later = [news for news in told(StyleRequest(), lambda *_: 1.5, known) if news[1] > 0.12]
    assert all(least == most for _, _, least, most in later)
    assert later[-1][1] == 1
    assert later[-1][2] == 1
    unknown = dataclasses.replace(known, seen=known.seen[:-1])
    coarse = [news for news in told(StyleRequest(), lambda *_: 1.5, unknown) if news[1] < 0.3]
    assert all(least < most for _, _, least, most in coarse)


def test_a_pace_that_changes_on_the_way_is_followed():
    """Another program begins when half is done: what is left doubles, and soon that is told."""
    news = list(told(StyleRequest(), lambda stage, share, _: 1.0 if stage < 2 or share < 0.5 else 2.0))
    assert all(0.85 < least < 1.15 for passed, _, least, _ in news if passed > 0.75)


def test_a_stage_that_settles_early_leaves_nothing_behind():
    forecast, elapsed = Forecast(stages := scales(StyleRequest(), (1200, 900)), MEASURED), 0.0
    for stage in stages:
        for _ in range(stage.steps // 2):
            elapsed += MEASURED.step(stage)
            forecast.stepped(stage, elapsed)
    left = stages[-1].steps - stages[-1].steps // 2
    assert forecast.left[0] == pytest.approx(left * MEASURED.step(stages[-1]))
    assert [pace for _, pace in forecast.paces] == pytest.approx([1.0] * len(stages))


def test_the_next_forecast_knows_how_the_last_paintings_went(measured_machine):
    stages = scales(StyleRequest(), (400, 300))
    before = budget.estimate(StyleRequest(), (400, 300), budget.measured("bundled"))
    for pace in (9.0, *[2.4] * budget.PACES):
        budget.learn("bundled", [(stage.width * stage.height, pace) for stage in stages])
    now = budget.estimate(StyleRequest(), (400, 300), budget.measured("bundled"))
    assert now.seconds < 2.4 * before.seconds < now.seconds_at_most
    assert now.seconds_at_most < 1.5 * now.seconds
    larger = budget.estimate(StyleRequest(size=1024), (400, 300), budget.measured("bundled"))
    assert larger.seconds_at_most > 1.5 * larger.seconds


def test_what_is_too_short_says_nothing_of_the_pace():
    forecast = Forecast(stages := scales(StyleRequest(size=64, steps=10), (400, 300)), MEASURED)
    for step in range(stages[0].steps):
        forecast.stepped(stages[0], step * 9.0)
    assert not forecast.paces
