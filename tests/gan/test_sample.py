"""Sampling: the same recipe is the same picture, whatever else is made along with it."""

import base64
import io
import json
import math
import shutil

import av
import gradio as gr
import numpy as np
import pytest
import torch
from gradio_client import Client
from PIL import Image

from core import jobs
from core.__main__ import main
from core.errors import UserError
from core.gan import checkpoint, pictures, points, sample
from core.gan.methods import METHODS
from core.gan.methods.dcgan import Discriminator, Generator
from core.gan.networks import build
from core.gan.pictures import to_pictures
from core.gan.request import SampleRequest, TrainRequest
from core.gan.zoo import load, model_folder
from core.hub import registry
from core.pictures import images
from core.runs import lifecycle
from core.settings import Progress, Result
from support.fitting import fitting
from ui.generate import sample_api

SMALL = {"size": 16, "latent": 8, "width_g": 4, "width_d": 4, "steps": 20}


def lively(network: torch.nn.Module, seed: int = 1) -> torch.nn.Module:
    """Random weights that make pictures differ, and batch norm with statistics."""
    randomness = torch.Generator().manual_seed(seed)
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.randn(value.shape, generator=randomness) * 0.4)
            if "running_var" in name:
                value.abs_().add_(0.3)
    return network.eval()


@pytest.fixture
def run(_own_files):
    """A run with two checkpoints and a result, as the worker leaves it."""
    request = TrainRequest(**SMALL)
    made = lifecycle.create(request, {"kind": "drawn", "name": "portraits", "count": 100}, "My run")
    for step in (10, 20):
        g, d = build(request, torch.Generator().manual_seed(step))
        average = lively(build(request, torch.Generator())[0], step + 1)
        state = {"steps": step, "g": lively(g, step).state_dict(), "d": d.state_dict(), "average": average.state_dict()}
        checkpoint.save(made, state, 1.0)
    recipe = request.recipe(name="My run", steps_made=20, seconds=1, data={"source": "x", "licence": "y", "count": 9})
    model_folder.save(average, made.path / "result", [Image.new("RGB", (16, 16))], recipe)
    model_folder.save_discriminator(d.eval(), made.path / "result")
    return made


def ask(**settings) -> Result:
    *_, result = sample.sample(SampleRequest(**settings))
    return result


def same(a: Image.Image, b: Image.Image) -> bool:
    return a.mode == b.mode and a.tobytes() == b.tobytes()


# ---------------------------------------------------------------- points


def test_a_point_depends_on_itself_alone():
    alone = points.latents(["3:7"], 16)
    np.testing.assert_array_equal(points.latents(["1:0", "3:7", "2:2"], 16)[1:2], alone)
    assert not np.allclose(points.latents(["3:8"], 16), alone)
    # Recipes are kept for years: these numbers may never change.
    np.testing.assert_allclose(points.latents(["0:0"], 3)[0], [1.57617, -0.706585, 0.082607], atol=1e-5)


def test_a_way_passes_through_its_pictures_at_an_even_length():
    way = points.interpolate(["0:1", "0:2", "0:3"], 9)
    z = points.latents(way, 512)
    for frame, stop in ((0, "0:1"), (4, "0:2"), (8, "0:3")):
        assert way[frame] == stop
    lengths = np.linalg.norm(z, axis=1)
    assert lengths.min() > 0.9 * math.sqrt(512)  # the straight way would go down to 0.7
    steps = np.linalg.norm(np.diff(z, axis=0), axis=1)
    assert steps.max() < 1.25 * steps.min()
    closed = points.interpolate(["0:1", "0:2"], 4, closed=True)
    assert closed == ("0:1", "0:1>0:2@0.5", "0:2", "0:2>0:1@0.5")


def test_more_like_this_is_as_near_as_asked():
    start, *others = points.latents(points.variations("5:5", 40, 0.3), 256)
    near = [float(start @ z / np.linalg.norm(start) / np.linalg.norm(z)) for z in others]
    assert min(near) > math.cos(0.3 * math.pi / 2) - 0.1
    far = points.latents(points.variations("5:5", 40, 1.0), 256)
    assert abs(np.mean([start @ z for z in far[1:]])) / 256 < 0.05
    assert points.variations("(1:1-1:2)", 2, 0.5)[1] == "((1:1-1:2))~1/0.5"


def test_arithmetic_is_what_it_says():
    a, b, c, result = points.latents(["1:1", "1:2", "1:3", points.arithmetic("1:1", "1:2", "1:3")], 64)
    total = a - b + c
    np.testing.assert_allclose(result, total * np.linalg.norm(a) / np.linalg.norm(total), rtol=1e-5)


@pytest.mark.parametrize(
    "text", ["", "7", "7:", "7:1+", "(7:1", "7:1~2", "7:1>7:2", "7:1@0.5", "x:1", "(" * 90, "1:1" * 200]
)
def test_what_is_no_point_is_refused(text):
    with pytest.raises(UserError):
        points.latents([text], 4)


# ---------------------------------------------------------------- pictures


def test_the_same_recipe_is_the_same_picture_alone_or_among_many(run):
    many = ask(generator="run:my-run", seed=3, count=37)
    assert len(many.images) == 37
    for index in (0, 15, 16, 36):
        again = SampleRequest.from_recipe(points.recipe_of(many.recipe, index))
        *_, one = sample.sample(again)
        assert len(one.images) == 1
        assert same(one.images[0], many.images[index])
    few = ask(generator="run:my-run", seed=3, count=5)
    assert all(same(a, b) for a, b in zip(few.images, many.images[:5], strict=True))
    *_, reordered = sample.sample(SampleRequest("run:my-run", points=tuple(reversed(many.recipe["points"]))))
    assert all(same(a, b) for a, b in zip(reordered.images, reversed(many.images), strict=True))
    assert not same(ask(generator="run:my-run", seed=4, count=1).images[0], many.images[0])


def test_a_recipe_says_when_the_run_it_is_of_has_gone_on(run, tmp_path, capsys):
    of_step = ask(generator="run:my-run@20").recipe
    assert not ask(**{**vars(SampleRequest.from_recipe(of_step)), "seed": 5}).note
    shutil.copyfile(run.checkpoints()[10], run.checkpoints()[20])  # as another training has left it
    assert "has other weights now than when this was made" in ask(**vars(SampleRequest.from_recipe(of_step))).note
    images.write_png(Image.new("RGB", (16, 16)), tmp_path / "of.png", of_step)
    for more, differs in ([], True), (["--no-averaged"], False):  # which are other weights, as asked
        assert main(["sample", "--recipe", str(tmp_path / "of.png"), *more, "-o", str(tmp_path / "made.png")]) == 0
        assert ("has other weights now" in capsys.readouterr().out) == differs
    for wrong in (5, "x" * 101):
        with pytest.raises(UserError, match="leave them as the recipe has them"):
            SampleRequest.from_recipe({**of_step, "weights": wrong})


def test_pictures_are_those_of_a_plain_loop_over_the_network(run):
    loaded = load.open_generator("run:my-run")
    z = torch.from_numpy(points.latents(points.of_seed(0, 20), 8))
    with torch.no_grad():
        plain = to_pictures(loaded.network(z * 0.7))
    result = ask(generator="run:my-run", count=20, truncation=0.7)
    for expected, got in zip(plain, result.images, strict=True):
        assert np.abs(np.asarray(expected, int) - np.asarray(got, int)).max() <= 1  # rounding, batch norm worked in


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("method", METHODS)
def test_what_is_made_ready_is_the_same_function(method, norm, channels):
    colour = {1: "grey", 3: "rgb", 4: "rgba"}[channels]
    request = fitting(method, size=16, colour=colour, latent=6, width_g=4, norm_g=norm)
    network = lively(build(request, torch.Generator())[0])
    names = points.of_seed(0, 5)
    with torch.no_grad():
        expected = network(torch.from_numpy(points.latents(names, 6)))
    made = sample._made(load.Loaded("x", "x", network), network.latents_of(names, 1.0))
    torch.testing.assert_close(made[:5], expected, rtol=1e-4, atol=1e-4)


def test_truncation_nought_is_one_picture(run):
    result = ask(generator="run:my-run", count=3, truncation=0)
    assert same(result.images[0], result.images[2])


def test_any_checkpoint_averaged_or_not(run):
    pictures = [
        ask(generator=ref, averaged=averaged, count=1).images[0].tobytes()
        for ref in ("run:my-run@10", "run:my-run@20") for averaged in (True, False)
    ]  # fmt: skip
    assert len(set(pictures)) == 4
    assert ask(generator="run:my-run", count=1).images[0].tobytes() == pictures[2]
    with pytest.raises(UserError, match="no checkpoint at step 11; there are: 10, 20"):
        ask(generator="run:my-run@11")
    with pytest.raises(UserError, match="no run 'other'"):
        ask(generator="run:other")


def test_sorting_puts_the_discriminators_favourites_first(run):
    plain, ordered = ask(generator="run:my-run", count=20), ask(generator="run:my-run", count=20, sort=True)
    opinions = ordered.recipe["opinions"]
    assert opinions == sorted(opinions, reverse=True)
    assert len(set(opinions)) > 10
    assert sorted(ordered.recipe["points"]) == sorted(plain.recipe["points"])
    place = plain.recipe["points"].index(ordered.recipe["points"][0])
    assert same(plain.images[place], ordered.images[0])
    assert "opinions" not in points.recipe_of(ordered.recipe, 0)


def test_a_discriminator_that_is_sure_of_all_still_has_favourites(run):
    """One that was trained to compare may say of all pictures that they are real, of some more than of others."""
    judge = load.open_generator("run:my-run").discriminator
    before = ask(generator="run:my-run", count=20, sort=True)
    with torch.no_grad():
        judge.layers[-2].bias += 30
    after = ask(generator="run:my-run", count=20, sort=True)
    assert set(after.recipe["opinions"]) == {1.0}
    opinions = dict(zip(before.recipe["points"], before.recipe["opinions"], strict=True))
    ordered = [opinions[point] for point in after.recipe["points"]]
    assert ordered == sorted(ordered, reverse=True)


def test_a_discriminator_is_kept_with_its_spectral_norm(run, tmp_path):
    judge = load.open_generator("run:my-run@20").discriminator
    model_folder.save_discriminator(judge, tmp_path)
    again = model_folder.load_discriminator(tmp_path)
    assert isinstance(again, Discriminator)
    images_ = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert again.config == judge.config
    assert again.config["norm"] == "spectral"
    torch.testing.assert_close(again(images_), judge(images_), rtol=0, atol=0)
    assert model_folder.load_discriminator(tmp_path / "elsewhere") is None
    (tmp_path / "discriminator.safetensors").write_bytes(b"broken")
    with pytest.raises(UserError, match="damaged"):
        model_folder.load_discriminator(tmp_path)


def test_a_new_result_is_seen_and_a_damaged_one_named(run):
    before = ask(generator="run:my-run", count=1).images[0]
    g = lively(Generator(method="dcgan", size=16, channels=3, latent=8, width=8))
    recipe = run.request.recipe(name="x", steps_made=1, seconds=1, data={"source": "x", "licence": "y", "count": 9})
    model_folder.save(g, run.path / "result", [before], recipe)
    assert not same(ask(generator="run:my-run", count=1).images[0], before)
    (run.path / "result" / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(UserError, match="not a whole generator"):
        ask(generator="run:my-run", count=1)


def test_it_reports_and_can_be_stopped(run):
    calls = iter([False, False, True])
    events = list(sample.sample(SampleRequest("run:my-run", count=100), stopped=lambda: next(calls)))
    assert [e.step for e in events if isinstance(e, Progress)] == [16, 32]
    assert len(events[-1].images) == 32 == len(events[-1].recipe["points"])
    with pytest.raises(UserError, match="Stopped"):
        list(sample.sample(SampleRequest("run:my-run"), stopped=lambda: True))


def test_jobs_and_recipes_in_pngs_make_the_same_picture(run, tmp_path):
    result = jobs.submit(SampleRequest("run:my-run", seed=9, count=3, truncation=0.8)).wait()
    images.write_png(result.images[2], tmp_path / "kept.png", points.recipe_of(result.recipe, 2))
    request = SampleRequest.from_recipe(images.read_recipe(tmp_path / "kept.png"))
    *_, again = sample.sample(request)
    assert same(again.images[0], Image.open(tmp_path / "kept.png"))


def test_unknown_generators_are_refused_in_words():
    for ref, words in (("portrait", "no weights called"), ("run:../x", "names no run"), ("a/b/c", "owner/name")):
        with pytest.raises(UserError, match=words):
            ask(generator=ref)


@pytest.mark.parametrize("values", [
    {"generator": ["planets"]}, {"generator": {"a": 1}}, {"generator": 7}, {"generator": None}, {"points": 7},
    {"points": {"7:1": 1}}, {"points": "7:1"}, {"points": [["7:1"]]}, {"points": [7]}, {"seed": []}, {"count": {}},
    {"averaged": "x"}, {"generator": "hub:" + "a" * 10**6},
])  # fmt: skip
def test_what_a_program_gets_wrong_is_told_in_words(values):
    with pytest.raises(UserError):
        sample_api.sample(**values)


@pytest.mark.parametrize("settings", [{"count": 0}, {"truncation": 3}, {"generator": ""}, {"points": ("1:1",) * 401}])
def test_requests_out_of_bounds_are_refused(settings):
    with pytest.raises(UserError):
        SampleRequest(**settings)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n, e in registry.entries().items() if e.kind == "generator" and not e.repo])
def test_every_bundled_generator_makes_the_pictures_of_its_card(name):
    folder = registry.bundled(name).parent
    assert registry.bundled(name).stat().st_size < 10_000_000
    result = ask(generator=name, count=64, sort=True)
    sheet = Image.open(folder / "samples.png")
    ordered = ask(generator=name, count=64)
    got = np.asarray(pictures.sheet(ordered.images), int)
    assert np.abs(got - np.asarray(sheet.convert("RGB"), int)).max() <= 1
    assert (folder / "README.md").read_text().startswith("---")
    assert len({picture.tobytes() for picture in result.images}) == 64


# ---------------------------------------------------------------- the API and the command line


def test_the_api_makes_the_same_pictures_through_gradio(run):
    """Mounted as the style app mounts it: one `gr.api` in the Blocks."""
    expected = ask(generator="run:my-run", seed=4, count=3, truncation=0.8)
    with gr.Blocks(analytics_enabled=False) as app:
        gr.api(sample_api.sample, api_name="sample")
    app.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False)
    try:
        client = Client(app.local_url, verbose=False)
        answer = client.predict("run:my-run", seed=4, count=3, truncation=0.8, api_name="/sample")
    finally:
        app.close()
    assert answer["recipe"] == json.loads(json.dumps(expected.recipe))
    for data, picture in zip(answer["pictures"], expected.images, strict=True):
        png = base64.b64decode(data)
        assert same(Image.open(io.BytesIO(png)), picture)
        *_, again = sample.sample(SampleRequest.from_recipe(images.read_recipe(png)))
        assert same(again.images[0], picture)


def test_the_command_makes_the_same_pictures(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["sample", "run:my-run", "-o", "out", "--count", "3", "--seed", "4", "--truncation", "0.8"]) == 0
    assert "3 pictures in" in capsys.readouterr().out
    expected = ask(generator="run:my-run", seed=4, count=3, truncation=0.8)
    files = sorted((tmp_path / "out").glob("*.png"))
    assert all(same(Image.open(file), picture) for file, picture in zip(files, expected.images, strict=True))
    assert main(["sample", "--recipe", str(files[1]), "-o", "again.png"]) == 0
    assert (tmp_path / "again.png").read_bytes() == files[1].read_bytes()
    assert main(["sample", "run:my-run", "--points", "1:1", "1:2", "--frames", "12", "-o", "way.webp"]) == 0
    with Image.open("way.webp") as moving:
        assert moving.n_frames == 12
    assert main(["sample", "run:my-run", "--points", "1:1", "1:2", "--frames", "12", "-o", "way.mp4"]) == 0
    with av.open("way.mp4") as film:
        assert film.streams.video[0].frames == 12
    assert main(["sample", "run:my-run", "--sort", "-o", "sheet.png"]) == 0
    assert len(images.read_recipe("sheet.png")["opinions"]) == 36


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "x.png"], "No generator was named"),
        (["run:my-run", "-o", "x.png", "--frames", "5"], "two pictures or more"),
        (["run:my-run", "-o", "x.png", "--count", "0"], "choose a value from 1 to 400"),
        (["hub:a/b", "-o", "x.png"], "could not be reached"),
    ],
)
def test_the_command_refuses_in_one_line(run, arguments, words, capsys):
    assert main(["sample", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error
