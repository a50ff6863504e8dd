"""StyleGAN in small: styles that scale features, noise, two styles in a picture, and the space that styles are in."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from core.gan import networks, points
from core.gan.methods import style
from core.gan.request import TrainRequest
from support import plain

SMALL = {"method": "style", "size": 16, "width_g": 4, "width_d": 4, "latent": 6}  # 4, 8 and 16 px; five layers


def seeded(*shape: int, seed: int = 3) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def both() -> tuple[style.Generator, style.Discriminator]:
    """As they may be after some learning: with noise that counts, and a mean style that is none of the first."""
    g, d = networks.build(TrainRequest(**SMALL), torch.Generator().manual_seed(0))
    assert isinstance(g, style.Generator)
    assert isinstance(d, style.Discriminator)
    with torch.no_grad():
        for place, layer in enumerate(layer for layer in g.modules() if isinstance(layer, style.Layer)):
            layer.strength.fill_(2.0 * (place + 1))
            layer.bias.copy_(seeded(len(layer.bias)) / 5)
        g.mean.copy_(seeded(6, seed=5))
    return g, d


def test_noise_is_another_in_each_step_and_the_same_when_a_step_is_made_again(both):
    g, _ = both
    latents = seeded(2, 6)
    first, again, other = (g.train()(z) for z in (latents, latents, seeded(2, 6, seed=4)))
    assert torch.equal(first, again)
    g.eval()
    kept, mean = g(latents), g.mean.clone()
    assert not torch.allclose(first, kept, atol=1e-3)
    assert not torch.allclose(other, g(seeded(2, 6, seed=4)), atol=1e-3)
    assert torch.equal(g(latents), kept)
    assert torch.equal(g.mean, mean), "which only training changes"


@pytest.mark.slow
def test_the_mean_style_follows_those_of_training(both):
    g, _ = both
    latents, before = seeded(8, 6), g.mean.clone()
    g.train()(latents)
    torch.testing.assert_close(g.mean, before.lerp(g.mapping(latents).mean(0), style.FOLLOWS))
    for _ in range(1500):
        g.mean.lerp_(g.mapping(latents).mean(0), style.FOLLOWS)
    torch.testing.assert_close(g.mean, g.mapping(latents).mean(0), rtol=1e-2, atol=1e-2)


def test_most_pictures_are_learned_from_two_styles_one_behind_the_other(both):
    g, _ = both
    drawn = g.training_latents(400, torch.Generator().manual_seed(0))
    assert drawn.shape == (400, 5, 6)
    changes = (drawn[:, 1:] != drawn[:, :-1]).any(2)
    assert changes.sum(1).max() == 1
    assert changes.any(1).float().mean().item() == pytest.approx(style.MIXED, abs=0.05)
    assert changes.float().mean(0).min() > 0.1, "from any layer on"
    mixed = drawn[changes[:, 1]][:1]
    coarse, fine = (g.eval()(mixed[:, layer]) for layer in (0, 4))
    made = g(mixed)
    assert not torch.allclose(made, coarse, atol=1e-3)
    assert not torch.allclose(made, fine, atol=1e-3)
    torch.testing.assert_close(g(mixed[:, :1].expand(-1, 5, -1)), coarse)


def test_a_style_scales_what_a_layer_takes_and_not_how_large_it_is(both):
    """Which is what demodulation is for: of features of deviation 1 come features of deviation 1."""
    g, _ = both
    layer = g.synthesis.same[1].convolution
    features = seeded(64, layer.in_channels, 16, 16)
    for times in (0.1, 1.0, 10.0):
        made = layer(features, times * seeded(64, 6, seed=8))
        assert made[:, :, 1:-1, 1:-1].std((0, 2, 3)).mean().item() == pytest.approx(1, rel=0.1)


# ---------------------------------------------------------------- the space of styles


def test_whoever_samples_is_among_styles(both):
    g, _ = both
    g.eval()
    names = ["7:1", "7:2", "7:1>7:2@0.25", "7:1-7:2+7:3", "7:3", "7:1~4/0.5", "7:1~4/1"]
    one, two, way, total, three, near, far = g.latents_of(names, 1.0)
    torch.testing.assert_close(one, g.mapping(torch.from_numpy(points.latents(["7:1"], 6)))[0])
    torch.testing.assert_close(way, 0.75 * one + 0.25 * two)
    torch.testing.assert_close(total, one - two + three)
    torch.testing.assert_close(near, (one + far) / 2)
    assert not torch.allclose(far, one, atol=1e-2)
    torch.testing.assert_close(
        g.sampling_form()(torch.stack([one, two])), g(torch.from_numpy(points.latents(names[:2], 6)))
    )
    shorter = g.latents_of(names, 0.5)
    torch.testing.assert_close(shorter, (g.mean + torch.stack([one, two, way, total, three, near, far])) / 2)
    assert torch.equal(g.latents_of(names, 0.0), g.mean.expand(7, -1))
    for name, among in zip(names, g.latents_of(names, 1.0), strict=True):
        assert torch.equal(g.latents_of([name], 1.0)[0], among), "bit for bit"


# ---------------------------------------------------------------- a plain reference


def plain_modulated(layer: nn.Conv2d, features: torch.Tensor, styles: torch.Tensor, demodulated: bool = True):
    """Equations 1 and 3 as they stand: each picture has weights of its own."""
    found = []
    for one, w in zip(features, styles, strict=True):
        gains = 1 + w @ layer.gains.weight.T / layer.gains.in_features**0.5 + layer.gains.bias
        weight = layer.weight / layer.weight[0].numel() ** 0.5 * gains[None, :, None, None]
        if demodulated:
            weight = weight / ((weight**2).sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        found.append(F.conv2d(one[None], weight, padding=layer.kernel_size[0] // 2))
    return torch.cat(found)


def plain_doubled(images: torch.Tensor) -> torch.Tensor:
    """Each new pixel is three quarters of the nearest old one and a quarter of the next, each way."""
    for axis in (2, 3):
        ends = images.narrow(axis, 0, 1), images.narrow(axis, -1, 1)
        before = torch.cat([ends[0], images.narrow(axis, 0, images.shape[axis] - 1)], axis)
        after = torch.cat([images.narrow(axis, 1, images.shape[axis] - 1), ends[1]], axis)
        pairs = torch.stack([0.75 * images + 0.25 * before, 0.75 * images + 0.25 * after], axis + 1)
        images = pairs.flatten(axis, axis + 1)
    return images


def plain_generator(g: nn.Module, latents: torch.Tensor) -> torch.Tensor:
    styles = latents / ((latents**2).mean(-1, keepdim=True) + 1e-8).sqrt()
    for layer in (layer for layer in g.mapping.layers if isinstance(layer, nn.Linear)):
        weight = layer.weight * 0.01 * (2 / layer.in_features) ** 0.5
        styles = plain.lrelu(styles @ weight.T + 0.01 * layer.bias)

    def styled(layer, features, place):
        made = plain_modulated(layer.convolution, features, styles[:, place])
        made = plain_doubled(made) if layer.larger else made
        return 2**0.5 * plain.lrelu(made + layer.noise * layer.strength * 0.05 + layer.bias[None, :, None, None])

    s = g.synthesis
    features = styled(s.first, s.constant.repeat(len(latents), 1, 1, 1), 0)
    pixels = plain_modulated(s.picture[0], features, styles[:, 0], False)
    for scale in (1, 2):
        features = styled(s.doubled[scale - 1], features, 2 * scale - 1)
        features = styled(s.same[scale - 1], features, 2 * scale)
        pixels = plain_doubled(pixels) + plain_modulated(s.picture[scale], features, styles[:, 2 * scale], False)
    return torch.tanh(pixels)


def plain_discriminator(d: nn.Module, images: torch.Tensor) -> torch.Tensor:
    seen, *halved = d.halved
    features = plain.lrelu(plain.conv(seen[0], images))
    for layer in halved:
        straight = plain.lrelu(
            plain.conv(layer.second[0], plain.means(plain.lrelu(plain.conv(layer.first[0], features))))
        )
        features = (straight + plain.conv(layer.around, plain.means(features), 1.0)) / 2**0.5
    _, conv, _, _, dense, _, last, _ = d.ending
    features = plain.lrelu(plain.conv(conv, plain.compared(features))).flatten(1)
    return plain.dense(last, plain.lrelu(plain.dense(dense, features)), 1.0)[:, 0]


def test_both_networks_are_the_papers_with_their_gradients(both):
    g, d = both
    plain.assert_same(g.eval(), plain_generator, seeded(4, 5, 6))
    plain.assert_same(d, plain_discriminator, seeded(8, 3, 16, 16).tanh())


def test_all_layers_begin_alike_and_the_mapping_learns_slowly():
    """Deviations are 1 wherever a layer ends; a step of Adam moves the mapping a hundredth of what it moves others."""
    g, _ = networks.build(TrainRequest(**{**SMALL, "latent": 64, "width_g": 32}), torch.Generator().manual_seed(0))
    styles = g.mapping(seeded(256, 64))
    assert styles.square().mean().sqrt().item() == pytest.approx(1, rel=0.3)
    slow = [layer for layer in g.mapping.layers if isinstance(layer, style.Slow)]
    effective = [layer.weight.std().item() * layer.scale * math.sqrt(64 / 2) for layer in slow]
    assert effective == pytest.approx([1] * style.MAPPING, rel=0.1)
