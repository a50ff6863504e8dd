"""Blocks past which what comes to them may go: norms tell whether it does, and where there are none it is asked."""

import pytest
import torch
from torch import nn

from core.errors import UserError
from core.gan.zoo import foreign
from support.foreign_networks import lively, up


class Block(nn.Module):
    """Two convolutions; what comes to them is added to what they make, or not ("straight"). `way`: nothing behind the
    sum ("bare"), an activation ("late"), or one before each layer instead ("early")."""

    def __init__(self, width, way, normed, narrow):
        super().__init__()
        self.way = way
        convolutions = nn.Conv2d(width, narrow, 3, 1, 1), nn.Conv2d(narrow, width, 3, 1, 1)
        for i, layer in enumerate(convolutions, 1):
            norm = nn.BatchNorm2d(layer.in_channels if way == "early" else layer.out_channels)
            parts = {f"conv{i}": layer, f"norm{i}": norm if normed else nn.Identity()}
            for name in sorted(parts, reverse=way == "early"):
                self.add_module(name, parts[name])

    def forward(self, x):
        if self.way == "early":
            return x + self.conv2(self.norm2(self.conv1(self.norm1(x).relu())).relu())
        made = self.norm2(self.conv2(self.norm1(self.conv1(x)).relu()))
        made = made if self.way == "straight" else made + x
        return made if self.way == "bare" else made.relu()


class OfBlocks(nn.Module):
    """16 px in colour; `name` is that of the part with the blocks."""

    def __init__(self, way="late", normed=True, name="res", narrow=6, count=1):
        super().__init__()
        self.first = nn.Linear(8, 6 * 16)
        self.norm = nn.BatchNorm2d(6) if normed and way != "early" else nn.Identity()
        self.add_module(name, nn.Sequential(*(Block(6, way, normed, narrow) for _ in range(count))))
        self.early, self.blocks = way == "early", name
        self.last = nn.BatchNorm2d(6) if normed and self.early else nn.Identity()
        self.up1, self.up2 = up(6, 6, 2, 2, 0), up(6, 3, 2, 2, 0)
        self.norm3 = nn.BatchNorm2d(6) if normed else nn.Identity()

    def forward(self, z):
        x = self.norm(self.first(z).view(-1, 6, 4, 4))
        x = self.get_submodule(self.blocks)(x if self.early else x.relu())
        x = self.last(x).relu() if self.early else x
        return self.up2(self.norm3(self.up1(x)).relu()).tanh()


WAYS = {"straight": "straight", "bare": "residual-bare", "late": "residual", "early": "residual-early"}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_norms_tell_whether_something_goes_past_a_block(way):
    net = lively(OfBlocks(way), lambda count, rng: (torch.randn(count, 8, generator=rng),))
    read = foreign.read({"": net.state_dict()}, None, "x.pth")
    z = torch.randn(5, 8)
    torch.testing.assert_close(read.network(z), net(z), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(read.network.sampling_form()(z), net(z), rtol=1e-3, atol=1e-4)
    assert not any("residual" in question for question in read.open)


@pytest.mark.parametrize("way", WAYS)
def test_without_norms_blocks_are_asked_about(way):
    net = lively(OfBlocks(way, normed=False, name="body", narrow=4, count=2))
    held = {"": net.state_dict()}
    read = foreign.read(held, None, "x.pth")
    asked = next(question for question in read.open if "straight" in question)
    assert set(asked) == set(WAYS.values())
    said = f"{WAYS[way]},active,relu,tanh,px-16-1101-1101-1101-1101-2001-2001"
    chosen = foreign.read(held, None, "x.pth", said).network
    z = torch.randn(3, 8)
    torch.testing.assert_close(chosen(z), net(z), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(foreign.read_as(read.network, chosen.config)(z), chosen(z), rtol=0, atol=0)


def test_a_pair_of_layers_alike_is_asked_about_and_a_list_of_them_is_not():
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.up1, self.up2 = nn.Linear(8, 6 * 16), up(6, 6, 4, 2, 1), up(6, 3, 4, 2, 1)
            self.conv1, self.conv2 = nn.Conv2d(6, 6, 3, 1, 1), nn.Conv2d(6, 6, 3, 1, 1)

    order = ["first", "conv1", "conv2", "up1", "up2"]
    net = lively(Pair()).state_dict()
    pair = {key: value for part in order for key, value in net.items() if key.startswith(part)}
    tags = [list(question) for question in foreign.read({"": pair}, None, "x.pth").open]
    assert next(question for question in tags if "residual" in question)[0] == "straight"
    listed = {f"main.{2 * order.index(key.partition('.')[0])}.{key.partition('.')[2]}": v for key, v in pair.items()}
    assert not any("residual" in question for question in foreign.read({"": listed}, None, "x.pth").open)


def test_a_way_past_layers_that_has_layers_of_its_own_is_refused_as_what_it_is():
    """One that fits among the others too would be run as one of them."""
    net = lively(OfBlocks(normed=False, name="body")).state_dict()
    at = list(net).index("body.0.conv1.weight") + 4
    past = [*net.items()]
    past.insert(at, ("body.0.shortcut.weight", torch.randn(6, 6, 1, 1)))
    with pytest.raises(UserError, match=r"a way past other layers \('body.0.shortcut'\)"):
        foreign.read({"": dict(past)}, None, "x.pth")
