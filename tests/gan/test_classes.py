"""Classes: networks that know of them, a training that tells them, and the folders and sets that they come from."""

import zipfile

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image

from core.errors import UserError
from core.gan import networks
from core.gan.data import prepare
from core.gan.data.labels import Labels
from core.gan.measures.moment import Moment, Real
from core.gan.methods import ADVERSARIAL
from core.gan.request import TrainRequest
from core.gan.train import Training
from support.fitting import fitting

TINY = {"size": 16, "width_g": 4, "width_d": 4, "latent": 6, "batch": 8}
NAMES = ("dark", "grey", "light")


@pytest.fixture
def accelerator():
    return Accelerator(cpu=True, mixed_precision="no")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def shares(*numbers: int) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.tensor(numbers), len(NAMES)).float()


# ---------------------------------------------------------------- networks


@pytest.mark.parametrize("method", ADVERSARIAL)
def test_networks_know_classes_and_without_them_are_what_they_were(method):
    request = fitting(method, **TINY, minibatch_stddev=True)
    g, d = (network.eval() for network in networks.build(request, seeded(), NAMES))
    plain_g, plain_d = networks.build(request, seeded())
    assert (g.classes, plain_g.classes) == (NAMES, ())
    assert "classes" not in plain_g.config.keys() | plain_d.config.keys()
    assert set(g.state_dict()) == set(plain_g.state_dict())
    assert {name.partition(".")[0] for name in set(d.state_dict()) - set(plain_d.state_dict())} == {"projection"}

    random = torch.randn(1, 6, generator=seeded(1))
    each = g(torch.cat([random.expand(3, -1), shares(0, 1, 2)], 1))
    assert not torch.allclose(each[0], each[1], atol=1e-4)
    between = g(torch.cat([random, torch.tensor([[0.5, 0.5, 0.0]])], 1))
    assert not torch.allclose(between[0], each[0], atol=1e-5)
    told = d(each[:1].expand(3, -1, -1, -1), shares(0, 1, 2))
    assert len(set(told.tolist())) == 3

    for network, again in ((g, networks.generator(g.config)), (d, networks.discriminator(d.config))):
        again.load_state_dict(network.state_dict())
        assert again.config == network.config


@pytest.mark.parametrize("method", ADVERSARIAL)
def test_the_discriminator_adds_how_well_the_features_fit_the_class(method):
    """Equation 3 of Miyato & Koyama: an inner product, of which a share of two classes has a share of both."""
    _, d = networks.build(fitting(method, **TINY, norm_d="none"), seeded(), NAMES)
    images = torch.rand(4, 3, 16, 16, generator=seeded(1)) * 2 - 1
    d.eval()
    alone = d(images)
    of = [d(images, shares(*[number] * 4)) - alone for number in range(3)]
    mixed = d(images, torch.tensor([[0.25, 0.75, 0.0]]).expand(4, -1)) - alone
    torch.testing.assert_close(mixed, 0.25 * of[0] + 0.75 * of[1], rtol=1e-4, atol=1e-6)
    heads = d.heads if method == "projected" else [d.layers if hasattr(d, "layers") else d.ending]
    projections = d.projection if method == "projected" else [d.projection]
    features = []
    for head in heads:
        head[-3].register_forward_hook(lambda *got: features.append(got[2]))
    d(images)
    fits = []
    for projection, of_head in zip(projections, features, strict=True):
        table = projection.table(shares(2))
        fits.append((of_head.reshape(4, table.shape[1], -1).mean(2) * table).sum(1))
    torch.testing.assert_close(torch.stack(fits).mean(0), of[2], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "wrong", ["ab", ["a"], ["a", 1], ["a", ""], ["a", "b" * 41], ["a", "b\x00"], list("ab") * 51, {"a": "b"}, 3]
)  # fmt: skip
def test_names_of_classes_that_make_no_sense_are_no_configuration(wrong):
    g, d = networks.build(TrainRequest(**TINY), seeded(), NAMES)
    for make, config in ((networks.generator, g.config), (networks.discriminator, d.config)):
        with pytest.raises(ValueError, match="classes is"):
            make({**config, "classes": wrong})
    v, _ = networks.build(fitting("vae", **TINY), seeded())
    with pytest.raises(ValueError, match="classes is"):
        networks.generator({**v.config, "classes": list(NAMES)})


# ---------------------------------------------------------------- training


def brightness(of: np.ndarray) -> np.ndarray:
    """Pictures whose class is how bright they are."""
    noise = np.random.default_rng(0).integers(0, 40, (len(of), 16, 16, 3))
    return (noise + np.array([0, 100, 210])[of][:, None, None, None]).astype(np.uint8)


@pytest.mark.parametrize(
    ("method", "loss"), [*((method, "relativistic") for method in ADVERSARIAL), ("dcgan", "wasserstein")]
)
def test_both_are_told_the_classes_of_the_batch(accelerator, monkeypatch, method, loss):
    """Pictures are generated of the classes that the real ones beside them are of; D is told, for penalties too."""
    of = np.random.default_rng(1).integers(0, 3, 50).astype(np.uint8)
    request = fitting(method, **TINY, loss=loss, r1=1.0)
    training = Training(request, brightness(of), accelerator, labels=Labels(NAMES, of))
    training.step()
    asked = []
    name = "opinions" if method == "projected" else "forward"
    inner = getattr(training.d, name)
    monkeypatch.setattr(training.d, name, lambda seen, of=None: asked.append(of) or inner(seen, of))
    levels = (training.real_batch().mean((1, 2, 3)) + 1) / 2 * 255
    expected = shares(*(int(level // 90) for level in levels))
    assert torch.equal(training.shares(), expected)
    latents = training.latents()
    assert torch.equal(latents[..., 6:].reshape(8, -1, 3), expected[:, None].expand(8, latents[0].numel() // 9, -1))
    assert latents[..., :6].std() > 0.7
    training.steps = 16  # the step of all penalties
    expected = training.shares()
    training.step()
    assert len(asked) >= 4
    assert all(torch.equal(of, expected) for of in asked)


def test_what_is_measured_of_opinions_is_told_the_classes_too(accelerator, monkeypatch):
    of = (np.arange(60) % 3).astype(np.uint8)
    training = Training(TrainRequest(**TINY), brightness(of), accelerator, range(0, 60, 7), Labels(NAMES, of))
    asked, inner = [], training.d.forward
    monkeypatch.setattr(training.d, "forward", lambda seen, of=None: asked.append((seen, of)) or inner(seen, of))
    assert Moment(training, Real(training.images, training.held_out)).opinions is not None
    (made, in_turns), *real = asked
    assert torch.equal(in_turns, shares(*(number % 3 for number in range(len(made)))))
    for seen, told in real:
        assert torch.equal(told, shares(*(int((level + 1) / 2 * 255 // 90) for level in seen.mean((1, 2, 3)))))


@pytest.mark.slow
def test_a_class_is_learned(accelerator):
    """How bright a picture is follows its class, and the way from one to the other leads through what lies between."""
    of = (np.arange(60) % 2).astype(np.uint8)
    request = TrainRequest(**{**TINY, "batch": 16, "latent": 8}, rate_g=0.002, rate_d=0.002, ema=0.9, translate=False)
    training = Training(request, brightness(2 * of), accelerator, labels=Labels(NAMES[::2], of))
    for _ in range(100):
        training.step()
    random = torch.randn(32, 8, generator=seeded())
    with torch.no_grad():
        dark, between, light = (
            training.ema(torch.cat([random, torch.tensor([[1 - share, share]]).expand(32, -1)], 1)).mean().item()
            for share in (0.0, 0.5, 1.0)
        )
    assert dark + 0.3 < light
    assert dark < between < light


# ---------------------------------------------------------------- where they come from


def saved(folder, count: int, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        pixels = np.random.default_rng([seed, number]).integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")


def test_folders_and_zips_are_classes(tmp_path):
    """Of a zip the folders inside, or, where there are none, the zip itself. The same name is the same class."""
    uploads = tmp_path / "uploads"
    saved(uploads / "train" / "cats", 20, 1)
    saved(uploads / "test" / "cats", 5, 2)
    saved(uploads / "dogs", 10, 3)
    saved(tmp_path / "more", 6, 4)
    for name, inner in (("birds.zip", "{}"), ("more.zip", "set/dogs/{}")):
        with zipfile.ZipFile(uploads / name, "w") as archive:
            for path in (tmp_path / "more").iterdir():
                archive.write(path, inner.format(path.name))
        saved(tmp_path / "more", 6, 5)
    saved(uploads, 1, 6)  # of no class
    request = TrainRequest(size=16, by_folder=True)
    *_, report = prepare.prepare({"kind": "folder", "path": "uploads"}, request, tmp_path)
    assert (report.classes, report.usable, report.unusable) == (("birds", "cats", "dogs"), 47, 1)
    assert "0.png lies in no folder of its own" in report.problems[0]
    labels = prepare.load_labels(tmp_path, request)
    assert [int((labels.of == number).sum()) for number in range(3)] == [6, 25, 16]
    first = prepare.load(tmp_path)[labels.of == 1]
    cats = {np.asarray(Image.open(path)).tobytes() for path in uploads.glob("*/cats/*.png")}
    assert {picture.tobytes() for picture in first} == cats
    assert prepare.read_report(tmp_path).classes == ["birds", "cats", "dogs"]
    assert prepare.fits(tmp_path, request)
    (tmp_path / "data" / "labels.u8").write_bytes(b"\1" * 46)
    assert not prepare.fits(tmp_path, request)
    with pytest.raises(UserError, match=r"classes .* are missing or damaged"):
        prepare.load_labels(tmp_path, request)
    assert prepare.load_labels(tmp_path, TrainRequest(size=16)) is None


def test_digits_are_classes_and_one_kind_is_none(tmp_path):
    request = TrainRequest(size=16, by_folder=True)
    *_, report = prepare.prepare({"kind": "drawn", "name": "digits", "count": 40}, request, tmp_path)
    assert report.classes == tuple("0123456789")
    assert prepare.load_labels(tmp_path, request).of.tolist() == [number % 10 for number in range(40)]
    with pytest.raises(UserError, match=r"of 1 kinds .*classes are 2 to 100"):
        list(prepare.prepare({"kind": "drawn", "name": "portraits", "count": 40}, request, tmp_path))
    saved(tmp_path / "uploads" / "cats", 40, 1)
    with pytest.raises(UserError, match=r"of 1 kinds \(cats\); classes are 2 to 100"):
        list(prepare.prepare({"kind": "folder", "path": "uploads"}, request, tmp_path))
    with pytest.raises(UserError, match="Folders are classes is True, but does nothing with the method 'vae'"):
        TrainRequest(method="vae", by_folder=True)
