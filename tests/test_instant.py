"""The instant engine: what is exact stays exact, whatever the decoder has learnt."""

import importlib.util
import os
import sys
import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from core import perceptual
from core.errors import UserError
from core.pictures import images
from core.settings import Progress, Result
from core.style.instant import clip
from core.style.instant import paint as engine
from core.style.instant.camera import Camera
from core.style.instant.decoder import Decoder, encoded, read, save
from core.style.instant.transfer import root, transport_map, transported
from core.style.optimise.objective import Moments, Objective, Weights
from core.style.request import ClipRequest, InstantRequest, StyleRequest

ROOT = Path(__file__).parent.parent


def smooth(seed: int, width: int = 96, height: int = 72) -> Image.Image:
    """Soft blots of several colours."""
    noise = np.random.default_rng(seed).integers(0, 255, (5, 6, 3), np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def grained(width: int, height: int, seed: int = 0) -> Image.Image:
    """Soft blots with something on them that can be recognised."""
    grain = np.random.default_rng(seed).integers(-40, 40, (height, width, 1))
    return Image.fromarray((np.asarray(smooth(seed, width, height)) + grain).clip(0, 255).astype(np.uint8))


def painted(photo=None, styles=None, **settings) -> Result:
    request = InstantRequest(**{"size": 96, **settings})
    *progress, result = engine.paint(request, photo or smooth(0), styles or [smooth(1)])
    assert progress
    assert all(isinstance(event, Progress) for event in progress)
    return result


def colours(picture: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    pixels = np.asarray(picture.convert("RGB"), np.float64).reshape(-1, 3) / 255
    return pixels.mean(0), np.cov(pixels.T, bias=True)


# ---------------------------------------------------------------- the transfer


def test_the_map_is_that_of_optimal_transport():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(2, 12, 40, generator=generator) for _ in range(2))
    have, want = a @ a.mT / 40, b @ b.mT / 40
    found = transport_map(have, want).double()
    assert torch.allclose(found @ have.double() @ found, want.double(), atol=1e-4)
    assert torch.allclose(found, found.mT, atol=1e-5)
    assert torch.linalg.eigvalsh(found).min() > 0  # symmetric and positive: there is only one such


def test_a_root_by_eigenvectors_and_one_by_products_are_the_same():
    features = torch.randn(2, 24, 200, dtype=torch.float64) * torch.logspace(0, -2, 24, dtype=torch.float64)[:, None]
    covariance = features @ features.mT / 200 + 0.003 * torch.eye(24, dtype=torch.float64)
    by_products = root(covariance.clone().requires_grad_()).detach()
    torch.testing.assert_close(root(covariance), by_products, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(by_products @ by_products, covariance, rtol=1e-6, atol=1e-6)


def test_moved_features_have_the_wanted_moments():
    net = perceptual.load("bundled")
    with torch.no_grad():
        seen, style = (
            encoded(net, engine.to_tensor(smooth(k), (96, 72), torch.device("cpu")))["relu3_1"] for k in (0, 1)
        )
    have, want = Moments.of(seen), Moments.of(style)
    got = Moments.of(transported(seen, have, want, shrink=1e-4))
    assert torch.allclose(got.mean, want.mean, atol=1e-3)
    assert (got.covariance - want.covariance).norm() < 0.05 * want.covariance.norm()


def test_what_does_not_vary_is_not_blown_up():
    flat = torch.full((1, 3, 32, 32), 0.5) + 1e-4 * torch.randn(
        1, 3, 32, 32, generator=torch.Generator().manual_seed(0)
    )
    wild = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    for style in (wild, torch.zeros(1, 3, 32, 32)):
        moved = transported(flat, Moments.of(flat), Moments.of(style))
        assert moved.isfinite().all()
        assert moved.std((2, 3)).max() < 0.01


# ---------------------------------------------------------------- the painting


def test_a_painting_has_exactly_the_styles_colours():
    style = smooth(3)
    mean, covariance = colours(painted(styles=[style]).images[0])
    wanted_mean, wanted = colours(style.resize((96, 72), Image.Resampling.LANCZOS))
    assert np.abs(mean - wanted_mean).max() < 2 / 255
    assert np.linalg.norm(covariance - wanted) < 0.05 * np.linalg.norm(wanted)


@pytest.mark.slow
def test_several_styles_mix_by_their_shares():
    red, blue = Image.new("RGB", (64, 64), (200, 30, 30)), Image.new("RGB", (64, 64), (30, 30, 200))
    mean, _ = colours(painted(styles=[red, blue], style_shares=(3, 1)).images[0])
    wanted = (3 * np.array([200, 30, 30]) + np.array([30, 30, 200])) / 4 / 255
    assert np.abs(mean - wanted).max() < 3 / 255
    alone = painted(styles=[red]).images[0]
    assert painted(styles=[red, blue], style_shares=(1, 0)).images[0].tobytes() == alone.tobytes()


@pytest.mark.slow
def test_strength_goes_from_the_photo_to_the_painting():
    photo = smooth(0)
    none, half, full = (np.asarray(painted(photo, strength=s).images[0], float) for s in (0.0, 0.5, 1.0))
    assert np.abs(none - np.asarray(photo, float)).max() <= 1
    assert np.abs(half - none).mean() < np.abs(full - none).mean()
    assert np.abs(half - full).mean() < np.abs(none - full).mean()
    result = painted(photo, strength=0.5)
    assert np.array_equal(np.asarray(result.images[1]), full)  # the easel's is at full strength


def test_the_same_seed_gives_the_same_picture_and_another_one_another():
    first, again, other = (painted(seed=seed).images[0].tobytes() for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.slow
def test_the_picture_is_the_same_whatever_the_threads(monkeypatch):
    photo, found = smooth(0, 224, 160), []
    monkeypatch.setattr(engine.devices, "_others", lambda: 0)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            monkeypatch.setattr(engine, "_looks", OrderedDict())
            monkeypatch.setattr(engine.devices, "most_threads", lambda threads=threads: threads)
            found.append(painted(photo, size=224).images[0].tobytes())
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1]


def test_beside_other_programs_one_thread_paints(monkeypatch):
    seen, before = [], torch.get_num_threads()
    engine.devices.most_threads.cache_clear()
    torch.set_num_threads(4)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)

    def spare():
        with engine.devices.threads_to_spare():
            seen.append(torch.get_num_threads())

    try:
        for others in (0, 1, 3, 9):
            monkeypatch.setattr(engine.devices, "_others", lambda others=others: others)
            spare()
        assert torch.get_num_threads() == 4
        # A new thread of Python's hears from torch what another has taken, and takes all the same what is to spare.
        torch.set_num_threads(1)
        monkeypatch.setattr(engine.devices, "_others", lambda: 0)
        (other := threading.Thread(target=spare)).start()
        other.join()
    finally:
        torch.set_num_threads(before)
        engine.devices.most_threads.cache_clear()
    assert seen == [4, 3, 1, 1, 4]


def test_stroke_size_counts():
    assert painted().images[0].tobytes() != painted(stroke_size=0.5).images[0].tobytes()


def test_the_freer_the_less_of_the_photo_is_recognised():
    photo = smooth(0)

    def kept(picture: Image.Image) -> float:
        return np.corrcoef(*(np.asarray(one.convert("L").reduce(2), float).ravel() for one in (picture, photo)))[0, 1]

    faithful, usual, free = (kept(painted(photo, freedom=freedom).images[0]) for freedom in (0.0, 0.5, 1.0))
    assert faithful > usual > free


@pytest.mark.parametrize("size", [(64, 64), (101, 67), (400, 12), (12, 400)])
def test_any_shape_is_painted(size):
    result = painted(smooth(0, *size), size=101)
    assert max(result.images[0].size) == 101
    assert np.asarray(result.images[0]).std() > 0


def test_transparency_and_colours_are_kept():
    photo = smooth(0).convert("RGBA")
    photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    result = painted(photo, keep_colour=True)
    assert all(np.array_equal(p.getchannel("A"), photo.getchannel("A")) for p in result.images)
    again = images.finish(result.images[1], photo, keep_colour=True)
    assert again.tobytes() == result.images[0].tobytes()


def test_a_flat_sky_stays_calm_and_borders_grow_no_frame():
    sky = np.full((128, 192, 3), (120, 160, 220), np.uint8)
    sky[96:] = np.random.default_rng(0).integers(0, 120, (32, 192, 3))
    painting = np.asarray(painted(Image.fromarray(sky), size=192).images[0], float)
    grain = [np.abs(np.diff(part, axis=1)).mean() for part in (painting[16:72], painting[100:])]
    assert grain[0] < 0.6 * grain[1]
    outermost, within_it = (painting[16:72, columns].mean(0) for columns in ([0, 1, -2, -1], [8, 8, -9, -9]))
    assert np.abs(outermost - within_it).max() < 25  # more than 100 where convolutions see zeros beyond the border


# ---------------------------------------------------------------- form


def test_the_recipe_gives_the_same_painting_again():
    result = painted(seed=5, stroke_size=0.5)
    assert result.recipe["kind"] == "instant"
    assert result.recipe["decoder_digest"]
    request = InstantRequest.from_recipe(result.recipe)
    *_, again = engine.paint(request, smooth(0), [smooth(1)])
    assert again.images[0].tobytes() == result.images[0].tobytes()


def test_bad_requests_are_told():
    with pytest.raises(UserError, match="No style picture"):
        list(engine.paint(InstantRequest(size=64), smooth(0), []))
    with pytest.raises(UserError, match="Stopped"):
        list(engine.paint(InstantRequest(size=64), smooth(0), [smooth(1)], lambda: True))


def test_a_painting_that_does_not_fit_is_refused_before_it_starts(monkeypatch):
    monkeypatch.setattr(engine.devices, "free_memory", lambda device: 10**8)
    with pytest.raises(UserError, match="GB are free"):
        next(engine.paint(InstantRequest(size=2048), smooth(0), [smooth(1)]))


def test_a_decoder_is_read_as_it_was_saved(tmp_path):
    decoder = Decoder(deep=8, fine=8, widths=(8, 8, 8, 8))
    save(decoder, tmp_path / "d.safetensors")
    again = read(tmp_path / "d.safetensors")
    assert again.config == decoder.config
    assert again.digest
    for before, after in zip(decoder.parameters(), again.parameters(), strict=True):
        assert torch.allclose(before, after, atol=1e-3)


def test_training_measures_style_as_a_faithful_painter_does(monkeypatch):
    spec = importlib.util.spec_from_file_location("train_instant", ROOT / "weights" / "train_instant.py")
    training = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "train_instant", training)
    spec.loader.exec_module(training)
    net, cpu = perceptual.load("bundled"), torch.device("cpu")
    photo, style, image = (engine.to_tensor(smooth(k, 64, 64), (64, 64), cpu) for k in range(3))
    painter = Objective(net, photo, [style], [1.0], Weights.of(StyleRequest(freedom=0)))
    judge = training.Judge(net)
    (usual, _), (wanted, _), (found, _) = map(judge.look, (photo, style, image))
    distances = [
        training.style_distance(found[1, name], wanted[1, name], usual[1, name])
        for name in (*training.STYLE_LAYERS, training.PALETTE)
    ]
    expected = torch.stack(distances[:-1]).mean() + distances[-1].sum()
    _, parts = painter(image)
    assert parts["style"].item() == pytest.approx(expected.item(), rel=1e-3)


# ---------------------------------------------------------------- clips


def ball(step: int, width: int = 256, height: int = 96) -> Image.Image:
    """Soft blots; on their left something bright goes down. What is right of the middle stands still."""
    picture = smooth(0, width, height)
    picture.paste((255, 240, 60), (4, 12 * step, 28, 12 * step + 20))
    return picture


def painted_clip(tmp_path, frames, ending=".png", **settings) -> tuple[Result, list[np.ndarray]]:
    """Through lossless files, so that every change is the painter's."""
    source, target = tmp_path / f"in{ending}", tmp_path / f"out{ending}"
    frames[0].save(source, save_all=True, append_images=frames[1:], duration=100)
    request = ClipRequest(**{"size": 256, **settings})
    *progress, result = clip.paint(request, source, [smooth(1)], target)
    assert [event.step for event in progress] == list(range(1, len(frames) + 1))
    with Image.open(target) as file:
        return result, [np.asarray(frame.convert("RGB"), float) for frame in ImageSequence.Iterator(file)]


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"keep_colour": True}, {"strength": 0.6}])
def test_what_stands_still_in_a_clip_does_not_flicker(tmp_path, settings):
    frames = [ball(step) for step in range(0, 6, 2)]
    _, painted_frames = painted_clip(tmp_path, frames, **settings)
    alone = [np.asarray(painted(frame, size=256, **settings).images[0], float) for frame in frames[:2]]
    still = np.s_[:, 192:]  # further from the ball than anything of it is seen
    assert all(np.array_equal(frame[still], painted_frames[0][still]) for frame in painted_frames)
    assert np.abs(alone[1] - alone[0])[still].mean() > 0.1  # painted one by one they would
    assert np.abs(painted_frames[1] - painted_frames[0])[:, :64].mean() > 1


@pytest.mark.slow
def test_beside_what_moves_strokes_are_calm_and_follow_in_the_end(tmp_path, monkeypatch):
    frames = [*(ball(step) for step in range(6)), *(ball(5) for _ in range(2))]
    for step, frame in enumerate(frames):  # two that are the same would be one
        frame.putpixel((255, 95), (step, 0, 0))
    beside = np.s_[:, :, 44:80]

    def painted_frames() -> np.ndarray:
        return np.stack(painted_clip(tmp_path, frames)[1])

    held = painted_frames()
    monkeypatch.setattr(clip.Still, "__call__", lambda _self, _seen, made, _place: made)
    free = painted_frames()
    change, usual = (np.abs(np.diff(one[beside][:6], axis=0)).mean() for one in (held, free))
    assert change < 0.3 * usual
    far = [np.abs(held[beside][k] - free[beside][k]).mean() for k in (5, 7)]
    assert far[1] < far[0]
    for step in range(1, 6):  # what comes is there at once
        came = np.s_[step, 12 * step + 10 : 12 * step + 18, 8:24]
        assert np.array_equal(held[came], free[came]), step


@pytest.mark.slow
def test_where_the_camera_moves_the_painting_moves_with_it(tmp_path, monkeypatch):
    """What was shown looked otherwise wherever it was: the painter's grid and noise stood still."""
    wide = grained(212, 168)
    frames = [wide.crop((5 * k, 2 * k, 5 * k + 192, 2 * k + 160)) for k in range(3)]

    def change() -> float:
        """Further from the border than anything of it is seen."""
        _, (first, *_, last) = painted_clip(tmp_path, frames, size=192)
        return float(np.abs(last[56:-60, 56:-66] - first[60:-56, 66:-56]).mean())

    moving = change()
    monkeypatch.setattr(clip.Camera, "see", lambda *_: (0.0, 0.0))
    assert moving < 0.25 * change()


def test_how_far_what_is_shown_has_moved_is_seen():
    wide, camera = grained(180, 150), Camera()
    for k, (y, x) in enumerate([(0, 0), (0.4, 0.3), (3, -2.5), (-9, 10), (-20, 21), (-21, 21)]):
        moved = (1, 0, 40 - x, 0, 1, 40 - y)
        seen = wide.transform((96, 64), Image.Transform.AFFINE, moved, Image.Resampling.BICUBIC)
        assert camera.see(seen) == pytest.approx((y, x), abs=0.3), k
    still = Camera()
    for step in range(4):  # what no shift explains has not moved
        assert still.see(ball(step, 96, 64)) == pytest.approx((0, 0), abs=0.3), step
    assert still.see(Image.new("RGB", (96, 64))) == still.see(Image.new("RGB", (96, 64)))


@pytest.mark.slow
def test_a_clip_is_painted_as_its_frames_together_are(tmp_path):
    frames = [ball(0) for _ in range(3)]
    for step, frame in enumerate(frames):  # two that are the same would be one
        frame.putpixel((0, 0), (step, 0, 0))
    result, painted_frames = painted_clip(tmp_path, frames, seed=3)
    alone = painted(frames[0], size=256, seed=3).images[0]
    assert np.abs(painted_frames[0] - np.asarray(alone, float)).max() <= 3  # only rounding is in between
    assert (result.recipe["kind"], result.recipe["frames"]) == ("clip", 3)
    assert np.array_equal(np.asarray(result.images[0], float), painted_frames[-1])


@pytest.mark.slow
def test_a_clip_that_is_stopped_ends_where_it_is(tmp_path):
    frames, asked = [ball(step) for step in range(4)], []

    def stopped() -> bool:
        asked.append(True)
        return len(asked) > 3  # before the samples, and before the first and the second frame

    frames[0].save(tmp_path / "in.gif", save_all=True, append_images=frames[1:])
    *_, result = clip.paint(ClipRequest(size=64), tmp_path / "in.gif", [smooth(1)], tmp_path / "out.gif", stopped)
    assert result.note == "Stopped after 2 of 4 frames."
    with pytest.raises(UserError, match="Stopped before there was a painting"):
        list(clip.paint(ClipRequest(size=64), tmp_path / "in.gif", [smooth(1)], tmp_path / "no.gif", lambda: True))
    assert not (tmp_path / "no.gif").exists()
