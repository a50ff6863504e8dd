"""Style transfer: the losses against their formulas, the descent's watch, and whole small paintings."""

import dataclasses
import functools
import itertools
import types

import numpy as np
import pytest
import torch
from PIL import Image, ImageColor

from core import device as devices
from core import perceptual
from core.errors import UserError
from core.pictures import images
from core.settings import Progress, Result
from core.style.optimise import budget, colours, measure
from core.style.optimise import objective as objectives
from core.style.optimise import paint as painter
from core.style.optimise.descent import ROLLBACKS, descend
from core.style.optimise.lbfgs import WindowedLBFGS
from core.style.optimise.objective import Moments, Objective, StyleDistance, StyleTarget, Weights, gram, total_variation
from core.style.optimise.paint import paint
from core.style.optimise.schedule import scales
from core.style.pixels import to_tensor
from core.style.request import StyleRequest
from support.pictures import scene, texture

SMALL = StyleRequest(size=64, steps=11)  # six are taken
pytestmark = pytest.mark.usefixtures("measured_machine")


def painted(request=SMALL, photo=None, styles=None, **more) -> Result:
    *_, result = paint(request, photo or scene(), styles or [texture()], **more)
    return result


def pixels(result: Result) -> np.ndarray:
    return np.asarray(result.images[0])


@functools.cache
def plainly() -> np.ndarray:
    """What is painted where nothing is asked for, once for all tests."""
    return pixels(painted())


# ---------------------------------------------------------------- objective


def test_gram_is_the_mean_of_products_over_positions():
    features = torch.randn(2, 3, 4, 5)
    expected = torch.einsum("nchw,ndhw->ncd", features, features) / 20
    torch.testing.assert_close(gram(features), expected)


def test_moments_compare_means_and_covariances_apart():
    features = torch.randn(1, 4, 8, 8) + 5
    found = Moments.of(features)
    torch.testing.assert_close(
        found.covariance[0], torch.cov(features.flatten(2)[0], correction=0), atol=1e-4, rtol=1e-4
    )
    target = StyleTarget.of(found, found)
    assert StyleDistance.apply(features, target).item() == pytest.approx(0, abs=1e-6)
    shifted = features + 1  # other means, the same covariance
    means = (1.0 * 4 / (1.1 * found.mean.square().sum())).item()
    assert StyleDistance.apply(shifted, target).item() == pytest.approx(means, rel=1e-2)


def with_moments(layout: torch.memory_format) -> tuple[torch.Tensor, Moments, Moments, Moments]:
    """Features that want a gradient, and the moments of these, of the wanted and of the usual ones."""
    torch.manual_seed(0)
    features, wanted, usual = torch.rand(3, 1, 6, 9, 7).unbind()
    features = features.contiguous(memory_format=layout).requires_grad_()
    return features, *map(Moments.of, (features, wanted, usual))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_style_distance_and_its_gradient_are_those_of_the_formula(layout):
    features, found, wanted, usual = with_moments(layout)
    formula = sum(
        (f - w).square().sum() / (w.square().sum() + 0.1 * u.square().sum() + 1e-4)
        for f, w, u in ((m(found), m(wanted), m(usual)) for m in (lambda m: m.mean, lambda m: m.covariance))
    )
    distance = StyleDistance.apply(features, StyleTarget.of(wanted, usual))
    torch.testing.assert_close(distance, formula)
    expected, got = (torch.autograd.grad(3 * loss, features)[0] for loss in (formula, distance))
    torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_rooted_distance_is_that_of_wasserstein_between_gaussians(layout):
    features, found, wanted, usual = with_moments(layout)
    target = StyleTarget.of(wanted, usual, rooted=True)
    s, c = (m.covariance[0] + target.ridge * torch.eye(6) for m in (wanted, found))
    # The roots of S C are those of S^1/2 C S^1/2, and need no root of S.
    apart = s.trace() + c.trace() - 2 * torch.linalg.eigvals(s @ c).real.sqrt().sum()
    means = (found.mean - wanted.mean).square().sum() / target.mean_size
    w, u = (m.covariance[0].trace().square() for m in (wanted, usual))
    formula = 4 * apart / (w + 0.1 * u + 1e-4).sqrt() + means
    distance = StyleDistance.apply(features, target)
    torch.testing.assert_close(distance, formula)
    expected, got = (torch.autograd.grad(3 * loss, features)[0] for loss in (formula, distance))
    torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-3)


def test_the_rooted_distance_is_a_number_where_nothing_varies_and_where_the_same_is():
    flat, varied = torch.full((1, 6, 9, 7), 0.3), torch.rand(1, 6, 9, 7)
    for features, wanted in ((flat, flat), (flat, varied), (varied, flat), (varied, varied)):
        features = features.clone().requires_grad_()
        target = StyleTarget.of(Moments.of(wanted), Moments.of(flat), rooted=True)
        distance = StyleDistance.apply(features, target)
        distance.backward()
        assert features.grad.isfinite().all()
        assert torch.equal(features, wanted) == (distance.item() < 1e-3)


def test_only_what_is_faithful_is_compared_without_roots():
    net, picture = perceptual.load("bundled"), torch.rand(1, 3, 48, 48)
    for freedom, rooted in ((0, set()), (0.05, {"palette", "relu1_1", "relu2_1", "relu3_1"})):
        objective = Objective(net, picture, [picture], [1.0], Weights.of(StyleRequest(freedom=freedom)))
        assert {name for name, target in objective.styles.items() if target.root is not None} == rooted


def test_variation_sees_stripes_and_checkerboards_alike_and_no_flat_picture():
    y, x = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
    assert total_variation(torch.full((1, 3, 8, 8), 0.3)) == 0
    stripes, board = (x % 2).float().expand(1, 3, 8, 8), ((x + y) % 2).float().expand(1, 3, 8, 8)
    assert total_variation(stripes) > 0.5
    assert total_variation(board) > 0.4
    assert total_variation(torch.zeros(1, 3, 1, 1)) == 0


def test_speckle_is_variation_of_hue_alone():
    net = perceptual.load("bundled")
    y, x = torch.meshgrid(torch.arange(48), torch.arange(48), indexing="ij")
    board = ((x + y) % 2).float().expand(1, 3, 48, 48)
    red = board * torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)
    with_it = Weights.of(StyleRequest())
    without = dataclasses.replace(with_it, speckle=0.0)
    assert with_it.speckle > Weights.of(StyleRequest(freedom=0)).speckle == 0
    of = {
        (name, weights): float(Objective(net, red, [red], [1.0], weights)(picture)[1]["variation"])
        for name, picture in (("grey", board), ("red", red))
        for weights in (with_it, without)
    }
    assert of["grey", with_it] == pytest.approx(of["grey", without])
    assert of["red", with_it] > 2 * of["red", without]


def test_hues_that_no_style_has_go_and_brightness_stays():
    def picture(*halves) -> torch.Tensor:
        return torch.tensor(halves).T.reshape(1, 3, 1, 2).repeat_interleave(24, 3).repeat_interleave(48, 2)

    neon = picture((0.2, 0.4, 1.0), (0.9, 0.7, 0.1))  # blue and yellow, that make the ...
    style = picture((0.6, 0.6, 0.6), (0.9, 0.7, 0.1))  # grey and yellow
    wanted = colours.of([style], [1.0])
    found = colours.with_hues(neon, wanted, 1.0)
    torch.testing.assert_close(found.mean(1), neon.mean(1), atol=0.02, rtol=0)
    assert (found[0, 2] - found[0, 0])[:, :24].max() < 0.1  # no blue any more
    torch.testing.assert_close(found[..., 24:], neon[..., 24:], atol=0.05, rtol=0)
    halfway = colours.with_hues(neon, wanted, 0.5)
    torch.testing.assert_close(halfway, (neon + found) / 2, atol=0.02, rtol=0)
    torch.testing.assert_close(colours.with_hues(style, wanted, 1.0), style, atol=0.02, rtol=0)  # they are there


def test_colours_of_several_styles_count_by_their_shares():
    red, grey = (torch.tensor(colour).view(1, 3, 1, 1).expand(1, 3, 8, 8) for colour in ((1.0, 0, 0), (0.5, 0.5, 0.5)))
    found = colours.of([red, grey], [0.25, 0.75])
    assert (found[:, 0] == 1).float().mean() == pytest.approx(0.25, abs=0.001)


def test_a_picture_that_meets_its_targets_has_no_loss():
    net = perceptual.load("bundled")
    photo = torch.rand(1, 3, 48, 48)
    objective = Objective(net, photo, [photo], [1.0], Weights(1, 1, 0, 1))
    loss, parts = objective(photo)
    assert float(loss) == pytest.approx(0, abs=1e-6)
    assert set(parts) == {"content", "style", "variation"}


def test_the_loss_is_the_weighted_sum_of_its_parts_and_weights_count():
    net = perceptual.load("bundled")
    torch.manual_seed(0)
    photo, style, image = torch.rand(3, 1, 3, 48, 48)
    one, parts = Objective(net, photo, [style], [1.0], Weights(1, 1, 1, 0))(image)
    assert float(one) == pytest.approx(sum(map(float, parts.values())), rel=1e-5)
    _, heavier = Objective(net, photo, [style], [1.0], Weights(3, 2, 5, 0))(image)
    for name, factor in (("content", 3), ("style", 2), ("variation", 5)):
        assert float(heavier[name]) == pytest.approx(factor * float(parts[name]), rel=1e-4)


def test_content_counts_more_at_first_and_its_parts_are_told_as_asked_for():
    net = perceptual.load("bundled")
    torch.manual_seed(0)
    photo, style, image = torch.rand(3, 1, 3, 48, 48)
    objective = Objective(net, photo, [style], [1.0], Weights(1, 1, 1, 1, content_first=8))
    (first, parts), (half, same), (last, _) = (objective(image, along) for along in (0.0, 0.5, 1.0))
    assert parts == same
    assert float(first - last) == pytest.approx(7 * float(parts["content"]), rel=1e-4)
    assert half == last


def test_style_targets_mix_by_their_shares():
    net = perceptual.load("bundled")
    a, b, photo = torch.rand(3, 1, 3, 48, 48)
    mixed = Objective(net, photo, [a, b], [0.25, 0.75], Weights(1, 1, 1, 1)).styles
    alone = [Objective(net, photo, [s], [1.0], Weights(1, 1, 1, 1)).styles for s in (a, b)]
    for name in objectives.STYLE_LAYERS:
        torch.testing.assert_close(mixed[name].mean, 0.25 * alone[0][name].mean + 0.75 * alone[1][name].mean)
        second = [
            t.covariance + torch.outer(t.mean, t.mean) for t in (mixed[name], *(styles[name] for styles in alone))
        ]
        torch.testing.assert_close(second[0], 0.25 * second[1] + 0.75 * second[2])


def test_layers_without_weight_are_not_asked_for():
    net = perceptual.load("bundled")
    photo = torch.rand(1, 3, 48, 48)
    objective = Objective(net, photo, [photo], [1.0], Weights(1, 1, 1, 1, layers=(0, 0, 1, 0, 0)))
    assert set(objective.styles) == {"relu3_1", objectives.PALETTE}


# ---------------------------------------------------------------- descent


def bowl(target: float, steep: float = 1.0):
    def loss_of(x, along=1.0):
        loss = steep * (x - target).square().mean()
        return loss, {"content": loss.detach()}

    return loss_of


@pytest.mark.parametrize("method", ["adam", "lbfgs", "sgd"])
def test_every_method_finds_the_bottom_of_a_bowl(method):
    *_, last = descend(torch.zeros(1, 3, 8, 8), bowl(0.6, steep=200), method, 1.0, 60)
    assert last.image.sub(0.6).abs().max() < 0.05
    assert last.image.is_contiguous()


@pytest.mark.parametrize("method", ["adam", "lbfgs", "sgd"])
def test_pictures_stay_in_bounds(method):
    *_, last = descend(torch.full((1, 3, 8, 8), 0.5), bowl(3.0, steep=200), method, 1.0, 40)
    assert last.image.min() >= 0
    assert last.image.max() <= 1


def broken_in(calls):
    """A bowl whose loss is no number in those of its calls."""
    numbers = itertools.count(1)

    def loss_of(x, along):
        loss, parts = bowl(0.6)(x, along)
        return (loss * float("nan"), parts) if next(numbers) in calls else (loss, parts)

    return loss_of


def test_a_broken_step_is_taken_back_and_told():
    steps = list(descend(torch.zeros(1, 3, 8, 8), broken_in({8}), "adam", 1.0, 80))
    assert ["taken back" in s.note for s in steps].count(True) == 1
    assert all(torch.isfinite(s.image).all() for s in steps)
    assert steps[-1].image.sub(0.6).abs().max() < 0.1


def test_a_descent_that_falls_apart_keeps_its_best_picture():
    *_, last = descend(torch.zeros(1, 3, 8, 8), broken_in(range(9, 100)), "lbfgs", 1.0, 80)
    assert "Fell apart" in last.note
    assert bowl(0.6)(last.image)[0] < bowl(0.6)(torch.zeros(1, 3, 8, 8))[0]


@pytest.mark.slow
def test_remembering_place_by_place_gets_lower_than_the_plain_method():
    net = perceptual.load("bundled")
    pictures = scene(64, 64), texture(64, 64)
    photo, style = (to_tensor(picture, (64, 64), torch.device("cpu")) for picture in pictures)
    objective = Objective(net, photo, [style], [1.0], Weights.of(StyleRequest()))
    *_, ours = descend(photo, lambda x, _: objective(x), "lbfgs", 1.0, 40)

    x = photo.contiguous().clone().requires_grad_()
    plain = torch.optim.LBFGS([x], max_iter=40, history_size=15, tolerance_grad=0, tolerance_change=0)

    def closure():
        plain.zero_grad()
        inside = x.clamp(0, 1)
        loss = x.numel() * (objective(inside)[0] + (x - inside).square().mean())
        loss.backward()
        return loss

    plain.step(closure)
    assert objective(ours.image)[0] < objective(x.detach().clamp(0, 1))[0]


def test_a_descent_that_never_works_ends_in_words():
    def broken(x, along):
        return x.mean() * float("nan"), {}

    with pytest.raises(UserError, match="smaller Step size"):
        list(descend(torch.zeros(1, 3, 8, 8), broken, "adam", 1.0, ROLLBACKS + 2))


def test_a_descent_that_only_waits_for_its_loss_to_fade_is_no_success():
    start = torch.full((1, 3, 8, 8), 0.5)

    def fading_and_broken_elsewhere(x, along):
        return (x.sum() if torch.equal(x, start) else x.sum() * float("nan")) + 2 - along, {}

    steps = list(descend(start, fading_and_broken_elsewhere, "adam", 1.0, 200))
    assert len(steps) < 20
    assert "Fell apart" in steps[-1].note


def test_a_loss_is_told_how_far_the_descent_has_come():
    told = []

    def listening(x, along):
        told.append(along)
        return (x - 0.6).square().mean(), {}

    list(descend(torch.zeros(1, 3, 8, 8), listening, "adam", 1.0, 4))
    assert told == [0, 0.25, 0.5, 0.75, 1]


def test_a_stalled_descent_ends_early_and_says_so():
    def flat(x, along):
        return x.sum() * 0 + 1, {}

    steps = list(descend(torch.rand(1, 3, 8, 8), flat, "sgd", 1.0, 500))
    assert len(steps) < 60
    assert "Settled" in steps[-1].note


def test_a_slow_but_steady_descent_is_not_cut_short():
    calls = 0

    def creeping(x, along):
        nonlocal calls
        calls += 1
        return x.sum() * 0 + 0.9995**calls, {}

    assert "Settled" not in list(descend(torch.rand(1, 3, 8, 8), creeping, "sgd", 1.0, 200))[-1].note


def test_an_infinite_or_wild_last_step_is_not_what_remains():
    def wild_at_the_end(x, along):
        nonlocal calls
        calls += 1
        return (x - 0.6).square().mean() * (1e6 if calls > 20 else 1), {}

    calls = 0
    *_, last = descend(torch.zeros(1, 3, 8, 8), wild_at_the_end, "adam", 1.0, 20)
    assert "taken back" in last.note
    with pytest.raises(UserError):
        list(descend(torch.zeros(1, 3, 8, 8), lambda x, _: (x.mean() + float("inf"), {}), "adam", 1.0, 20))


def test_a_pixel_that_went_too_far_is_called_back():
    seen = itertools.count()

    def far_and_then_back(x, along):
        return (x - (3.0 if next(seen) < 5 else 0.5)).square().mean(), {}

    start = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    *_, last = descend(start, far_and_then_back, "lbfgs", 1.0, 25)
    assert (last.image - 0.5).abs().max() < 0.01


def test_windows_sum_to_one_and_what_is_remembered_keeps_the_secant_equation():
    picture = torch.rand(1, 3, 100, 210).requires_grad_()
    stepper = WindowedLBFGS(picture, 1.0)
    torch.testing.assert_close(stepper._dot(torch.ones(3, 100, 210), torch.ones(3, 100, 210)), stepper.covered)
    assert stepper.covered.sum().item() == pytest.approx(63_000)
    for _ in range(4):
        picture.grad = None
        (torch.linspace(1, 9, 210) * picture.square()).sum().backward()
        stepper.step()
    assert stepper._spread(torch.ones_like(stepper.covered)).sub(1).abs().max() < 1e-5
    step, change = stepper.steps[-1], stepper.changes[-1]
    torch.testing.assert_close(stepper._direction(change.clone()), step, rtol=1e-3, atol=1e-5)


# ---------------------------------------------------------------- schedule and budget


def test_scales_double_up_to_the_size_asked_for():
    stages = scales(StyleRequest(size=1024, steps=180), (400, 300))
    assert [s.width for s in stages] == [128, 256, 512, 1024]
    assert stages[-1].height == 768
    assert [s.steps for s in stages] == [100, 60, 60, 20]


@pytest.mark.parametrize(("size", "bold"), [(136, 68), (256, 128), (384, 96), (500, 125), (544, 68)])
def test_large_forms_begin_at_about_a_hundred_pixels(size, bold):
    assert scales(StyleRequest(size=size), (400, 300))[0].width == bold
    assert scales(StyleRequest(size=size, freedom=1), (400, 300))[0].width == bold
    assert 128 <= scales(StyleRequest(size=size, freedom=0), (400, 300))[0].width < 256


@pytest.mark.parametrize("steps", [1, 10, 100, 145, 180, 183, 1000])
def test_without_freedom_it_is_painted_as_it_was_before_there_was_any(steps):
    before = StyleRequest.from_recipe({"kind": "style", "steps": steps, "size": 512})
    assert before.freedom == 0
    assert [s.steps for s in scales(before, (400, 300))] == [max(1, steps // 5)] * 2 + [steps]
    weights = Weights.of(before)
    assert (weights.content, weights.content_first, weights.speckle) == (0.08, 8, 0)


def test_a_bold_painting_is_only_touched_up_at_full_size():
    stages = scales(StyleRequest(size=512), (400, 300))
    assert [s.touches for s in stages] == [False, False, True]
    last = Weights.of(StyleRequest(), touches=True)
    assert (last.content, last.layers) == (0, (1, 1, 1, 0, 0))
    for whole in ({"freedom": 0.45}, {"style_weight": 0}, {"size": 128}):
        assert not any(s.touches for s in scales(StyleRequest(**{"size": 512, **whole}), (400, 300)))
    net = perceptual.load("bundled")
    photo, style, image = torch.rand(3, 1, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    loss, parts = Objective(net, photo, [style], [1.0], last)(image)
    assert float(loss) == pytest.approx(sum(map(float, parts.values())), rel=1e-5)
    assert (float(parts["content"]), float(parts["style"]) > 0) == (0, True)


def test_freedom_goes_from_faithful_to_free():
    wanted = [StyleRequest(size=256, freedom=freedom / 20) for freedom in range(21)]
    coarse = [scales(request, (400, 300))[0].steps for request in wanted]
    held = [Weights.of(request).content * Weights.of(request).content_first for request in wanted]
    assert coarse == sorted(set(coarse))
    assert held == sorted(set(held), reverse=True)


@pytest.mark.parametrize("size", [(1, 1), (3000, 2), (2, 3000), (30_000, 100)])
def test_any_shape_has_scales(size):
    for stage in scales(StyleRequest(size=256), size):
        assert min(stage.width, stage.height) >= 16
        assert max(stage.width, stage.height) <= 256


MEASURED = budget.Measured(seconds_a_step=0.01, seconds_a_pixel=1e-6, bytes_a_pixel=1000, bytes_in_all=1e8)


def test_the_budget_grows_with_size_and_steps():
    small = budget.estimate(StyleRequest(size=256), (400, 300), MEASURED)
    large = budget.estimate(StyleRequest(size=1024), (400, 300), MEASURED)
    longer = budget.estimate(StyleRequest(size=256, steps=2 * StyleRequest().steps), (400, 300), MEASURED)
    assert large.seconds > 8 * small.seconds
    assert large.memory > small.memory
    assert longer.seconds == pytest.approx(2 * small.seconds, rel=0.05)


def test_a_size_that_cannot_fit_is_refused_with_one_that_does(monkeypatch):
    monkeypatch.setattr(budget.device, "free_memory", lambda *_: 600_000_000)
    with pytest.raises(UserError, match=r"up to (\d+) px fits") as refused:
        budget.estimate_that_fits(StyleRequest(size=2048), (400, 300), MEASURED)
    fits = int(str(refused.value).split("up to ")[1].split(" px")[0])
    assert budget.estimate_that_fits(StyleRequest(size=fits), (400, 300), MEASURED).fits
    with pytest.raises(UserError):
        budget.estimate_that_fits(StyleRequest(size=fits + 32), (400, 300), MEASURED)


@pytest.mark.slow
def test_the_first_painting_measures_the_machine_and_remembers():
    budget._file("bundled").unlink()
    events = list(paint(SMALL, scene(), [texture()]))
    assert "Measuring" in events[0].note
    found = budget.recall("bundled")
    assert found.seconds_a_pixel > 0
    # Two 32-channel float or bfloat16 maps at full size are kept at the very least.
    assert found.bytes_a_pixel > 2 * 32 * 2


@pytest.mark.slow
def test_beside_other_programs_it_is_measured_and_begun_with_the_threads_there_are_to_spare(monkeypatch):
    budget._file("bundled").unlink()
    before, seen = torch.get_num_threads(), []
    monkeypatch.setattr(devices, "_others", lambda: 99)
    monkeypatch.setattr(measure, "descend", lambda *a: seen.append(torch.get_num_threads()) or descend(*a))
    monkeypatch.setattr(devices, "idle_seconds", lambda: 0.0)
    monkeypatch.setattr(devices, "most_threads", lambda: 2)
    monkeypatch.setattr(measure, "SIDES", (32, 64))
    try:
        *_, result = paint(StyleRequest(size=64, steps=2), scene(), [texture()])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert (seen, result.recipe["threads"]) == ([1, 1], [[1, 1]])


# ---------------------------------------------------------------- painting


def test_a_painting_tells_its_progress_and_ends_with_a_result():
    events = list(paint(SMALL, scene(), [texture()]))
    progress, result = events[:-1], events[-1]
    assert all(isinstance(event, Progress) for event in progress)
    assert [event.step for event in progress] == sorted(event.step for event in progress)
    assert progress[-1].step == progress[-1].total
    assert {"content", "style", "variation", "total"} <= set(progress[0].losses)
    assert progress[0].preview is not None
    assert isinstance(result, Result)
    assert result.images[0].size == (64, 48)


@pytest.mark.slow
def test_a_painting_tells_how_long_it_takes_from_its_own_pace(monkeypatch):
    """On a clock that goes a second for each step, where half of that was measured, and remembers it."""
    budget.remember("bundled", budget.Measured(0.5, 0, 1000, 1e8))
    monkeypatch.setattr(painter, "time", types.SimpleNamespace(perf_counter=itertools.count().__next__))
    *events, _ = paint(StyleRequest(size=256, steps=20, freedom=0), scene(), [texture()])
    first, later, last = events[1], events[6], events[-1]
    assert first.seconds_left < 22 <= first.seconds_left_at_most
    assert later.seconds_left == later.seconds_left_at_most == pytest.approx(24 - later.step, rel=0.2)
    assert (last.share, last.seconds_left) == (1, 0)
    assert [event.size for event in events] == [(128, 96)] * 4 + [(256, 192)] * 20
    assert budget.measured("bundled").seen == [[128 * 96, 2.0], [256 * 192, 2.0]]


@pytest.mark.slow
def test_the_painting_moves_towards_the_style():
    before, after = (
        np.asarray(scene(64, 48)).mean((0, 1)),
        pixels(painted(StyleRequest(size=64, steps=54))).mean((0, 1)),
    )
    wanted = np.asarray(texture()).mean((0, 1))
    assert np.abs(after - wanted).sum() < 0.7 * np.abs(before - wanted).sum()


@pytest.mark.slow
def test_same_seed_same_picture_other_seed_another():
    np.testing.assert_array_equal(plainly(), pixels(painted()))
    assert (plainly() != pixels(painted(dataclasses.replace(SMALL, seed=1)))).any()


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {"optimiser": "adam"}, {"optimiser": "sgd"}, {"start": "noise"}, {"stroke_size": 0.5}, {"content_weight": 8},
        {"style_weight": 0.1}, {"palette_weight": 0}, {"variation_weight": 10}, {"fine_strokes": 0}, {"large_forms": 4},
        {"freedom": 0}, {"freedom": 1}, {"rate": 0.3}, {"keep_colour": True}, {"strength": 0.5},
    ],
)  # fmt: skip
def test_every_setting_changes_the_picture(change):
    assert (plainly() != pixels(painted(dataclasses.replace(SMALL, **change)))).mean() > 0.1


@pytest.mark.slow
def test_several_styles_by_weight():
    red, blue = texture(), texture(hue=(0.1, 0.2, 0.9))
    one = pixels(painted(dataclasses.replace(SMALL, style_shares=(1, 0)), styles=[red, blue]))
    np.testing.assert_array_equal(one, pixels(painted(styles=[red])))
    longer = dataclasses.replace(SMALL, steps=45)
    half, none = (pixels(painted(longer, styles=styles)) for styles in ([red, blue], [red]))
    assert half[..., 2].mean() > none[..., 2].mean() + 1
    with pytest.raises(UserError, match="There is 1 style weight for 2 style pictures"):
        painted(dataclasses.replace(SMALL, style_shares=(1,)), styles=[red, blue])
    with pytest.raises(UserError, match="No style picture"):
        list(paint(SMALL, scene(), []))


@pytest.mark.parametrize("size", [(1, 1), (500, 3), (3, 500)])
def test_any_shape_of_photo_and_style_works(size):
    shape = pixels(painted(StyleRequest(size=64, steps=2), photo=scene(*size), styles=[texture(*size)])).shape
    assert max(shape[:2]) == 64


def test_a_size_that_cannot_fit_is_refused_before_it_starts(monkeypatch):
    monkeypatch.setattr(budget.device, "free_memory", lambda *_: 200_000_000)
    with pytest.raises(UserError, match="of memory"):
        painted(StyleRequest(size=2048))


@pytest.mark.slow
@pytest.mark.parametrize("colour", ["black", "white", "#804020"])
def test_a_style_of_one_colour_leaves_the_photo_its_forms(colour):
    plain = Image.new("RGB", (60, 60), colour)
    events = list(paint(StyleRequest(size=64, steps=22), scene(), [plain]))
    assert max(event.losses["total"] for event in events if isinstance(event, Progress)) < 100
    assert np.asarray(events[-1].images[0]).std((0, 1)).max() > 5


@pytest.mark.slow
@pytest.mark.parametrize("colour", ["black", "#804020"])
def test_a_style_of_one_colour_colours_the_photo(colour):
    plain = Image.new("RGB", (60, 60), colour)
    events = list(paint(StyleRequest(size=64, steps=108), scene(), [plain]))
    assert max(event.losses["total"] for event in events if isinstance(event, Progress)) < 100
    before, after = (
        np.linalg.norm(np.asarray(picture).mean((0, 1)) - ImageColor.getrgb(colour))
        for picture in (scene(), events[-1].images[0])
    )
    assert after < 0.8 * before


def test_transparency_is_kept():
    photo = scene().convert("RGBA")
    photo.putalpha(128)
    assert painted(photo=photo).images[0].getextrema()[3] == (128, 128)


def test_stopping_keeps_the_picture_so_far():
    asked = iter([False] * 5)
    result = painted(StyleRequest(size=256, steps=50), stopped=lambda: next(asked, True))
    assert "Stopped after 6 of 32 steps, while it was small (128 × 96)." in result.note
    assert result.recipe["stopped_at"] == 6
    assert result.images[0].size == (128, 96)


def test_strength_and_colour_can_be_set_afterwards():
    request = dataclasses.replace(SMALL, strength=0.4, keep_colour=True)
    result = painted(request)
    again = images.finish(result.images[1], scene(), strength=0.4, keep_colour=True)
    np.testing.assert_array_equal(pixels(result), np.asarray(again))
    np.testing.assert_array_equal(np.asarray(result.images[1]), plainly())


def test_the_recipe_paints_it_again():
    request = dataclasses.replace(SMALL, stroke_size=0.7, seed=5)
    result = painted(request)
    np.testing.assert_array_equal(pixels(result), pixels(painted(StyleRequest.from_recipe(result.recipe))))
    assert result.recipe["photo"] == images.digest(scene())
    assert result.recipe["painted_with"] == "the bundled network"
    assert result.recipe["network"] == "bundled"  # not "auto", which might be another tomorrow
