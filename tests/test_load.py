"""The universal loader: layouts that exist on the Hub, built with random weights, must come out as the same network."""

import io
import json
import os
import pickle
import zipfile

import pytest
import torch
from safetensors.torch import save
from torch import nn

from core import weights
from core.errors import UserError
from core.gan import infer, load, pickles
from core.gan.networks import Generator


def up(before, after, kernel, stride, padding, bias=False):
    return nn.ConvTranspose2d(before, after, kernel, stride, padding, bias=bias)


def named(**modules):
    net = nn.Module()
    for name, module in modules.items():
        setattr(net, name, module)
    return net


class Cryptopunks(nn.Module):
    """nateraw/cryptopunks-gan, narrower."""

    def __init__(self):
        super().__init__()
        self.network = nn.Sequential(
            up(10, 16, 3, 1, 0), nn.BatchNorm2d(16), nn.ReLU(True), up(16, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(True),
            up(8, 6, 4, 2, 0), nn.BatchNorm2d(6), nn.ReLU(True), up(6, 4, 4, 2, 1), nn.Tanh(),
        )  # fmt: skip

    def forward(self, z):
        return self.network(z[:, :, None, None])


class Tutorial(nn.Module):
    """huggan/dcgan-mnist: the PyTorch tutorial's DCGAN-64."""

    def __init__(self, channels=1):
        super().__init__()
        widths, layers = [10, 32, 16, 8, 4], []
        for i in range(4):
            layers += [up(widths[i], widths[i + 1], 4, 2 if i else 1, 1 if i else 0), nn.BatchNorm2d(widths[i + 1])]
            layers += [nn.ReLU(True)]
        self.model = nn.Sequential(*layers, up(4, channels, 4, 2, 1), nn.Tanh())

    def forward(self, z):
        return self.model(z[:, :, None, None])


class PreActivated(nn.Module):
    """xyfJASON/GANs-Implementations: norm and activation come first in each block."""

    def __init__(self):
        super().__init__()
        self.first_conv = up(12, 32, 4, 1, 0, bias=True)
        block = lambda a, b: nn.Sequential(nn.BatchNorm2d(a), nn.ReLU(), up(a, b, 4, 2, 1, bias=True))  # noqa: E731
        self.layers = nn.ModuleList([block(32, 16), block(16, 8)])
        self.last_conv = block(8, 3)

    def forward(self, z):
        x = self.first_conv(z[:, :, None, None])
        for layer in self.layers:
            x = layer(x)
        return self.last_conv(x).tanh()


class StudioGan(nn.Module):
    """PyTorch-StudioGAN's CIFAR10-DCGAN: linear, blocks, a convolution at the end."""

    def __init__(self):
        super().__init__()
        self.linear0 = nn.Linear(16, 32 * 16)
        block = lambda a, b: nn.ModuleList([named(deconv0=up(a, b, 4, 2, 1, bias=True), bn0=nn.BatchNorm2d(b))])  # noqa: E731
        self.blocks = nn.ModuleList([block(32, 16), block(16, 8), block(8, 4)])
        self.conv4 = nn.Conv2d(4, 3, 3, 1, 1)

    def forward(self, z):
        x = self.linear0(z).view(-1, 32, 4, 4)
        for (block,) in self.blocks:
            x = block.bn0(block.deconv0(x)).relu()
        return self.conv4(x).tanh()


class Lesson(nn.Module):
    """AI-For-Beginners, lesson 17: fully connected, MNIST."""

    def __init__(self):
        super().__init__()
        layers = []
        for a, b in ((10, 16), (16, 32), (32, 64)):
            layers += [nn.Linear(a, b), nn.BatchNorm1d(b), nn.LeakyReLU(0.2)]
        self.model = nn.Sequential(*layers, nn.Linear(64, 28 * 28), nn.Tanh())

    def forward(self, z):
        return self.model(z).view(-1, 1, 28, 28)


LAYOUTS = {
    "cryptopunks": (Cryptopunks, (4, 24)), "tutorial": (Tutorial, (1, 64)), "pre-activated": (PreActivated, (3, 32)),
    "studiogan": (StudioGan, (3, 32)), "lesson": (Lesson, (1, 28)),
}  # fmt: skip


def lively(net: nn.Module) -> nn.Module:
    """Random weights large enough, and batch norm with statistics, so that a wrong layer changes the picture."""
    randomness = torch.Generator().manual_seed(3)
    for name, value in net.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.randn(value.shape, generator=randomness) * 0.3 + ("running_var" in name) * 2)
            if "running_var" in name:
                value.abs_().add_(0.1)
    return net.eval().requires_grad_(False)


@pytest.mark.parametrize("order", ["as saved", "sorted by name", "data parallel"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_understood_and_its_pictures_are_the_same(name, order):
    build, (channels, size) = LAYOUTS[name]
    net = lively(build())
    state = net.state_dict()
    if order == "sorted by name":
        state = dict(sorted(state.items()))
    if order == "data parallel":
        state = {f"module.{key}": value for key, value in state.items()}
    found, said = infer.infer(state)
    latents = torch.randn(3, found.config["latent"])
    assert (found.config["channels"], found.config["size"]) == (channels, size)
    assert f"{size} x {size} px" in said
    torch.testing.assert_close(found(latents), net(latents), rtol=0, atol=0)
    again = infer.Inferred.from_config(json.loads(json.dumps(found.config)))
    again.load_state_dict(found.state_dict())
    torch.testing.assert_close(again.eval()(latents), net(latents), rtol=0, atol=0)


def test_the_size_beside_the_file_settles_the_strides():
    net = nn.Sequential(up(8, 12, 3, 1, 0), nn.ReLU(), up(12, 6, 4, 2, 1), nn.ReLU(), up(6, 3, 4, 2, 0), nn.Tanh())
    found, _ = infer.infer(lively(net).state_dict(), size=14)
    latents = torch.randn(2, 8)
    torch.testing.assert_close(found(latents), net(latents[:, :, None, None]), rtol=0, atol=0)
    with pytest.raises(UserError, match="cannot make pictures of 15 px"):
        infer.infer(net.state_dict(), size=15)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"label_emb.weight": torch.zeros(10, 8), **Cryptopunks().state_dict()}, "label_emb.weight"),
        ({"0.weight_orig": torch.zeros(4, 4)}, "weight_orig"),
        ({"a.weight": torch.zeros(8, 5, 4, 4), "b.weight": torch.zeros(7, 3, 4, 4)}, "do not fit together"),
        ({"a.weight": torch.zeros(8, 5, 4, 4)}, "1 layers"),
        ({**Cryptopunks().state_dict(), "norm.weight": torch.zeros(9)}, "'norm'"),
        ({k: v.to(torch.int8) for k, v in Cryptopunks().state_dict().items()}, "no plain numbers"),
        ({f"l{i}.weight": torch.zeros(64, 64, 4, 4) for i in range(12)}, "do not fit together"),
    ],
)
def test_what_is_not_understood_is_named(state, words):
    with pytest.raises(UserError, match=words):
        infer.infer(state)
