"""What batch norms of foreign files tell, and what they do not."""

import pytest
import torch
from torch import nn

from core.errors import UserError
from core.gan.zoo import chain, evidence, foreign
from core.gan.zoo.recognise import Found
from support.foreign_networks import OnMaps, connected, lively


def far(count, rng):
    """What a poor encoder makes: not at all like normal numbers."""
    return (0.3 * torch.randn(count, 8, generator=rng) + 2,)


def test_the_first_norm_of_a_decoder_may_remember_what_no_random_numbers_make():
    net = lively(connected(8, nn.ReLU, end=nn.Sigmoid), far)
    with pytest.raises(UserError, match="No way to read it fits"):
        foreign.read({"": net.state_dict()}, None, "generator.pth")
    read = foreign.read({"": net.state_dict()}, None, "vae.pth")
    z = torch.randn(4, 8)
    torch.testing.assert_close(read.network(z).flatten(1), net(z) * 2 - 1, rtol=1e-4, atol=1e-5)
    assert read.network.config.get("drawn", "normal") == "normal"


@pytest.mark.parametrize("listed", [False, True])
def test_a_norm_that_stands_last_may_have_an_activation_before_it(listed):
    """Where a list leaves room before that norm there is one; else both ways are tried."""
    parts = [nn.Linear(8, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, 64), nn.ReLU(), nn.BatchNorm1d(64)]
    net = lively(nn.Sequential(*parts), lambda count, rng: (torch.randn(count, 8, generator=rng),))
    held = net.state_dict()
    if not listed:
        names = {"0": "first", "1": "norm", "3": "second", "5": "last"}
        held = {f"{names[key[0]]}{key[1:]}": value for key, value in held.items()}
    read = foreign.read({"": held}, None, "x.pth")
    assert "; ReLU at the end, before its norm (missed by 0." in read.said
    z = torch.randn(4, 8)
    torch.testing.assert_close(read.network(z).flatten(1), net(z), rtol=1e-4, atol=1e-5)


def test_a_norm_of_the_first_layer_alone_tells_of_no_activation():
    net = lively(nn.Sequential(nn.Linear(8, 24), nn.BatchNorm1d(24), nn.Sigmoid(), nn.Linear(24, 256), nn.Tanh()))
    asked = next(q for q in foreign.read({"": net.state_dict()}, None, "x.pth").open if "relu" in q)
    assert "hidden-sigmoid" in asked
    chosen = foreign.read({"": net.state_dict()}, None, "x.pth", "hidden-sigmoid,tanh").network
    z = torch.randn(4, 8)
    torch.testing.assert_close(chosen(z).flatten(1), net(z), rtol=1e-4, atol=1e-5)


def test_a_decoder_whose_sigmoid_would_make_nothing_dark_may_have_no_end():
    net = lively(nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Linear(24, 64)))
    held = {"": net.state_dict()}
    net[2].weight *= 0.3
    assert [*foreign.read(held, None, "vae.pth").open[-1]] == ["sigmoid", "tanh", "unit", "linear"]
    net[2].weight *= 20
    assert [*foreign.read(held, None, "vae.pth").open[-1]] == ["sigmoid", "tanh"]


def test_up_convolutions_that_differ_in_their_output_padding_alone_are_in_question():
    """From 4 to 7, 14 and 28 pixels, as for digits: where norms do not tell well, it need not be proved."""
    maps = [
        part for width in (5, 4) for part in (nn.ConvTranspose2d(width + 1, width, 3), nn.BatchNorm2d(width), nn.ReLU())
    ]
    net = nn.Sequential(nn.Linear(8, 6 * 16), *maps, nn.ConvTranspose2d(4, 1, 3))
    asked = next(q for q in Found(chain.read(net.state_dict())).questions if q.name == "strides")
    rare = {option.tag: option.rare for option in asked.options}
    assert not rare["px-28-2101-2111-2111"]
    assert not rare["px-32-2111-2111-2111"]


def test_what_lies_behind_the_last_norm_is_assumed_and_not_proved():
    """There a 2x2 up-convolution may as well add one pixel as double the side; 28 px is likelier than 54."""
    net = lively(OnMaps(8, (5, 1, 0), (5, 2, 0), (3, 2, 0), (2, 1, 0)))
    read = foreign.read({"": net.state_dict()}, None, "x.pth")
    assert "proves: normal latents; ReLU (missed" in read.said
    assert "assumed: 28 px, strides 1, 2, 2, 1; tanh." in read.said
    z = torch.randn(3, 8)
    torch.testing.assert_close(read.network(z), net(z), rtol=1e-4, atol=1e-4)
    assert foreign.read({"": net.state_dict()}, None, "x.pth", "px-54-1001-2001-2001-2001").network(z).shape[-1] == 54


def test_latents_and_activation_that_hide_each_other_are_found_together():
    """Normal and ReLU; with leaky ReLU, which comes first for connected layers, uniform latents seem better."""
    hidden = [part for _ in range(2) for part in (nn.Linear(24, 24), nn.BatchNorm1d(24), nn.ReLU())]
    net = lively(nn.Sequential(nn.Linear(16, 24), nn.ReLU(), *hidden, nn.Linear(24, 64), nn.Tanh()))
    net[0].weight *= 0.8
    net[0].bias.fill_(-2)
    net[2].weight += 0.1
    for norm in (net[3], net[6]):
        norm.reset_running_stats()
    net.train()
    for seed in range(8):
        net(torch.randn(128, 16, generator=torch.Generator().manual_seed(seed)))
    settled = evidence.settle(Found(chain.read(net.eval().state_dict())))
    assert [settled.answers[name].tag for name in ("latents", "activation")] == ["normal", "relu"]
