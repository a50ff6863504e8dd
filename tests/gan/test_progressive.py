"""Progressive growing: how pictures go over from one scale to the next, and what is learned on the way."""

import pytest
import torch
from torch import nn

from core.errors import UserError
from core.gan import networks, scales
from core.gan.methods import progressive
from core.gan.request import TrainRequest
from support import plain

NEARLY = 1e-6
SMALL = {"size": 32, "width": 4, "channels": 3}  # scales of 4, 8, 16 and 32 px


def generator() -> progressive.Generator:
    return begun(progressive.Generator(**SMALL, latent=6))


def discriminator() -> progressive.Discriminator:
    return begun(progressive.Discriminator(**SMALL))


def begun(network: nn.Module) -> nn.Module:
    scales.initialise(network, torch.Generator().manual_seed(1))
    return network.eval()


def at(network: nn.Module, grown: float, shown: torch.Tensor) -> torch.Tensor:
    network.grown.fill_(grown)
    with torch.no_grad():
        return network(shown)


def seeded(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("scale", [0, 1, 2])
def test_a_fade_begins_with_the_picture_before_and_ends_with_the_new_one(scale):
    g, latents = generator(), seeded(5, 6)
    old, new = at(g, scale, latents), at(g, scale + 1, latents)
    side = 4 << scale
    torch.testing.assert_close(scales.enlarged(scales.shrunk(old, side), 32), old)  # the picture before, enlarged
    assert not torch.allclose(scales.enlarged(scales.shrunk(new, side), 32), new, atol=1e-2)
    torch.testing.assert_close(at(g, scale + NEARLY, latents), old, rtol=0, atol=1e-5)
    torch.testing.assert_close(at(g, scale + 1 - NEARLY, latents), new, rtol=0, atol=1e-5)
    torch.testing.assert_close(at(g, scale + 0.25, latents), 0.75 * old + 0.25 * new, rtol=0, atol=1e-5)


@pytest.mark.parametrize("scale", [0, 1, 2])
def test_the_discriminator_goes_over_as_smoothly(scale):
    d, images = discriminator(), seeded(5, 3, 32, 32).tanh()
    old, new = at(d, scale, images), at(d, scale + 1, images)
    assert not torch.allclose(old, new, atol=1e-2)
    torch.testing.assert_close(at(d, scale + NEARLY, images), old, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(at(d, scale + 1 - NEARLY, images), new, rtol=1e-3, atol=1e-3)
    d.grown.fill_(scale)
    assert d.shown(images) is images, "it shrinks them itself"
    d.grown.fill_(scale + 0.25)
    finer, coarser = (scales.enlarged(scales.shrunk(images, 4 << s), 32) for s in (scale + 1, scale))
    torch.testing.assert_close(d.shown(images), 0.25 * finer + 0.75 * coarser)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf"), -3.0, 1e9])
def test_how_far_a_file_says_it_has_grown_is_believed_only_within_its_scales(wrong):
    g = generator()
    assert at(g, wrong, seeded(2, 6)).shape == (2, 3, 32, 32)
    assert g.stage() in ((0, 0.0), (3, 0.0))


def test_scales_are_faded_in_and_settle_in_turn():
    request = TrainRequest(method="progressive", size=32, steps=100, grown_at=60)
    found = [progressive.grown(request, step) for step in range(0, 100, 5)]
    rising = [0, 0, 0, 0.5, 1, 1, 1, 1.5, 2, 2, 2, 2.5]
    assert found == pytest.approx([*rising, *[3] * 8])
    assert progressive.grown(TrainRequest(method="progressive", grown_at=0), 0) == 3
    with pytest.raises(UserError, match="grown at step 1,500, but there are only 800 steps"):
        TrainRequest(method="progressive", steps=800)


# ---------------------------------------------------------------- a plain reference


def plain_generator(g: nn.Module, latents: torch.Tensor) -> torch.Tensor:
    """At 8x8, half faded in, of 16."""
    dense, *_, conv, _, _ = g.beginning
    features = plain.normed(plain.lrelu(plain.dense(dense, latents, 2**0.5 / 4).reshape(len(latents), -1, 4, 4)))
    features = plain.normed(plain.lrelu(plain.conv(conv, features)))
    old = torch.tanh(plain.conv(g.picture[0][0], features, 1.0))
    first, second = (layer for layer in g.doubled[0] if isinstance(layer, nn.Conv2d))
    features = plain.normed(plain.lrelu(plain.conv(first, plain.repeated(features))))
    features = plain.normed(plain.lrelu(plain.conv(second, features)))
    new = torch.tanh(plain.conv(g.picture[1][0], features, 1.0))
    return plain.repeated((plain.repeated(old) + new) / 2)


def plain_discriminator(d: nn.Module, images: torch.Tensor) -> torch.Tensor:
    at_8 = plain.means(images)
    first, second = (layer for layer in d.halved[0] if isinstance(layer, nn.Conv2d))
    new = at_8
    for layer in (d.seen[1][0], first, second):
        new = plain.lrelu(plain.conv(layer, new))
    features = (plain.lrelu(plain.conv(d.seen[0][0], plain.means(at_8))) + plain.means(new)) / 2
    _, conv, _, _, dense, _, last, _ = d.ending
    features = plain.lrelu(plain.conv(conv, plain.compared(features))).flatten(1)
    return plain.dense(last, plain.lrelu(plain.dense(dense, features)), 1.0)[:, 0]


def test_both_networks_are_the_papers_with_their_gradients():
    """In the middle of a fade; what is not at work yet has no gradient."""
    request = TrainRequest(method="progressive", size=16, width_g=4, width_d=4, latent=6)
    g, d = networks.build(request, torch.Generator().manual_seed(0))
    for network in (g, d):
        network.grown.fill_(0.5)
    plain.assert_same(g, plain_generator, seeded(8, 6))
    plain.assert_same(d, plain_discriminator, seeded(8, 3, 16, 16).tanh())
    idle = {name for net in (g, d) for name, value in net.named_parameters() if value.grad is None}
    assert idle == {
        name
        for net in (g, d)
        for name, _ in net.named_parameters()
        if name.startswith(("doubled.1.", "picture.2.", "halved.1.", "seen.2."))
    }
