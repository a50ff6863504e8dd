"""Measures: that what is declared can be taken, and what KID says of sets that are equal, near and far apart."""

import functools
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image

from core.gan import measures
from core.gan.data import drawn, held_out, labels, torchvision_shim
from core.gan.measures import kid_spread
from core.gan.measures import moment as moment_module
from core.gan.measures.by_heart import by_heart
from core.gan.measures.coverage import coverage
from core.gan.measures.density import density
from core.gan.measures.diversity import diversity
from core.gan.measures.duplicates import duplicates
from core.gan.measures.kid import kid
from core.gan.measures.moment import COMPARED, Moment, Real, small
from core.gan.request import TrainRequest
from core.gan.train import Training


def test_kid_is_the_formula():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(7, 5, generator=generator), torch.randn(6, 5, generator=generator) + 1

    def k(x, y):
        return (x.double() @ y.double() / 5 + 1) ** 3

    expected = sum(k(x, y) for i, x in enumerate(a) for j, y in enumerate(a) if i != j) / 42
    expected += sum(k(x, y) for i, x in enumerate(b) for j, y in enumerate(b) if i != j) / 30
    expected -= 2 * sum(k(x, y) for x in a for y in b) / 42
    assert kid(a, b) == pytest.approx(1000 * expected.item(), rel=1e-9)


def test_kid_is_that_of_torchmetrics():
    torchvision_shim.importable_torchvision()  # which torchmetrics imports
    from torchmetrics.image.kid import poly_mmd

    a, b = torch.randn(2, 40, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert kid(a, b + 1) == pytest.approx(1000 * poly_mmd(a, b + 1).item(), rel=1e-12)


def test_kid_of_one_distribution_is_about_nothing():
    a, b = torch.randn(2, 400, 8, generator=torch.Generator().manual_seed(1))
    assert abs(kid(a, b)) < 0.05 * kid(a, b + 1)


@functools.cache
def picture(kind: str, number: int) -> Image.Image:
    return drawn.draw(kind, number, 32)


def training(images: np.ndarray, kind: str, mode: str) -> Training:
    """One that learns from these pictures, and is said to make others, here drawn ones."""
    channels = {"L": "grey", "RGB": "rgb", "RGBA": "rgba"}[mode]
    request = TrainRequest(width_g=4, width_d=4, latent=8, batch=8, colour=channels)
    made = Training(request, images, Accelerator(cpu=True), held_out.places(len(images)))
    samples = [picture(kind, i).convert(mode) for i in range(100, 132)]
    made.sample = lambda count: samples[: min(count, COMPARED)]
    return made


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_portraits_are_nearer_to_portraits_than_landscapes_are(mode):
    pixels = np.stack([np.array(picture("portraits", i).convert(mode)) for i in range(48)])
    pixels = pixels.reshape(48, 32, 32, len(mode) if mode != "L" else 1)
    real = Real(pixels)
    near, far = (
        dict(measures.take(Moment(training(pixels, kind, mode), real))) for kind in ("portraits", "landscapes")
    )
    assert near["kid"] < far["kid"]
    assert near["coverage"] > far["coverage"]
    assert near["density"] > far["density"]
    assert near["by_heart"] < far["by_heart"]


NORMAL = torch.randn(3, 400, 8, generator=torch.Generator().manual_seed(2))
CENTRES = 20.0 * torch.eye(4, 8).repeat_interleave(100, 0)  # four kinds of pictures, far apart
SPREAD = torch.randn(2, 400, 8, generator=torch.Generator().manual_seed(3))


def test_the_spread_of_kid_is_that_of_halves(monkeypatch):
    """Of one distribution, KID is within a few spreads of nothing, and of two it is many away."""
    real, same, other = NORMAL[0], NORMAL[1], NORMAL[1] + 1
    spread = kid_spread.measure(SimpleNamespace(real=SimpleNamespace(features=real), features=same))
    assert abs(kid(real, same)) < 4 * spread < kid(real, other)


def test_density_and_coverage_of_one_distribution_and_of_half_of_it():
    real, fake = CENTRES + SPREAD[0], CENTRES + SPREAD[1]
    assert density(real, fake) == pytest.approx(1, abs=0.1)
    assert coverage(real, fake) == pytest.approx(1 - 0.5**5, abs=0.03)  # 0.97, see the paper's section 3.3
    one_kind = CENTRES[:100].repeat(4, 1) + SPREAD[1]
    assert coverage(real, one_kind) < 0.3
    assert density(real, one_kind) > 0.9
    assert density(real, fake + 9) == coverage(real, fake + 9) == 0


def test_density_and_coverage_count_neighbourhoods_as_the_paper_defines_them():
    real, fake = NORMAL[0][:30].double(), NORMAL[1][:20].double()
    reach = [sorted((x - y).norm() for y in real)[5] for x in real]
    inside = [[(x - y).norm() < r for y in fake] for x, r in zip(real, reach, strict=True)]
    assert density(real, fake) == pytest.approx(sum(map(sum, inside)).item() / (5 * 20))
    assert coverage(real, fake) == pytest.approx(sum(map(any, inside)) / 30)


def test_near_duplicates_are_those_nearer_than_real_ones_ever_are():
    real, fake = NORMAL[0], NORMAL[1].clone()
    assert duplicates(real, fake) < 4
    fake[:100] = fake[100:200] + 0.001
    assert duplicates(real, fake) == pytest.approx(50, abs=3)
    assert duplicates(real, fake[:1].expand(400, 8)) == 100


@pytest.mark.parametrize("unseen", [NORMAL[2], None])
def test_what_was_learned_by_heart_is_nearer_than_what_was_never_seen(unseen):
    learned, new = NORMAL[0], NORMAL[1]
    assert by_heart(new, learned, unseen) == pytest.approx(1, abs=0.1)
    assert by_heart(learned + 0.05 * new, learned, unseen) < 0.3
    assert by_heart(new + 5, learned, unseen) > 2


def test_learned_pictures_are_looked_at_a_few_at_a_time(monkeypatch):
    monkeypatch.setattr(moment_module, "COMPARED", 10)
    monkeypatch.setattr(moment_module, "features", lambda pictures: torch.ones(len(pictures), 512))
    real = Real(np.zeros((36, 8, 8, 3), np.uint8), [5, 6])
    assert [real.searched() is None for _ in range(4)] == [True, True, False, False]
    assert len(real.searched()) == 34
    assert set(real.learned) & {5, 6} == set()


def test_as_many_pictures_are_compared_as_there_is_time_for():
    pixels = np.zeros((300, 16, 16, 3), np.uint8)
    for seconds, compared in ((1e6, 256), (0.0, 64)):
        real = Real(pixels)
        assert real.plan(seconds) > 0
        assert len(real.pictures) == real.compared == compared
    assert Real(pixels[:3]).plan(0.0) > 0


def test_diversity_is_that_of_other_real_pictures_and_nothing_of_one():
    real, other = (small([drawn.draw("portraits", i, 32) for i in range(a, a + 32)]) for a in (0, 32))
    assert diversity(real, other) == pytest.approx(1, abs=0.15)
    assert diversity(real, other[:1].expand(32, -1)) == 0
    assert 0.3 < diversity(real, other[:2].repeat(16, 1)) < 0.9
    assert by_heart(other, real, None) == pytest.approx(1, abs=0.2)
    assert by_heart(real, real, other) == 0


@pytest.mark.parametrize(("loss", "shift", "of_held_out"), [("original", 0.0, -1), ("relativistic", 7.0, 1)])
def test_the_signs_tell_what_d_knows_by_heart_and_compare_where_it_only_compares(loss, shift, of_held_out):
    """A discriminator that knows the pictures it learned from, each of one grey; held-out ones are between those and
    generated ones for it."""
    pixels = np.repeat(np.arange(200, dtype=np.uint8), 32 * 32 * 3).reshape(200, 32, 32, 3)
    request = TrainRequest(width_g=4, width_d=4, latent=8, batch=8, loss=loss)
    made = Training(request, pixels, Accelerator(cpu=True), held_out.places(200))
    learned = torch.from_numpy(made.learned).float()

    def knows(images):
        grey, plain = ((images[:, 0, 0, 0] + 1) * 127.5).round(), images.flatten(1).std(1) < 1e-6
        return shift + torch.where(plain, torch.where(torch.isin(grey, learned), 1.0, -0.5), -1.0)

    made.d.forward = knows
    found = dict(measures.take(Moment(made, Real(pixels, made.held_out)), quick=True))
    assert found["sign_real"] == 1
    assert found["sign_held_out"] == of_held_out


@pytest.mark.slow
@pytest.mark.parametrize("of", [None, labels.numbered(["cat", "dog"] * 110)], ids=["", "classes"])
def test_gradients_are_those_of_the_last_step_and_looking_changes_nothing(of, monkeypatch):
    for name, fewer in (("COMPARED", 32), ("FEW", 16), ("SEARCHED", 48)):  # what is found is not the point
        monkeypatch.setattr(moment_module, name, fewer)
    pixels = np.random.default_rng(0).integers(0, 256, (220, 32, 32, 3), np.uint8)
    request = TrainRequest(width_g=4, width_d=4, latent=8, batch=8, norm_d="batch")
    seen, unseen = (Training(request, pixels, Accelerator(cpu=True), held_out.places(220), of) for _ in range(2))
    real = Real(pixels, seen.held_out)
    assert not {"gradient_d", "gradient_g"} & dict(measures.take(Moment(seen, real), quick=True)).keys()
    for _ in range(3):
        seen.step()
        unseen.step()
        found = dict(measures.take(Moment(seen, real)))
        assert set(found) == set(measures.MEASURES)
        squares = [p.grad.square().sum().item() for p in seen.g.parameters()]
        assert found["gradient_g"] == pytest.approx(sum(squares) ** 0.5, rel=1e-5)
    equal = zip(seen.state()["d"].items(), unseen.state()["d"].values(), strict=True)
    assert not [name for (name, a), b in equal if not torch.equal(a, b)]
    assert all(map(torch.equal, seen.g.state_dict().values(), unseen.g.state_dict().values()))


def test_with_few_pictures_it_is_said_what_cannot_be_measured():
    assert measures.too_few(1000) == ""
    assert measures.too_few(60) == "Not measured with 60 pictures: D's sign on held-out pictures; 190 are enough."
    pixels = np.random.default_rng(0).integers(0, 256, (10, 32, 32, 3), np.uint8)
    found = dict(measures.take(Moment(training(pixels, "portraits", "RGB"), Real(pixels))))
    assert {"kid", "by_heart", "diversity"} <= found.keys()
    assert not {"density", "coverage", "sign_held_out"} & found.keys()


def test_every_measure_is_declared_once_and_has_its_file():
    beside = {path.stem for path in Path(measures.__file__).parent.glob("*.py")}
    assert set(measures.MEASURES) == beside - {"__init__", "moment"}
    assert measures.DECISIVE in measures.MEASURES
    for measure in measures.MEASURES.values():
        assert measure.label
        assert re.fullmatch(r"[A-Z].*\.", measure.meaning)


def test_the_best_step_depends_on_which_value_is_best():
    values = {10: 3.0, 20: 1.0, 30: 1.0, 40: 5.0}
    assert measures.Measure("a", "lowest", "").ranked(values) == [20, 30, 10, 40]
    assert measures.Measure("a", "highest", "").ranked(values) == [40, 10, 20, 30]
    assert measures.Measure("a", "highest", "").best_of([10, 20], values) == 10
    assert measures.Measure("a", "highest", "").best_of([19, 39, 49], values) == 39, "taken nearest to it"
    assert measures.Measure("a", "highest", "").best_of([], values) is None
    assert measures.Measure("a", "highest", "").best_of([10], {}) is None
    assert measures.Measure("a", "highest", "", " %").shown(12.3456) == "12.3 %"
    assert measures.Measure("a", "lowest", "").shown(32345.6) == "32,346"
