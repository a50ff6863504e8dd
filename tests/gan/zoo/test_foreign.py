"""Readings of foreign files and the evidence for one: small generators of the kinds that people write, whose batch
norms remember what arrived at them; each has to be read as it was written, and wrong readings have to fit worse."""

import itertools
import re
import tempfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from core import files
from core.__main__ import main
from core.errors import UserError
from core.gan import points, sample
from core.gan.pictures import to_pictures
from core.gan.request import SampleRequest
from core.gan.zoo import catalogue, chain, class_names, evidence, foreign, load
from core.gan.zoo.recognise import Found
from core.pictures import images
from core.visitors import identity, policy
from support.foreign_networks import Enlarged, Labelled, OnMaps, Tutorial, connected, lively, saved, up


def leaky():
    return nn.LeakyReLU(0.2)


def normal(size):
    return lambda count, rng: (torch.randn(count, size, generator=rng),)


def uniform(size):
    return lambda count, rng: (torch.rand(count, size, generator=rng) * 2 - 1,)


def labelled(size, classes=10):
    return lambda count, rng: (
        torch.randn(count, size, generator=rng), torch.randint(classes, (count,), generator=rng)
    )  # fmt: skip


class OwnFirstMap(nn.Module):
    """ReLU behind the first map, leaky ReLU behind all others."""

    def __init__(self):
        super().__init__()
        self.first, self.up1, self.norm1 = nn.Linear(8, 8 * 16), up(8, 8, 4, 2, 1), nn.BatchNorm2d(8)
        self.up2, self.norm2, self.up3 = up(8, 6, 4, 2, 1), nn.BatchNorm2d(6), up(6, 3, 4, 2, 1)

    def forward(self, z):
        z = self.norm1(self.up1(self.first(z).relu().view(-1, 8, 4, 4)))
        return self.up3(F.leaky_relu(self.norm2(self.up2(F.leaky_relu(z, 0.2))), 0.2)).tanh()


class NormThenEnlarged(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(8, 8 * 16)
        self.maps = nn.Sequential(
            nn.Upsample(scale_factor=2), nn.Conv2d(8, 6, 3, 1, 1), nn.ReLU(), nn.BatchNorm2d(6),
            nn.Upsample(scale_factor=2), nn.Conv2d(6, 3, 3, 1, 1), nn.Tanh(),
        )  # fmt: skip

    def forward(self, z):
        return self.maps(self.first(z).relu().view(-1, 8, 4, 4))


class Slopes(nn.Module):
    """PReLU, and a norm after the last layer."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(8, 24), nn.BatchNorm1d(24), nn.PReLU(), nn.Linear(24, 32), nn.PReLU(32),
            nn.Linear(32, 256), nn.BatchNorm1d(256), nn.Tanh(),
        )  # fmt: skip

    def forward(self, z):
        return self.net(z)


# name -> (network, what it takes, tags of the true reading)
KINDS = {
    "mlp, ReLU": (lambda: connected(8, nn.ReLU), normal(8), "relu"),
    "mlp, leaky, epsilon 0.8, first layer bare": (
        lambda: connected(8, leaky, 0.8, normed_first=False), normal(8), "leaky eps-0.8"),
    "mlp, GELU": (lambda: connected(8, nn.GELU), normal(8), "gelu"),
    "mlp, norm behind the activation": (lambda: connected(8, nn.ReLU, norm_last=True), normal(8), "norm-last relu"),
    "mlp, uniform latents": (lambda: connected(8, nn.ReLU), uniform(8), "uniform relu"),
    "mlp, PReLU, norm at the end": (Slopes, normal(8), "normal"),
    "28 px of 7x7": (lambda: OnMaps(8, (7, 1, 0), (4, 2, 1), (4, 2, 1)), normal(8), "px-28-1001-2101-2101"),
    "31 px of 3x3": (lambda: OnMaps(8, *[(3, 2, 0)] * 4), normal(8), "px-31-2001-2001-2001-2001"),
    "24 px of 3x3, leaky": (
        lambda: OnMaps(8, (3, 1, 0), *[(3, 2, 1, 1)] * 3, activation=leaky, channels=3), normal(8),
        "leaky px-24-1001-2111-2111-2111"),
    "28 px of 4x4 and 3x3": (
        lambda: OnMaps(8, (4, 1, 0), (3, 2, 1), (4, 2, 1), (4, 2, 1)), normal(8), "px-28-1001-2101-2101-2101"),
    "enlarged": (Enlarged, normal(8), "eps-0.8-later leaky nearest bare"),
    "enlarged smoothly": (lambda: Enlarged(mode="bilinear"), normal(8), "eps-0.8-later leaky bilinear"),
    "enlarged, corners kept": (lambda: Enlarged(mode="bilinear", corners=True), normal(8), "corners zeros"),
    "another activation behind the first map": (OwnFirstMap, normal(8), "leaky map-relu"),
    "enlarged behind a norm that stands last": (NormThenEnlarged, normal(8), "norm-last px-16-1102-1102"),
    "padded with the edge": (lambda: Enlarged(padded="replicate"), normal(8), "nearest replicate"),
    "padded with a mirror": (lambda: Enlarged(mode="bilinear", padded="reflect"), normal(8), "bilinear reflect"),
    "classes multiplied": (lambda: Enlarged(classes=10), labelled(8), "classes-10-times"),
    "classes one-hot": (lambda: Labelled(connected(26, nn.ReLU), "one-hot"), labelled(16), "classes-10-behind"),
    "classes by a table, in front": (
        lambda: Labelled(connected(26, leaky), "table", front=True), labelled(16), "classes-10-front leaky"),
    "classes by a linear layer": (
        lambda: Labelled(connected(22, nn.ReLU), "linear", numbers=6), labelled(16), "classes-10-behind"),
    "classes on maps": (
        lambda: Labelled(OnMaps(26, (7, 1, 0), (4, 2, 1), (4, 2, 1)), "table"), labelled(16), "classes-10-behind"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_read_as_it_was_written(kind):
    build, latents, tags = KINDS[kind]
    net = lively(build(), latents)
    settled = evidence.settle(Found(chain.read(net.state_dict())))
    taken = " ".join(option.tag for option in settled.answers.values())
    assert all(tag in taken for tag in tags.split()), taken
    z, *labels = latents(5, torch.Generator().manual_seed(1))
    given = torch.cat([z, F.one_hot(labels[0], 10).float()], 1) if labels else z
    made = settled.network(given)
    torch.testing.assert_close(made.flatten(), net(z, *labels).flatten(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(settled.network.sampling_form()(given), made, rtol=1e-3, atol=1e-4)
    assert settled.fit < 0.2


def test_wrong_readings_fit_worse():
    net = lively(connected(8, nn.ReLU))
    found = Found(chain.read(net.state_dict()))
    trial = evidence.Trial(found, found.likeliest)
    true = {**found.likeliest, "activation": next(o for q in found.questions for o in q.options if o.tag == "relu")}
    fit = trial.fit(true)
    for name in ("latents", "eps", "activation"):
        for option in next(question.options for question in found.questions if question.name == name):
            if option != true[name] and option.tag != "leaky-0.01":  # which nobody can tell from ReLU
                assert trial.fit({**true, name: option}) > 1.15 * fit + 0.01, option.tag


def test_what_no_reading_explains_is_refused():
    """A connection past a layer, of which no tensor tells."""

    class Past(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.n = nn.Linear(16, 16), nn.BatchNorm1d(16)
            self.b, self.m, self.c = nn.Linear(16, 16), nn.BatchNorm1d(16), nn.Linear(16, 64)

        def forward(self, z):
            x = self.n(self.a(z)).relu() + 3 * z
            return self.c(self.m(self.b(x)).relu()).tanh()

    with pytest.raises(UserError, match="No way to read it fits what its batch norms remember"):
        foreign.read({"": lively(Past()).state_dict()}, None, "x.pth")


def test_without_norms_the_ways_to_read_it_are_listed_and_one_can_be_chosen():
    net = lively(nn.Sequential(nn.Linear(16, 32), leaky(), nn.Linear(32, 64), nn.Sigmoid()))
    read = foreign.read({"": net.state_dict()}, None, "x.pth")
    assert [list(question) for question in read.open] == [
        ["relu", "leaky", "leaky-0.1", "hidden-tanh", "elu", "gelu", "hidden-sigmoid"]
    ]
    assert "Not sure: ReLU; it may be leaky ReLU 0.2 (leaky), or leaky ReLU 0.1 (leaky-0.1), or " in read.said
    chosen = foreign.read({"": net.state_dict()}, None, "x.pth", "leaky,sigmoid")
    assert not chosen.open
    z = torch.randn(3, 16)
    torch.testing.assert_close(chosen.network(z).flatten(1), net(z) * 2 - 1)
    with pytest.raises(UserError, match="cannot be read as 'lekay'; it may be normal, uniform"):
        foreign.read({"": net.state_dict()}, None, "x.pth", "lekay")


@pytest.mark.parametrize(
    ("loud", "classes", "first"),
    [(slice(0, 10), 10, "front"), (slice(100, 110), 10, "behind"), (slice(59, 110), 51, "behind")],
)
def test_what_the_first_layer_listens_to_most_proves_the_classes(loud, classes, first):
    """Of 110 numbers 10, or as few or many as are louder: how many classes there are is nobody's habit."""
    net = lively(nn.Sequential(nn.Linear(110, 32), nn.ReLU(), nn.Linear(32, 64), nn.Tanh()))
    net[0].weight[:, loud] *= 3
    read = foreign.read({"": net.state_dict()}, None, "x.pth")
    assert (read.network.labels.classes, read.network.labels.join) == (classes, first)
    assert not any(tag.startswith("classes") for question in read.open for tag in question)


def test_where_the_first_layer_listens_to_all_alike_classes_are_in_question():
    net = lively(nn.Sequential(nn.Linear(110, 32), nn.ReLU(), nn.Linear(32, 64), nn.Tanh()))
    read = foreign.read({"": net.state_dict()}, None, "x.pth")
    assert list(read.open[0]) == ["classes-10-behind", "classes-10-front"]
    assert foreign.read({"": nn.Sequential(nn.Linear(100, 32), nn.ReLU(), nn.Linear(32, 64)).state_dict()}, None, "x"
                        ).network.labels is None  # fmt: skip


# ---------------------------------------------------------------- classes, the command line


def test_a_point_may_name_its_class():
    net = lively(Labelled(connected(26, nn.ReLU), "one-hot"), labelled(16))
    network = foreign.read({"": net.state_dict()}, None, "x.pth").network
    takes = network.latents_of(["1:2", "1:2#7", "(1:2#7)~1/0.4", "1:2#7>1:2#3@0.25", "1:2#7-1:3#7+1:4#3"], 1.0)
    torch.testing.assert_close(takes[0, :16], takes[1, :16])
    one_hot = F.one_hot(torch.tensor([2, 7, 7, 3]), 10).float()
    torch.testing.assert_close(takes[:3, 16:], one_hot[:3])
    torch.testing.assert_close(takes[3, 16:], 0.75 * one_hot[2] + 0.25 * one_hot[3])
    torch.testing.assert_close(takes[4, 16:], one_hot[3])
    with pytest.raises(UserError, match="of class 10, and this generator has the classes 0 to 9"):
        network.latents_of(["1:2#10"], 1.0)
    with pytest.raises(UserError, match="this generator has no classes"):
        points.latents(["1:2#1"], 16)


def test_the_command_line_samples_a_file_read_as_one_says_and_one_class(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    net = lively(Labelled(nn.Sequential(nn.Linear(26, 32), leaky(), nn.Linear(32, 256), nn.Tanh()), "table"))
    torch.save(net.state_dict(), "netG.pth")
    out = ["./netG.pth", "-o", "out.png", "--count", "2"]
    assert main(["sample", *out]) == 2
    told = capsys.readouterr().err
    assert "can be read in several ways" in told
    assert all(f"--as {tag} " in told for tag in ("relu", "leaky", "classes-10-behind", "classes-10-front")), told
    assert main(["sample", *out, "--as", "leaky,classes-10-behind", "--class", "3"]) == 0
    recipe = images.read_recipe("out.png")
    assert (recipe["points"], recipe["label"]) == (["0:0#3", "0:1#3"], "3")
    z = torch.from_numpy(points.latents(recipe["points"], 16, 10))
    made = to_pictures(net(z, torch.tensor([3, 3])).view(2, 1, 16, 16))
    assert main(["sample", "--recipe", "out.png", "-o", "again/"]) == 0  # the recipe says how it was read
    again = [images.open_picture(path).convert("L") for path in sorted((tmp_path / "again").iterdir())]
    assert [picture.tobytes() for picture in again] == [picture.tobytes() for picture in made]
    assert main(["sample", "portraits", "-o", "other.png", "--as", "relu"]) == 2
    assert "one way to read it" in capsys.readouterr().err
    ref = recipe["generator"]
    class_names.call(ref, range(10), [f"kind {i}" for i in range(10)])
    *_, named = sample.sample(SampleRequest(ref, count=2, label="KIND 3"))
    assert [picture.tobytes() for picture in named.images] == [picture.tobytes() for picture in again]
    class_names.call(ref, range(10), [])  # what was made of a name that is gone can be made again
    *_, after = sample.sample(SampleRequest.from_recipe(named.recipe))
    assert after.images[0].tobytes() == again[0].tobytes()
    for label, reason in {"kind 3": "choose one of 0, 1, 2", "10": "or 0 to 9", "-1": "or 0 to 9"}.items():
        with pytest.raises(UserError, match=reason):
            [*sample.sample(SampleRequest(ref, label=label))]
    with pytest.raises(UserError, match="has no classes"):
        [*sample.sample(SampleRequest("portraits", label="3"))]


@pytest.mark.parametrize(
    ("names", "reason"),
    [(["cat"], "1 names for 2 classes"), (["cat", "Cat"], "Two classes are called"), (["cat", "x" * 41], "41|40 signs"),
     (["cat", "a\u202eb"], "cannot be a class's name")],
)  # fmt: skip
def test_names_of_classes_that_cannot_be_are_refused_and_the_old_ones_stay(names, reason):
    class_names.call("run:a@3", "01", ["night", "day"])
    with pytest.raises(UserError, match=reason):
        class_names.call("run:a", "01", names)
    assert class_names.called("run:a@7", "01") == ("night", "day")
    assert class_names.called("run:b", "01") == ("0", "1")
    assert class_names.called("run:a", "012") == ("0", "1", "2")  # another network by now


def test_a_file_that_is_handed_over_in_public_is_its_visitors_own(monkeypatch):
    """Within the limits of what comes from the Hub; how one reads it is nobody else's business."""
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    data = saved(lively(nn.Sequential(nn.Linear(26, 32), leaky(), nn.Linear(32, 256), nn.Tanh())).state_dict())
    with identity.asking("anna"):
        ref = load.take_in(data, "netG.pth")
        assert [choice.ref for choice in catalogue.fetched()] == [ref]
        chosen = catalogue.choose(ref, "classes-10-behind,leaky")
        assert [choice.ref for choice in catalogue.fetched()] == [chosen] == [f"{ref}:classes-10-behind,leaky"]
        with pytest.raises(UserError, match="cannot be read as 'gelu'"):
            load.open_generator(f"{ref}:gelu")
        monkeypatch.setitem(vars(policy.PUBLIC), "download_bytes", len(data) - 1)
        with pytest.raises(UserError, match=r"other\.pth has .* Ganvas reads at most"):
            load.take_in(data, "other.pth")
        with pytest.raises(UserError, match="no file of weights that Ganvas reads"):
            load.take_in(data, "netG.exe")
        with pytest.raises(UserError, match="names no file that was handed over"):
            load.open_generator("upload:../../etc")
        monkeypatch.setitem(vars(policy.PUBLIC), "download_bytes", len(data))
        assert load.take_in(data, "netG.pth") == ref
        noted = identity.place(files.home()) / "fetched.txt"
        assert noted.read_text().split() == [ref], "once, however often it is handed over"
        assert load.open_generator(chosen).title == "netG.pth"
    with identity.asking("bert"):
        assert catalogue.fetched() == []
        for known in (ref, chosen):  # from a recipe
            with pytest.raises(UserError, match="not kept here"):
                load.open_generator(known)


@pytest.mark.parametrize(
    "kind", ["mlp, norm behind the activation", "classes multiplied", "mlp, PReLU, norm at the end"]
)
def test_what_is_kept_can_be_read_in_another_way(kind):
    """The same tensors in the places that another reading has for them."""
    build, latents, _ = KINDS[kind]
    found = Found(chain.read(lively(build(), latents).state_dict()))
    first = found.likeliest
    question = next(
        q for q in found.questions if q.name == {"mlp, norm behind the activation": "norm"}.get(kind, "end")
    )
    other = found.network({**first, question.name: question.options[-1]})
    again = foreign.read_as(found.network(first), other.config)
    z = other.latents(3, torch.Generator().manual_seed(0))
    torch.testing.assert_close(again(z), other(z), rtol=0, atol=0)


# ---------------------------------------------------------------- among other things


def judge():
    return nn.Sequential(
        nn.Conv2d(1, 8, 4, 2, 1), leaky(), nn.Conv2d(8, 16, 4, 2, 1), nn.BatchNorm2d(16), leaky(), nn.Conv2d(16, 1, 4)
    )


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (judge, "discriminator"),
        (lambda: nn.Sequential(nn.Linear(784, 64), leaky(), nn.Linear(64, 1)), "discriminator"),
        (lambda: nn.Sequential(nn.Conv2d(3, 8, 4, 2, 1), nn.Flatten(), nn.Linear(8 * 16, 1)), "discriminator"),
        (lambda: nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 784)), "pictures to pictures"),
        (lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 3, 3)), "pictures to pictures"),
        (lambda: nn.Sequential(nn.Conv2d(3, 8, 4, 2, 1), nn.ReLU(), up(8, 16, 4, 2, 1), up(16, 3, 4, 2, 1)),
         "pictures to pictures"),
    ],
)  # fmt: skip
def test_what_takes_pictures_is_called_what_it_is(net, words):
    with pytest.raises(UserError, match=words):
        foreign.read({"": net().state_dict()}, None, "x.pth")


def test_a_whole_gan_in_one_file_gives_its_generator():
    net = lively(connected(8, nn.ReLU))
    both = {f"module.generator.{k}": v for k, v in net.state_dict().items()}
    both |= {f"module.discriminator.{k}": v for k, v in judge().state_dict().items()}
    held = {"": {"loss": torch.tensor(0.3)}, "state_dict": both}
    z = torch.randn(2, 8)
    found = foreign.read(held, None, "x.ckpt").network
    torch.testing.assert_close(found(z).flatten(1), net(z), rtol=0, atol=0)


def test_a_variational_autoencoder_gives_its_decoder_with_the_classes_that_both_parts_share():
    net = lively(Labelled(nn.Sequential(nn.Linear(26, 32), nn.ReLU(), nn.Linear(32, 256), nn.Sigmoid()), "table"))
    decoder = {f"decoder.{k.removeprefix('model.')}": v for k, v in net.state_dict().items() if "label" not in k}
    encoder = nn.Sequential(nn.Linear(266, 32), nn.ReLU()).state_dict()
    whole = {"label_emb.weight": net.label_emb.weight, **{f"encoder.{k}": v for k, v in encoder.items()}}
    whole |= {"mu_layer.weight": torch.randn(16, 32), "logvar_layer.weight": torch.randn(16, 32), **decoder}
    found = foreign.read({"": whole}, None, "cvae.pth", "relu,classes-10-behind,sigmoid").network
    z, labels = torch.randn(3, 16), torch.tensor([1, 4, 7])
    made = found(torch.cat([z, F.one_hot(labels, 10).float()], 1))
    torch.testing.assert_close(made.flatten(1), net(z, labels) * 2 - 1)


def test_numpys_numbers_in_a_checkpoint_are_passed_over():
    """As losses are kept: a number, an array, and in a list."""
    net = lively(connected(8, nn.ReLU))
    losses = {"loss": np.float64(0.3), "losses": [np.float32(1), np.arange(3.0)], "epoch": 7}
    data = saved({"model_state_dict": net.state_dict(), **losses})
    with tempfile.NamedTemporaryFile(suffix=".pth") as file:
        file.write(data)
        file.flush()
        found, _ = foreign.opened(Path(file.name), "x.pth")
    assert {name: len(held) for name, held in found.items()} == {"model_state_dict": len(net.state_dict())}


ANY_SLOPE = ["leaky", "relu", "leaky-0.01", "leaky-0.1", "hidden-tanh", "elu", "gelu", "hidden-sigmoid"]


@pytest.mark.parametrize(
    ("silent", "below", "loud", "asked"),
    [
        (3, -1, 0.3, None),
        (3, -300, 0.3, ["relu", "leaky-0.01"]),
        (3, -1, 3.0, ANY_SLOPE),
        (0, 0, 1.0, ANY_SLOPE),
    ],
    ids=["taught nobody", "spoke where a little comes through", "are listened to", "are none"],
)
def test_units_that_never_speak_tell_of_the_activation(silent, below, loud, asked):
    net = lively(nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 256)))
    net[0].weight[:silent] *= 0.01
    net[0].bias[:silent] = below
    net[2].weight[:, :silent] *= loud
    read = foreign.read({"": net.state_dict()}, None, "x.pth")
    assert next((list(question) for question in read.open), None) == asked
    assert ("never speak prove: ReLU" in read.said) == (asked is None)


@pytest.mark.parametrize(("shift", "end"), [(1.5, "tanh-unit"), (-1.5, "tanh"), (-1.0, "linear"), (-9.0, "sigmoid")])
def test_the_range_of_what_is_made_tells_of_its_end(shift, end):
    """Nothing dark: pictures of 0 to 1. At -1 without tanh: there is none. Farther out than tanh learns: a sigmoid."""
    net = lively(nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 64), nn.Identity()))
    net[2].weight *= 0.03
    net[2].bias.fill_(shift)
    settled = evidence.settle(Found(chain.read(net.state_dict())))
    assert settled.answers["end"].tag == end
    z = torch.randn(3, 16)
    tanh, sigmoid = net(z).tanh(), net(z).sigmoid() * 2 - 1
    made = {"tanh-unit": tanh * 2 - 1, "tanh": tanh, "linear": net(z), "sigmoid": sigmoid}[end]
    torch.testing.assert_close(settled.network(z).flatten(1), made)


@pytest.mark.parametrize(("background", "asked"), [(1.5, ["tanh-unit", "tanh", "sigmoid"]), (0.05, None)])
def test_light_pictures_are_asked_about_unless_their_background_is_black(background, asked):
    net = lively(nn.Sequential(nn.Linear(16, 32), nn.PReLU(), nn.Linear(32, 64)))
    net[2].weight *= 0.03
    net[2].bias.fill_(1.5)
    net[2].bias[:40] = background
    read = foreign.read({"": net.state_dict()}, None, "x.pth")
    assert read.network.plan[-1].after == "tanh-unit"
    assert next((list(question) for question in read.open), None) == asked


@pytest.mark.parametrize(
    ("channels", "name", "loud", "asked"),
    [
        (3, "G.pth", 1.5, ["tanh", "sigmoid"]),
        (3, "G.pth", 0.4, None),
        (3, "vae.pth", 0.4, ["sigmoid", "tanh", "unit", "linear"]),
        (3, "vae.pth", 1.5, None),
        (4, "G.pth", 1.5, None),
        (1, "G.pth", 4.0, ["tanh", "sigmoid"]),
        (1, "G.pth", 1.0, None),
        (1, "vae.pth", 1.0, ["sigmoid", "tanh", "unit", "linear"]),
        (1, "vae.pth", 4.0, None),
    ],
)
def test_the_end_is_asked_about_where_the_contrast_of_pictures_does_not_tell_it(channels, name, loud, asked):
    """Bolder than pictures are with tanh: a sigmoid may make them paler; not bolder: a decoder may have tanh. Drawn
    ones with transparency are bold anyway."""
    net = lively(OnMaps(8, (4, 1, 0), (4, 2, 1), (4, 2, 1), channels=channels), normal(8))
    raw = net.main[:-1]
    z = torch.randn(64, 8, generator=torch.Generator().manual_seed(1))
    raw[-1].weight *= loud / raw(z[:, :, None, None]).std()
    read = foreign.read({"": net.state_dict()}, None, name)
    assert next((list(question) for question in read.open if "sigmoid" in question), None) == asked
    assert bool(re.search("so assumed: [^.]*; (tanh|sigmoid)[.]", read.said)) == (asked is None)
    if asked:
        assert [reading.tags.split(",")[-1] for reading in read.readings[:2]] == asked[:2]
        chosen = foreign.read({"": net.state_dict()}, None, name, "sigmoid")
        assert not any("tanh" in question for question in chosen.open)
        torch.testing.assert_close(chosen.network(z), raw(z[:, :, None, None]).sigmoid() * 2 - 1)


def test_what_is_untrained_is_called_so_and_not_misunderstood():
    net = Tutorial()
    for value in net.parameters():
        nn.init.normal_(value, 1.0 if value.ndim == 1 else 0.0, 1e-4)
    with pytest.raises(UserError, match=r"is understood .* but makes no pictures, .* it has not been trained"):
        foreign.read({"": net.state_dict()}, None, "x.pth")


def test_where_a_sequence_has_no_room_for_an_activation_there_is_none():
    """Two linear layers in a row; in a list, which has no room anywhere, activations are called outside."""
    net = lively(
        nn.Sequential(nn.Linear(8, 24), nn.Linear(24, 32), nn.BatchNorm1d(32), leaky(), nn.Linear(32, 256), nn.Tanh())
    )
    z = torch.randn(3, 8)
    made = foreign.read({"": net.state_dict()}, None, "x.pth").network(z)
    torch.testing.assert_close(made.flatten(1), net(z), rtol=1e-4, atol=1e-5)
    listed = nn.ModuleList([nn.Linear(8, 24), nn.Linear(24, 32), nn.Linear(32, 256)])
    plan = foreign.read({"": lively(listed).state_dict()}, None, "x.pth").network.plan
    assert all(layer.after for layer in plan)


class Bilinear(nn.Module):
    """Layers and norms in lists, and all that lies between them in `forward`: maps enlarged before two of three."""

    def __init__(self):
        super().__init__()
        self.first, self.norms = nn.Linear(8, 6 * 49), nn.ModuleList([nn.BatchNorm2d(6), nn.BatchNorm2d(8)])
        self.layers = nn.ModuleList([nn.Conv2d(6, 8, 3, 1, 1), nn.Conv2d(8, 6, 3, 1, 1), nn.Conv2d(6, 1, 3, 1, 1)])

    def forward(self, z):
        x = self.norms[0](self.first(z).view(-1, 6, 7, 7)).relu()
        x = self.layers[0](F.interpolate(x, scale_factor=2, mode="bilinear"))
        x = self.layers[1](F.interpolate(self.norms[1](x).relu(), scale_factor=2, mode="bilinear")).relu()
        return self.layers[2](x).tanh()


@pytest.mark.slow
def test_numbers_in_a_list_tell_nothing_of_what_lies_between():
    net = lively(Bilinear())
    found = evidence.settle(Found(chain.read(net.state_dict())))
    assert found.answers["strides"].tag == "px-28-1102-1102-1101"
    z = torch.randn(3, 8)
    torch.testing.assert_close(found.network(z), net(z), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_up_convolutions_without_any_padding_are_among_the_first_to_be_tried():
    net = lively(OnMaps(8, (3, 1, 0), (3, 2, 0), (3, 2, 0), (4, 2, 0)))
    assert evidence.settle(Found(chain.read(net.state_dict()))).answers["strides"].tag == "px-32-1001-2001-2001-2001"
    wide = nn.Sequential(nn.ConvTranspose2d(8, 6, 10), nn.ReLU(), up(6, 4, 10, 1, 0), nn.ReLU(), up(4, 1, 10, 1, 0))
    assert foreign.read({"": lively(wide).state_dict()}, None, "x.pth").network.config["size"] == 28


class Unlike(nn.Module):
    """A linear layer that lays out a map of so many channels and such a side, and up-convolutions of unlike (kernel,
    stride, padding); `fitted`: brought to 28 px at the end by what no tensor tells of."""

    def __init__(self, channels, side, *shapes, fitted=False):
        super().__init__()
        self.fitted = fitted
        layers = [nn.Linear(8, channels * side**2), leaky(), nn.Unflatten(1, (channels, side, side))]
        widths = [channels, 6, 5, 4, 3][: len(shapes)]
        for before, after, shape in zip(widths, [*widths[1:], 1], shapes, strict=True):
            layers += [nn.ConvTranspose2d(before, after, *shape), nn.BatchNorm2d(after), leaky()]
        self.net = nn.ModuleDict({str(i): layer for i, layer in enumerate([*layers[:-2], nn.Tanh()])})

    def forward(self, z):
        for layer in self.net.values():
            z = layer(z)
        return F.interpolate(z, (28, 28)) if self.fitted else z


@pytest.mark.slow
def test_pictures_of_a_size_that_few_use_may_be_fitted_and_are_asked_about():
    """29 px, of strides that few use: found layer by layer, and offered at 28 px as well as they are."""
    net = lively(Unlike(8, 4, (3, 2, 1), (3, 2, 1), (3, 1, 0), (3, 2, 1), fitted=True), normal(8))
    read = foreign.read({"": net.state_dict()}, None, "x.pth")
    tags = [way.tags for way in read.readings]
    assert tags[:2] == ["px-28-2101-2101-1001-2101-shrunk", "px-29-2101-2101-1001-2101"], tags
    assert "28 px, 29 px fitted by leaving out pixels" in read.said
    z = torch.randn(3, 8)
    torch.testing.assert_close(read.network(z), net(z), rtol=1e-4, atol=1e-5)
    net.fitted = False
    chosen = foreign.read({"": net.state_dict()}, None, "x.pth", tags[1])
    assert not chosen.open
    torch.testing.assert_close(chosen.network(z), net(z), rtol=1e-4, atol=1e-5)
    cut = foreign.read({"": net.state_dict()}, 28, "x.pth", "px-28-2101-2101-1001-2111-cut").network
    assert cut(z).shape == (3, 1, 28, 28)


def test_a_class_may_be_told_by_its_number():
    """`nn.Linear(1, 10)` of 0.0 to 9.0: nothing tells how many classes there are, and that is said."""
    net = lively(nn.Sequential(nn.Linear(26, 32), nn.ReLU(), nn.Linear(32, 256), nn.Tanh()))
    number = lively(nn.Linear(1, 10))
    state = {f"fc.{k}": v for k, v in number.state_dict().items()}
    state |= {f"gen.{k}": v for k, v in net.state_dict().items()}
    read = foreign.read({"": state}, None, "x.pth", "relu,classes-10-behind")
    assert "so assumed: 10 classes, told by their numbers from 0 to 9, behind the latents;" in read.said
    z, labels = torch.randn(3, 16), torch.tensor([0, 4, 9])
    made = read.network(torch.cat([z, F.one_hot(labels, 10).float()], 1))
    torch.testing.assert_close(made.flatten(1), net(torch.cat([z, number(labels[:, None].float())], 1)))


def test_a_class_through_a_linear_layer_of_any_name():
    """`fc1` without a bias is first in the file, and what it makes stands behind the latents."""
    net = lively(connected(22, nn.ReLU), normal(22))
    state = {"fc1.weight": torch.randn(6, 10), **{f"net.{k}": v for k, v in net.state_dict().items()}}
    found = Found(chain.read(state))
    assert {(o.value.classes, o.value.numbers) for o in found.questions[0].options} == {(10, 6)}
    torch.testing.assert_close(found.table, state["fc1.weight"].T)


def test_a_linear_layer_that_stands_alone_may_be_without_an_activation():
    net = nn.ModuleDict({"fc": nn.Linear(8, 24), "rest": nn.Sequential(nn.Linear(24, 256), nn.Tanh())})
    lively(net.rest, normal(24))
    lively(net.fc, normal(8))
    read = foreign.read({"": net.state_dict()}, None, "x.pth")
    rows = [foreign.read_as(read.network, way.config) for way in read.readings]
    z = torch.randn(3, 8)
    assert any(torch.allclose(row(z).flatten(1), net.rest(net.fc(z)), atol=1e-5) for row in rows)


def test_one_class_more_or_less_is_told_by_what_is_usual():
    """The columns of one-hot classes are louder; that of the first one happens to be less so."""
    net = lively(nn.Sequential(nn.Linear(110, 32), nn.ReLU(), nn.Linear(32, 64), nn.Tanh()))
    net[0].weight[:, 100:] *= 3
    net[0].weight[:, 100] *= 0.65
    options = next(question.options for question in Found(chain.read(net.state_dict())).questions)
    assert [option.value.classes for option in options if option.value] == [10]


def test_where_a_map_is_enlarged_is_not_guessed_without_any_sign():
    names = ["one", "two", "two_b", "three", "three_b", "last"]
    widths = [4, 4, 4, 3, 3, 2, 1]
    state = {"fc.weight": torch.randn(4 * 16, 8), "fc.bias": torch.randn(4 * 16)}
    for name, before, after in zip(names, widths[:-1], widths[1:], strict=True):
        state |= {f"{name}.weight": torch.randn(after, before, 3, 3), f"{name}.bias": torch.randn(after)}
    with pytest.raises(UserError, match="nothing tells before which of them the map is enlarged"):
        foreign.read({"": state}, None, "x.pth")
    said = foreign.read({"": state}, 32, "x.pth", "px-32-1102-1102-1102-1101-1101-1101")
    assert said.network.config["size"] == 32


@pytest.mark.parametrize("parts", ["encoder.{} decoder.{}", "enc{} dec{}"])
def test_what_stands_behind_an_encoder_is_read_with_its_classes(parts):
    """A variational autoencoder on maps, whole in one file: its encoder makes 6 numbers, the decoder takes 16."""
    encoder, decoder = (part.format for part in parts.split())
    held = {
        encoder(1): nn.Conv2d(1, 4, 3, 2, 1), encoder("_a"): nn.Linear(196, 6), encoder("_b"): nn.Linear(196, 6),
        decoder(0): nn.Linear(16, 4 * 49), decoder(1): up(4, 4, 4, 2, 1), decoder(2): up(4, 1, 4, 2, 1),
    }  # fmt: skip
    if "." not in parts:
        held = {name.replace("_a", "_mu").replace("_b", "_logvar"): part for name, part in held.items()}
    whole = {f"{name}.{k}": v for name, part in held.items() for k, v in lively(part).state_dict().items()}
    read = foreign.read({"": whole}, None, "vae.pth")
    assert read.network.config["latent"] == 6
    assert read.network.labels.classes == 10
    assert (read.network.config["size"], read.network.plan[-1].after) == (28, "sigmoid")
    maps = [key for key in whole if key.startswith((decoder(1), decoder(2)))]  # made before the encoder's end was
    other = {key: whole[key] for key in (*list(whole)[:2], *maps, *[key for key in list(whole)[2:] if key not in maps])}
    same = foreign.read({"": other}, None, "vae.pth").network
    z = same.latents(3, torch.Generator())
    torch.testing.assert_close(same(z), read.network(z))


@pytest.mark.parametrize("heads", [("fcm", "fcs"), ("fc21", "fc22"), ("to_mean", "to_logvar", "to_alpha")])
def test_layers_alike_that_cannot_follow_each_other_are_an_encoders_end(heads):
    """Whatever they are called; the decoder behind them is the generator. Its silent units prove nothing: it is given
    numbers that it learned to pass over."""
    decoder = lively(nn.Sequential(nn.Linear(6, 64), leaky(), nn.Linear(64, 256), nn.Sigmoid()))
    decoder[0].weight[:3] *= 0.01
    decoder[0].bias[:3] = -1
    decoder[2].weight[:, :3] *= 0.3
    parts = {"fc1": nn.Linear(256, 32), **{head: nn.Linear(32, 6) for head in heads}}
    whole = {f"{name}.{k}": v for name, part in parts.items() for k, v in part.state_dict().items()}
    whole |= {f"fc{3 + int(k[0])}{k[1:]}": v for k, v in decoder.state_dict().items()}
    read = foreign.read({"": whole}, None, "vae.pth")
    assert [list(question)[:2] for question in read.open] == [["relu", "leaky"], ["sigmoid", "tanh"]]
    chosen = foreign.read({"": whole}, None, "vae.pth", "leaky").network
    z = torch.randn(3, 6)
    torch.testing.assert_close(chosen(z).flatten(1), decoder(z) * 2 - 1)


@pytest.mark.parametrize("first", [nn.Conv2d(1, 4, 5, padding=2), nn.Linear(784, 32)])
def test_an_encoder_may_end_in_one_layer_for_mean_and_spread(first):
    """Nothing is called encoder or decoder; it makes twice as many numbers as the next layer takes."""
    decoder = {"fc2": lively(nn.Linear(6, 4 * 144)), "deconv": lively(nn.ConvTranspose2d(4, 1, 6, 2))}
    parts = {"a": first, "fc1": nn.Linear(784 if first.weight.ndim == 4 else 32, 12), **decoder}
    whole = {f"{name}.{k}": v for name, part in parts.items() for k, v in part.state_dict().items()}
    read = foreign.read({"": whole}, None, "vae.pth", "relu,active")
    z = torch.randn(3, 6)
    made = decoder["deconv"](decoder["fc2"](z).relu().view(3, 4, 12, 12)).sigmoid()
    torch.testing.assert_close(read.network(z), made * 2 - 1, rtol=1e-4, atol=1e-5)


def test_a_class_may_pass_through_a_linear_layer_and_an_activation():
    """In an autoencoder both of whose parts have such a layer of their own."""
    net = lively(Labelled(nn.Sequential(nn.Linear(19, 32), nn.ReLU(), nn.Linear(32, 256), nn.Sigmoid()), "linear",
                          numbers=16))  # fmt: skip
    said = {f"label_embedding.{k}": v for k, v in net.label_fc.state_dict().items()}
    decoder = {**said, **{f"fc{k[0]}{k[1:]}": v for k, v in net.model.state_dict().items()}}
    encoder = {**said, "fc_hidden.weight": torch.randn(32, 272), "fc_mu.weight": torch.randn(3, 32),
               "fc_logvar.weight": torch.randn(3, 32)}  # fmt: skip
    whole = {f"{name}.{k}": v for name, part in (("encoder", encoder), ("decoder", decoder)) for k, v in part.items()}
    read = foreign.read({"": whole}, None, "cvae.pth")
    rows = [foreign.read_as(read.network, way.config) for way in read.readings]
    z, one_hot = torch.randn(3, 3), F.one_hot(torch.tensor([1, 4, 7]), 10).float()
    made = net.model(torch.cat([z, net.label_fc(one_hot).relu()], 1)) * 2 - 1
    fit = [torch.allclose(row(torch.cat([z, one_hot], 1)).flatten(1), made, atol=1e-5) for row in rows]
    assert fit.count(True) == 1, [way.tags for way in read.readings]


def test_a_network_nowhere_narrower_than_its_picture_is_given_random_numbers():
    """192 latents for 8 x 8 px in colour; where it is narrower in between, it is an autoencoder."""
    net = lively(nn.Sequential(nn.Linear(192, 256), nn.ReLU(), nn.Linear(256, 192), nn.Tanh()))
    assert foreign.read({"": net.state_dict()}, None, "x.pth").network.config["latent"] == 192
    net = lively(nn.Sequential(nn.Linear(192, 64), nn.ReLU(), nn.Linear(64, 192), nn.Tanh()))
    with pytest.raises(UserError, match="an autoencoder"):
        foreign.read({"": net.state_dict()}, None, "x.pth")


def test_convolutions_whose_names_come_before_that_of_their_map_are_no_judge():
    """Sorted, they lead from 8 channels to one, and the linear layer behind them seems to fit."""
    parts = {"fc": nn.Linear(20, 8 * 49), "conv1": nn.Conv2d(8, 16, 3), "conv2": nn.Conv2d(16, 1, 3)}
    state = {f"{name}.{k}": v for name, part in parts.items() for k, v in lively(part).state_dict().items()}
    assert [step.name for step in chain.read(state).steps] == ["fc", "conv1", "conv2"]


def test_a_dictionary_as_python_2_wrote_it(tmp_path):
    """Made of a list of pairs, under the name of a pickle; of more of them than there are tensors it is refused."""
    net = lively(nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 64), nn.Tanh()))

    class Old(OrderedDict):
        def __reduce__(self):
            return OrderedDict, ([[key, value] for key, value in self.items()],)

    class Large(OrderedDict):
        def __reduce__(self):
            return OrderedDict, ([[str(i), 0] for i in range(5001)],)

    path = tmp_path / "generator.pkl"
    path.write_bytes(saved(Old(net.state_dict()), _use_new_zipfile_serialization=False))
    found, _ = foreign.opened(path, path.name)
    z = torch.randn(3, 16)
    made = load.open_generator(f"file:{path}:relu,no-classes").network(z)
    torch.testing.assert_close(made.flatten(1), net(z))
    assert list(found[""]) == list(net.state_dict())
    path.write_bytes(saved(Large(), _use_new_zipfile_serialization=False))
    with pytest.raises(UserError, match="claims to be larger than it is"):
        foreign.opened(path, path.name)


def test_a_decoder_that_is_given_what_its_encoder_makes_and_a_class_repaints():
    shapes = {"encoder.0": (32, 256), "encoder.2": (8, 32), "decoder.0": (32, 18), "decoder.2": (256, 32)}
    with pytest.raises(UserError, match="pictures to pictures"):
        foreign.read({"": {f"{name}.weight": torch.randn(shape) for name, shape in shapes.items()}}, None, "x.pth")


def test_the_decoder_of_an_autoencoder_ends_in_a_sigmoid_unless_it_is_said():
    parts = {"encoder": (256, 16), "to_mean": (16, 4), "to_spread": (16, 4), "decoder": (4, 256)}
    whole = {f"{name}.0.weight": torch.randn(after, before) for name, (before, after) in parts.items()}
    whole |= {"decoder.0.weight": torch.randn(16, 4), "decoder.2.weight": torch.randn(256, 16)}
    for said, end in (("", "sigmoid"), ("tanh", "tanh")):
        assert foreign.read({"": whole}, None, "net.pth", said).network.plan[-1].after == end


@pytest.mark.parametrize(("name", "end"), [("Decoder.pt", "sigmoid"), ("mnist_vae.pth", "sigmoid"), ("G.pth", "tanh")])
def test_a_decoder_may_be_told_by_the_name_of_its_file(name, end):
    net = lively(nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Linear(24, 256)))
    assert foreign.read({"": net.state_dict()}, None, name).network.plan[-1].after == end


def test_biases_that_do_not_fit_are_a_sentence():
    state = connected(8, nn.ReLU).state_dict() | {"0.bias": torch.zeros(3)}
    with pytest.raises(UserError, match="layer '0' do not fit together"):
        foreign.read({"": state}, None, "x.pth")


@pytest.mark.parametrize("heads", [("fc21", "fc22"), ("mean_layer", "log_layer")])
def test_a_decoder_that_is_told_a_class_stands_behind_two_layers_alike(heads):
    """The conditional autoencoder of many courses: nothing is called an encoder or a decoder."""
    net = nn.Module()
    net.fc1 = nn.Linear(266, 40)
    for head in heads:
        setattr(net, head, nn.Linear(40, 4))
    net.fc3, net.fc4 = nn.Linear(14, 40), nn.Linear(40, 256)
    read = foreign.read({"": lively(net).state_dict()}, None, "x.pth", "classes-10-behind,relu,sigmoid")
    z, labels = torch.randn(3, 4), F.one_hot(torch.tensor([1, 4, 7]), 10).float()
    made = net.fc4(net.fc3(torch.cat([z, labels], 1)).relu()).sigmoid() * 2 - 1
    torch.testing.assert_close(read.network(torch.cat([z, labels], 1)).flatten(1), made)


@pytest.mark.parametrize(
    ("name", "widths"), [("{}", (3, 128, 256, 3)), ("model.{}", (3, 128, 256, 3)), ("map{}", (128, 128, 64, 32, 128))]
)
def test_layers_that_are_numbered_are_not_run_in_another_order(name, widths):
    """Autoencoders of tables, generators of series: only in another order would they end in a picture."""
    layers = itertools.starmap(nn.Linear, itertools.pairwise(widths))
    state = {f"{name.format(n)}.{leaf}": value for n, layer in enumerate(layers, 1)
             for leaf, value in layer.state_dict().items()}  # fmt: skip
    with pytest.raises(UserError, match="do not fit together"):
        foreign.read({"": state}, None, "x.pth")


@pytest.mark.parametrize("name", [f"l{'9' * 5000}", "9" * 5000, "x.\u00b2", "1\u00b22"])
def test_a_name_that_counts_nothing_is_a_name(name):
    """Digits that are no number, and more of them than Python reads."""
    state = {}
    for key, layer in ((name, nn.Linear(16, 32)), ("x.2", nn.Linear(32, 64)), ("x.4", nn.Linear(64, 64))):
        state |= {f"{key}.{leaf}": value for leaf, value in layer.state_dict().items()}
    others = {key: state[key] for key in reversed(state)}
    for held in (state, others):  # in the order of the layers, and in another
        assert foreign.read({"": held}, None, "x.pth").network.config["size"] == 8


@pytest.mark.parametrize("name", ["deconv1", "b"])
def test_a_layer_as_wide_as_before_is_an_up_convolution_where_it_is_called_so_or_its_like_are(name):
    state = {"fc.weight": torch.randn(6 * 16, 8), "fc.bias": torch.randn(6 * 16)}
    for key, shape in ((name, (6, 6)), ("m", (6, 4)), ("n", (4, 3))):
        state |= {f"{key}.weight": torch.randn(*shape, 3, 3), f"{key}.bias": torch.randn(shape[1])}
    read = foreign.read({"": state}, 32, "x.pth")
    assert [layer.kind for layer in read.network.plan] == ["linear", "up", "up", "up"]
    assert ("b is an up-convolution" in read.said) == (name == "b")
    assert "no norms without numbers of their own" in read.said


@pytest.mark.parametrize("biased", [True, False])
def test_norms_that_remember_nothing_prove_nothing(biased):
    net = lively(OnMaps(8, (7, 1, 0), (4, 2, 1), (4, 2, 1)))
    for norm in (module for module in net.modules() if isinstance(module, nn.BatchNorm2d)):
        norm.reset_running_stats()
        norm.bias.mul_(biased)
    state = {key: value for key, value in net.state_dict().items() if "num_batches" not in key}  # as before 2018
    said = foreign.read({"": state}, None, "x.pth").said
    assert ("Its batch norms remember nothing (0 and 1)" in said) == biased
    assert ("It has not been trained" in said) != biased


@pytest.mark.slow
def test_where_norms_cannot_tell_two_ways_of_padding_apart_it_is_asked():
    """Pixels that are squares have themselves beside them at the edge, but for the last layer's."""
    read = foreign.read({"": lively(Enlarged(padded="reflect")).state_dict()}, None, "x.pth")
    assert {"replicate", "reflect"} in [set(question) for question in read.open]


def test_strides_behind_the_last_norm_are_asked_about_whatever_few_use():
    """Known up to there, all ways to go on are looked at: 3 px, doubled twice, then 25 and 28 px."""
    net = nn.Sequential(
        nn.Linear(8, 8 * 9), nn.Unflatten(1, (8, 3, 3)), up(8, 8, 4, 2, 1), nn.BatchNorm2d(8), nn.ReLU(),
        up(8, 6, 4, 2, 1), nn.BatchNorm2d(6), nn.ReLU(), up(6, 1, 5, 2, 1), nn.ReLU(), up(1, 1, 4, 1, 0), nn.Tanh(),
    )  # fmt: skip
    read = foreign.read({"": lively(net).state_dict()}, None, "x.pth")
    assert any("px-28-2101-2101-2101-1001" in options for options in read.open)
    z = torch.randn(3, 8)
    row = next(way for way in read.readings if "px-28-2101-2101-2101-1001" in way.tags.split(","))
    torch.testing.assert_close(foreign.read_as(read.network, row.config)(z), net(z), rtol=1e-4, atol=1e-5)


def test_grey_pictures_near_the_size_of_digits_may_be_digits():
    """Layers alike work in different ways, 4 to 7 to 14 to 28 px; all alike they would make 32 px."""
    layers = [nn.ConvTranspose2d(6, 6, 3, 2, 1), nn.ReLU(), nn.ConvTranspose2d(6, 4, 3, 2, 1, 1), nn.ReLU()]
    last = nn.ConvTranspose2d(4, 1, 3, 2, 1, 1)
    net = nn.Sequential(nn.Linear(8, 96), nn.ReLU(), nn.Unflatten(1, (6, 4, 4)), *layers, last, nn.Sigmoid())
    read = foreign.read({"": lively(net).state_dict()}, None, "x.pth")
    assert {"px-28-2101-2111-2111", "px-32-2111-2111-2111"} <= {tag for question in read.open for tag in question}


@pytest.mark.slow
@pytest.mark.parametrize(("noise", "first"), [(0.0, "px-16-1001-1001-2301-2301"), (0.15, "px-32-1001-2101-2101-2101")])
def test_strides_that_few_use_need_a_good_fit_and_are_asked_about_where_theirs_is_only_better(noise, first):
    net, rng = lively(OnMaps(8, (4, 1, 0), (4, 1, 0), (4, 2, 3), (4, 1, 0))), torch.Generator().manual_seed(1)
    for norm in (module for module in net.modules() if isinstance(module, nn.BatchNorm2d)):
        norm.running_var.mul_((noise * torch.randn(norm.running_var.shape, generator=rng)).exp())
    settled = evidence.settle(Found(chain.read(net.state_dict())))
    assert settled.answers["strides"].tag == first
    rows = [option.tag for option in settled.open.get("strides", ())]
    assert (not noise) or any(tag.startswith("px-16-1001-1001-2301") for tag in rows)


@pytest.mark.parametrize("spectral", [nn.utils.spectral_norm, nn.utils.parametrizations.spectral_norm])
@pytest.mark.parametrize("length", [nn.utils.weight_norm, nn.utils.parametrizations.weight_norm])
@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_weights_that_are_kept_in_parts_are_put_together(spectral, length):
    net = nn.Sequential(
        length(nn.Linear(8, 96)), nn.Unflatten(1, (6, 4, 4)), nn.BatchNorm2d(6), nn.ReLU(),
        spectral(nn.ConvTranspose2d(6, 5, 4, 2, 1)), nn.BatchNorm2d(5), nn.ReLU(),
        spectral(nn.Conv2d(5, 1, 3, 1, 1)), nn.Tanh(),
    )  # fmt: skip
    lively(net)
    read = foreign.read({"": net.state_dict()}, None, "x.pth", "px-8-2101-1101")
    z = torch.randn(3, 8)
    torch.testing.assert_close(read.network(z), net(z), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("norm", "tag"), [
    (lambda: nn.InstanceNorm2d(16, affine=True), "instance-norm"), (lambda: nn.GroupNorm(4, 16), "groups-4"),
])  # fmt: skip
def test_norms_that_remember_nothing_are_asked_about(norm, tag):
    net = nn.Sequential(
        nn.Linear(8, 32), nn.LayerNorm(32), nn.ReLU(), nn.Linear(32, 16 * 49), nn.Unflatten(1, (16, 7, 7)),
        nn.ReLU(), up(16, 16, 4, 2, 1), norm(), nn.ReLU(), up(16, 1, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip
    lively(net)
    read = foreign.read({"": net.state_dict()}, None, "x.pth")
    assert any(tag in options for options in read.open)
    assert "batch norm" not in read.said
    chosen = foreign.read({"": net.state_dict()}, None, "x.pth", f"{tag},relu")
    z = torch.randn(3, 8)
    torch.testing.assert_close(chosen.network(z), net(z), rtol=1e-4, atol=1e-5)
    other = next(way for way in read.readings if tag in way.tags.split(",") and "leaky" not in way.tags)
    torch.testing.assert_close(foreign.read_as(read.network, other.config)(z), net(z), rtol=1e-4, atol=1e-5)


def test_one_prelu_may_follow_every_layer():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.prelu, self.b, self.c = nn.Linear(8, 24), nn.PReLU(), nn.Linear(24, 32), nn.Linear(32, 256)

        def forward(self, z):
            return self.c(self.prelu(self.b(self.prelu(self.a(z))))).tanh()

    net = lively(Shared())
    read = foreign.read({"": net.state_dict()}, None, "x.pth")
    z = torch.randn(3, 8)
    torch.testing.assert_close(read.network(z).flatten(1), net(z), rtol=1e-4, atol=1e-5)
    assert "its one PReLU behind each layer but the last" in read.said


class TwoEntrances(nn.Module):
    """A layer for the latents and one for the class, whose outputs are joined; linear, or on maps."""

    def __init__(self, maps, swapped=False, normed=True):
        super().__init__()
        first = (lambda size, made: up(size, made, 4, 1, 0)) if maps else nn.Linear
        norm = (nn.BatchNorm2d if maps else nn.BatchNorm1d) if normed else lambda _: nn.Identity()
        self.of_z, self.norm_z, self.of_y, self.norm_y = first(12, 16), norm(16), first(10, 8), norm(8)
        if maps:
            self.rest = nn.Sequential(up(24, 12, 4, 2, 1), nn.BatchNorm2d(12), nn.ReLU(), up(12, 1, 4, 2, 1), nn.Tanh())
        else:
            self.rest = nn.Sequential(nn.Linear(24, 32), norm(32), nn.ReLU(), nn.Linear(32, 256), nn.Tanh())
        self.maps, self.swapped = maps, swapped

    def forward(self, z, labels):
        y = F.one_hot(labels, 10).float()
        z, y = (z[:, :, None, None], y[:, :, None, None]) if self.maps else (z, y)
        parts = [self.norm_z(self.of_z(z)).relu(), self.norm_y(self.of_y(y)).relu()]
        return self.rest(torch.cat(parts[::-1] if self.swapped else parts, 1))


@pytest.mark.parametrize(
    ("maps", "swapped", "normed"), [(True, False, True), (False, True, True), (False, True, False)]
)
def test_two_first_layers_side_by_side_are_one(maps, swapped, normed):
    """Norms tell the order of what both make; without any it is asked."""
    net = lively(TwoEntrances(maps, swapped, normed), labelled(12))
    read = foreign.read({"": net.state_dict()}, None, "x.pth", "" if normed else "relu")
    z, labels = labelled(12)(5, torch.Generator().manual_seed(1))
    given = torch.cat([z, F.one_hot(labels, 10).float()], 1)
    if not normed:
        assert ["beside", "beside-swapped"] in [list(question) for question in read.open]
        read = foreign.read({"": net.state_dict()}, None, "x.pth", "relu,beside-swapped,first-active")
    torch.testing.assert_close(read.network(given).flatten(), net(z, labels).flatten(), rtol=1e-4, atol=1e-5)
    assert read.network.labels.classes == 10
    torch.testing.assert_close(read.network.sampling_form()(given), read.network(given), rtol=1e-3, atol=1e-4)
