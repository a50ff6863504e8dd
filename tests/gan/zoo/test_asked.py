"""What a foreign file leaves open is asked about, with the truth in a row: small generators of kinds that were read
wrong without a word before; and what its norms prove is not asked."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from core.errors import UserError
from core.gan.zoo import chain, evidence, foreign
from core.gan.zoo.recognise import Found
from core.gan.zoo.rows import _likeliest
from support.foreign_networks import Enlarged, OnMaps, connected, lively, up


def rows_of(read: foreign.Read):
    """tags -> the network of that row."""
    return {way.tags: foreign.read_as(read.network, way.config) for way in read.readings}


def numbered(count, rng):
    """Two random numbers and a class's own."""
    return (torch.cat([torch.randn(count, 2, generator=rng), torch.randint(10, (count, 1), generator=rng)], 1),)


def quieter(net):
    """As it becomes for what is given larger numbers than the rest."""
    next(iter(net.parameters()))[:, -1] *= 0.4
    return net


def small(taken):
    """All inputs of which are as loud."""
    net = lively(nn.Sequential(nn.Linear(taken, 24), nn.ReLU(), nn.Linear(24, 256), nn.Tanh()))
    net[0].weight /= net[0].weight.norm(dim=0)
    return net


def test_one_number_more_than_an_encoder_makes_is_a_class():
    net = quieter(small(3))
    encoder = {"encoder.0.weight": torch.randn(24, 257), "mean.weight": torch.randn(2, 24),
               "log_var.weight": torch.randn(2, 24)}  # fmt: skip
    read = foreign.read({"": encoder | {f"decoder.{k}": v for k, v in net.state_dict().items()}}, None, "x.pth")
    assert "Not sure: a class, told by its number from 0 to 9, behind the latents;" in read.said
    z, labels = torch.randn(3, 2), torch.tensor([0, 4, 9])
    given = torch.cat([z, F.one_hot(labels, 10).float()], 1)
    row = next(row for tags, row in rows_of(read).items() if {"number-behind", "tanh"} <= set(tags.split(",")))
    torch.testing.assert_close(row(given).flatten(1), net(torch.cat([z, labels[:, None]], 1)))


@pytest.mark.parametrize(("taken", "asked"), [(3, True), (101, True), (9, True), (100, False)])
def test_an_input_may_be_a_class_and_is_asked_about(taken, asked):
    """Where it is quieter than all others, or stands beside as many latents as are usual."""
    net = quieter(small(taken))
    read = foreign.read({"": net.state_dict()}, None, "x.pth")
    rows = rows_of(read)
    assert any("number-behind" in tags.split(",") for tags in rows) == asked
    assert any("no-classes" in tags.split(",") for tags in rows) == asked
    if asked:
        z = torch.randn(4, taken)
        row = next(row for tags, row in rows.items() if {"no-classes", "relu"} <= set(tags.split(",")))
        torch.testing.assert_close(row(z).flatten(1), net(z))


def test_an_input_like_all_others_is_none():
    read = foreign.read({"": small(5).state_dict()}, None, "x.pth")
    assert not any("number-behind" in question for question in read.open)


@pytest.mark.parametrize(("latents", "tag"), [(numbered, "number-behind"), (None, "no-classes")])
def test_norms_tell_whether_an_input_is_a_class(latents, tag):
    net = lively(connected(3, nn.ReLU), latents)
    settled = evidence.settle(Found(chain.read(net.state_dict())))
    assert settled.answers["labels"].tag == tag
    assert "labels" not in settled.open
    z, labels = torch.randn(3, 2), torch.tensor([0, 4, 9])
    given = torch.cat([z, F.one_hot(labels, 10)], 1) if latents else torch.randn(3, 3)
    made = net(torch.cat([z, labels[:, None]], 1) if latents else given)
    torch.testing.assert_close(settled.network(given).flatten(1), made, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(settled.network.sampling_form()(given).flatten(1), made, rtol=1e-3, atol=1e-4)


def test_ten_inputs_beside_few_latents_may_be_classes():
    read = foreign.read({"": small(12).state_dict()}, None, "x.pth")
    rows = rows_of(read)
    joins = {tags.split(",")[0] for tags in rows}
    assert joins == {"classes-10-behind", "classes-10-front", "no-classes"}
    assert "10 classes before the latents, ReLU" in {way.says for way in read.readings}


@pytest.mark.slow
@pytest.mark.parametrize(("channels", "fitted"), [(1, True), (1, False), (3, False)])
def test_grey_pictures_of_24_px_may_be_fitted_to_28(channels, fitted):
    """The sizes of layers lead to 24 px, a size that is used; digits have 28. In colour they are as they are."""
    net = nn.Sequential(
        nn.Linear(8, 8 * 9), nn.Unflatten(1, (8, 3, 3)), up(8, 8, 4, 2, 1), nn.BatchNorm2d(8), nn.ReLU(),
        up(8, 6, 4, 2, 1), nn.BatchNorm2d(6), nn.ReLU(), up(6, channels, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip
    read = foreign.read({"": lively(net).state_dict()}, None, "x.pth", "tanh")
    rows = rows_of(read)
    assert bool(rows) == (channels == 1)
    z = torch.randn(3, 8)
    made = F.interpolate(net(z), 28, mode="bilinear") if fitted else net(z)
    like = [row(z) for row in rows.values()] or [read.network(z)]
    assert any(row.shape == made.shape and torch.allclose(row, made, atol=1e-4) for row in like)


def test_grey_pictures_of_a_usual_size_are_not_asked_about():
    net = lively(OnMaps(8, (4, 1, 0), (4, 2, 1), (4, 2, 1), (4, 2, 1)))
    assert not any(tag.startswith("px") for question in foreign.read({"": net.state_dict()}, None, "x.pth").open
                   for tag in question)  # fmt: skip


def test_rows_come_in_the_order_of_how_likely_all_their_answers_are():
    counts = (3, 2, 4)
    ways = list(_likeliest(counts))
    assert sorted(ways) == sorted(itertools.product(*map(range, counts)))
    assert [sum(way) for way in ways] == sorted(sum(way) for way in ways)
    assert len(list(itertools.islice(_likeliest([16] * 14), 100))) == 100  # of more than can be counted


@pytest.mark.parametrize(("median", "asked"), [
    (-7.4, None), (-9, ["sigmoid", "tanh"]), (-12, None),
])  # fmt: skip
def test_the_end_of_connected_layers_is_asked_about_where_what_comes_to_it_is_far_but_not_farthest(median, asked):
    net = lively(nn.Sequential(nn.Linear(16, 32), nn.PReLU(), nn.Linear(32, 256)))
    net[2].weight *= 0.1
    net[2].bias.fill_(median)
    net[2].bias[:100] = 1
    read = foreign.read({"": net.state_dict()}, None, "x.pth")
    assert next((list(question) for question in read.open), None) == asked
    assert read.network.plan[-1].after == ("tanh" if median > -8 else "sigmoid")


def test_the_ends_in_doubt_are_those_of_each_rows_own_activation():
    """With tanh between layers nothing that comes to the end is far out, while a sigmoid would make nothing dark; with
    ReLU it is far."""
    net = lively(nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 256)))
    net[0].weight *= 20
    net[2].weight *= 0.1
    read = foreign.read({"": net.state_dict()}, None, "vae.pth")
    ways = [way.tags.split(",") for way in read.readings]
    assert all(len(way) == len(read.open) == 2 for way in ways)
    assert {way[1] for way in ways if way[0] == "hidden-tanh"} == {"sigmoid", "tanh", "unit", "linear"}
    assert {way[1] for way in ways if way[0] == "relu"} == {"sigmoid", "tanh"}
    z = torch.randn(4, 16)
    torch.testing.assert_close(rows_of(read)["hidden-tanh,linear"](z).flatten(1), net(z))
    for way in read.readings:
        assert not foreign.read({"": net.state_dict()}, None, "vae.pth", way.tags).readings


def test_no_tag_belongs_to_two_questions():
    normed = nn.Sequential(nn.Linear(8, 24), nn.BatchNorm1d(24), nn.Linear(24, 64), nn.BatchNorm1d(64))
    maps = OnMaps(8, (4, 1, 0), (4, 2, 1), (4, 2, 1))
    nets = [small(12), small(101), small(103), connected(8, nn.ReLU), normed, maps, Enlarged(), Enlarged(classes=10)]
    questions: dict[str, set[str]] = {}
    for net in nets:
        for question in Found(chain.read(net.state_dict())).questions:
            questions.setdefault(question.name, set()).update(option.tag for option in question.options)
    assert {"latents", "activation", "end", "first map", "enlarged", "padding", "eps", "labels"} <= questions.keys()
    for one, other in itertools.combinations(questions.values(), 2):
        assert not one & other


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_a_number_that_belongs_to_no_layer_is_left_aside(shape):
    """How far a decoder expects pictures to be off, say."""
    net = small(8)
    read = foreign.read({"": {"log_scale": torch.full(shape, -1.8), **net.state_dict()}}, None, "x.pth", "relu,tanh")
    z = torch.randn(3, 8)
    torch.testing.assert_close(read.network(z).flatten(1), net(z))
    assert ("log_scale is no part of pictures" in read.said) == bool(shape)
    with pytest.raises(UserError, match="'gate'"):
        foreign.read({"": {"gate": torch.ones(2), **net.state_dict()}}, None, "x.pth")
