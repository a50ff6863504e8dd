"""Multi-scale gradients: a picture at every scale, all of them seen, and each of them told."""

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch import nn

from core.gan import networks, scales
from core.gan.request import TrainRequest
from core.gan.train import Training
from support import plain

SMALL = {"method": "msg", "size": 16, "width_g": 4, "width_d": 4, "latent": 6, "batch": 8}  # 4, 8 and 16 px


@pytest.fixture
def accelerator():
    return Accelerator(cpu=True, mixed_precision="no")


def seeded(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


def built() -> tuple[nn.Module, nn.Module]:
    return networks.build(TrainRequest(**SMALL), torch.Generator().manual_seed(0))


def test_what_is_shown_has_every_scale_and_the_last_is_the_picture():
    g, d = built()
    latents, images = seeded(8, 6), seeded(8, 3, 16, 16).tanh()
    for shown, whole in ((g.shown(latents), g(latents)), (d.shown(images), images)):
        assert shown.shape == (8, 3, 3, 16, 16)
        assert torch.equal(shown[:, 2], whole)
        for scale in range(3):
            squares = scales.enlarged(scales.shrunk(shown[:, scale], 4 << scale), 16)
            torch.testing.assert_close(squares, shown[:, scale])
    torch.testing.assert_close(scales.shrunk(d.shown(images)[:, 0], 4), scales.shrunk(images, 4))
    assert not torch.allclose(g.shown(latents)[:, 0], d.shown(g(latents))[:, 0], atol=0.01), "drawn, not shrunk"
    torch.testing.assert_close(d(d.shown(images)), d(images))  # images alone are judged with their own smaller ones


@pytest.mark.parametrize("loss", ["original", "relativistic", "wasserstein"])
def test_a_gradient_reaches_each_scale(accelerator, loss):
    """Of the generator, by its own picture: the layer that makes it has no other way. And D listens to each."""
    pictures = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
    training = Training(TrainRequest(**SMALL, loss=loss, r1=1.0, vary_colour=True), pictures, accelerator)
    before = [layer[0].weight.clone() for layer in training.g.picture]
    training.step()
    for layer, weight in zip(training.g.picture, before, strict=True):
        assert layer[0].weight.grad.abs().max() > 0
        assert not torch.equal(layer[0].weight, weight)
    shown = training.d.shown(training.real_batch()).requires_grad_(True)
    (slopes,) = torch.autograd.grad(training.d(shown).sum(), shown)
    assert all(slopes[:, scale].abs().max() > 0 for scale in range(3))


def test_pictures_that_belong_together_vary_alike(accelerator):
    pictures = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
    training = Training(TrainRequest(**SMALL, cut_out=True), pictures, accelerator)
    real = training.real_batch()
    alone = training.varied(real, "real")
    together = training.varied(torch.stack([real, real], 1), "real")
    assert torch.equal(together, torch.stack([alone, alone], 1))
    assert not torch.equal(alone, real)


# ---------------------------------------------------------------- a plain reference


def plain_generator(g: nn.Module, latents: torch.Tensor) -> torch.Tensor:
    dense, *_, conv, _, _ = g.beginning
    features = plain.dense(dense, latents, 2**0.5 / 4).reshape(len(latents), -1, 4, 4)
    features = plain.normed(plain.lrelu(features))
    features = plain.normed(plain.lrelu(plain.conv(conv, features)))
    pictures = [torch.tanh(plain.conv(g.picture[0][0], features, 1.0))]
    for double, (picture, _) in zip(g.doubled, list(g.picture)[1:], strict=True):
        features = plain.repeated(features)
        for layer in (layer for layer in double if isinstance(layer, nn.Conv2d)):
            features = plain.normed(plain.lrelu(plain.conv(layer, features)))
        pictures.append(torch.tanh(plain.conv(picture, features, 1.0)))
    at_4, at_8, at_16 = pictures
    return torch.stack([plain.repeated(plain.repeated(at_4)), plain.repeated(at_8), at_16], 1)


def plain_discriminator(d: nn.Module, shown: torch.Tensor) -> torch.Tensor:
    at_8, at_4 = plain.means(shown[:, 1]), plain.means(plain.means(shown[:, 0]))
    features = plain.lrelu(plain.conv(d.seen[0], shown[:, 2]))
    for halve, picture in ((d.halved[1], at_8), (d.halved[0], at_4)):
        features = plain.compared(features)
        for layer in (layer for layer in halve[1] if isinstance(layer, nn.Conv2d)):
            features = plain.lrelu(plain.conv(layer, features))
        features = torch.cat([plain.means(features), picture], 1)
    _, conv, _, _, dense, _, last, _ = d.ending
    features = plain.lrelu(plain.conv(conv, plain.compared(features))).flatten(1)
    return plain.dense(last, plain.lrelu(plain.dense(dense, features)), 1.0)[:, 0]


def test_both_networks_are_the_papers_with_their_gradients():
    g, d = built()
    g.forward = g.shown  # all scales, as in training
    plain.assert_same(g, plain_generator, seeded(8, 6))
    plain.assert_same(d, plain_discriminator, d.shown(seeded(8, 3, 16, 16).tanh()))
