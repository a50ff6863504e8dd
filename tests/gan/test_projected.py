"""Projected GANs: our own network sees and is not learned, features are mixed, scales are judged and excited."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import nn

from core import files, perceptual
from core.errors import UserError
from core.gan import checkpoint, measures, networks
from core.gan.methods import projected
from core.gan.request import TrainRequest
from core.gan.train import Training
from core.hub import registry
from core.runs import lifecycle
from support import plain

SMALL = {"method": "projected", "size": 16, "width_g": 4, "width_d": 4, "latent": 6, "batch": 8, "loss": "hinge"}


def seeded(*shape: int, seed: int = 3) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def built(**more) -> tuple[projected.Generator, projected.Discriminator]:
    return networks.build(TrainRequest(**{**SMALL, **more}), torch.Generator().manual_seed(0))


@pytest.fixture
def training():
    pictures = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
    return Training(TrainRequest(**SMALL, steps=1000), pictures, Accelerator(cpu=True, mixed_precision="no"))


def test_the_network_that_sees_is_neither_learned_nor_kept(training):
    eyes = projected._eyes(torch.device("cpu"), torch.float32)
    before = {name: value.clone() for name, value in eyes.state_dict().items()}
    mixed = [layer.weight.clone() for layer in training.d.modules() if isinstance(layer, projected.Mixing)]
    training.step()
    assert all(torch.equal(value, before[name]) for name, value in eyes.state_dict().items())
    assert not any(p.requires_grad or p.grad is not None for p in eyes.parameters())
    after = [layer.weight for layer in training.d.modules() if isinstance(layer, projected.Mixing)]
    assert all(map(torch.equal, mixed, after)), "fixed random numbers"
    kept = [value for part in ("g", "d", "average") for value in training.state()[part].values()]
    assert sum(value.numel() for value in kept) < sum(p.numel() for p in eyes.parameters()) / 20
    assert all(p.grad is not None for p in (*training.d.parameters(), *training.g.parameters())), "all else learns"


def test_a_missing_network_is_told_and_pictures_are_made_without(training, tmp_path, monkeypatch):
    projected._eyes.cache_clear()
    registry.entries()
    monkeypatch.setattr(registry, "BUNDLE", tmp_path)
    with pytest.raises(UserError, match=r"weights/perceptual\.safetensors is missing .* install it again"):
        training.step()
    assert training.g(seeded(2, 6)).shape == (2, 3, 16, 16)


def test_what_was_first_asked_for_while_sampling_is_fit_for_training(training):
    projected._eyes.cache_clear()
    with torch.inference_mode():
        training.d(seeded(2, 3, 16, 16).tanh())
    training.step()


def test_blur_fades_within_twenty_thousand_pictures_or_a_quarter_of_the_run(training):
    request = TrainRequest(method="projected", batch=32, steps=10_000)
    found = [projected.blur(request, step) for step in (0, 250, 500, 625, 9999)]
    assert found == pytest.approx([1.0, 0.6, 0.2, 0.0, 0.0])
    short = TrainRequest(method="projected", batch=32, steps=400)
    assert [projected.blur(short, step) for step in (0, 50, 100, 399)] == [1.0, 0.5, 0.0, 0.0]
    training.steps = 125  # of 250
    training.step()
    assert training.d.blur == 0.5
    assert training.state()["d"]["blur"] == 0.5


@pytest.mark.parametrize("deviation", [0.3, 1.0])
def test_blurred_is_by_a_gaussian(deviation):
    images, reach = seeded(2, 3, 16, 16), math.ceil(3 * deviation)
    weights = [math.exp(-((x / deviation) ** 2) / 2) for x in range(-reach, reach + 1)]
    wide = F.pad(images, (reach,) * 4, mode="replicate")
    expected = torch.zeros_like(images)
    for row, a in enumerate(weights):
        for column, b in enumerate(weights):
            expected += a * b * wide[:, :, row : row + 16, column : column + 16] / sum(weights) ** 2
    torch.testing.assert_close(projected.blurred(images, deviation), expected, rtol=1e-5, atol=1e-6)
    assert projected.blurred(images, 0.0) is images


def test_pictures_that_can_be_seen_through_are_seen_on_white_and_on_black():
    _, d = built(colour="rgba")
    white = torch.ones(2, 4, 16, 16)
    clear = torch.cat([white[:, :3], -white[:, 3:]], 1)
    on_white, on_black = projected._in_colour(clear)
    assert (on_white == 1).all()
    assert (on_black == 0).all()
    assert not torch.allclose(d.eval()(white), d(clear), atol=1e-4)
    (grey,) = projected._in_colour(-white[:, :1])
    assert torch.equal(grey, torch.zeros(2, 3, 16, 16))


@pytest.mark.parametrize(("size", "gates"), [(16, 1), (32, 1), (64, 1), (128, 2), (256, 3)])
def test_from_64_px_gates_lead_from_4_to_64_and_on_as_in_fastgan(size, gates):
    g, _ = built(size=size)
    assert len(g.excited) == gates
    assert g.reach == min(4, size.bit_length() - 3)


def test_pictures_larger_than_those_it_trains_on_are_refused():
    _, d = built()
    with pytest.raises(ValueError, match="size is 512"):
        networks.discriminator({**d.config, "size": 512})


def test_what_flatters_it_is_said():
    for name, measure in measures.MEASURES.items():
        flattered = name in ("kid", "density", "coverage")
        assert ("flatters" in measure.said("projected")) == flattered
        assert measure.said("dcgan") == measure.meaning
    run = lifecycle.create(TrainRequest(**SMALL), {"kind": "drawn", "name": "portraits", "count": 40}, "Faces")
    for step in (10, 20):
        files.write_text(files.make_folder(run.path / "checkpoints") / f"step-{step:08}.pt", "")
        files.append(run.path / "scores.jsonl", f'{{"step": {step}, "name": "kid", "value": {step}}}\n', "Scores")
    assert checkpoint.reason(run, 10, None).endswith(measures.FLATTERED), "which the card says"


# ---------------------------------------------------------------- a plain reference


def plain_batch_norm(layer: nn.BatchNorm2d, features: torch.Tensor) -> torch.Tensor:
    mean = features.mean((0, 2, 3), keepdim=True)
    normed = (features - mean) / (((features - mean) ** 2).mean((0, 2, 3), keepdim=True) + layer.eps).sqrt()
    return normed * layer.weight[:, None, None] + layer.bias[:, None, None]


def plain_generator(g: nn.Module, latents: torch.Tensor) -> torch.Tensor:
    """At 16 px: one gate, from 4 to 16 px."""

    def gated(norm, features):
        made, gate = plain_batch_norm(norm, features).chunk(2, 1)
        return made / (1 + torch.exp(-gate))

    at_4 = gated(g.beginning[1], torch.einsum("nl,lchw->nchw", latents, g.beginning[0].weight))
    features = at_4
    for _, conv, norm, _ in g.doubled:
        features = gated(norm, F.conv2d(plain.repeated(features), conv.weight, padding=1))
    _, first, _, second, _ = g.excited[0].layers
    squeezed = torch.einsum("nchw,ochw->no", at_4, first.weight)
    squeezed = squeezed / (1 + torch.exp(-squeezed))
    gate = 1 / (1 + torch.exp(-squeezed @ second.weight[:, :, 0, 0].T))
    return torch.tanh(F.conv2d(features * gate[:, :, None, None], g.picture[0].weight, g.picture[0].bias, padding=1))


def plain_features(images: torch.Tensor) -> list[torch.Tensor]:
    """Convolutions, ReLU, and the mean of each four pixels between scales."""
    net = perceptual.load("bundled").double()
    features = F.pad((images - net.mean) / net.std, (1, 1, 1, 1), mode="replicate")
    found = []
    for name, conv in net.convs.items():
        features = plain.means(features) if name[-2:] == "_1" and name != "relu1_1" else features
        padding = 0 if name == "relu1_1" else 1
        features = F.conv2d(features, conv.weight, conv.bias, padding=padding).clamp(min=0)
        found += [features] if name in projected.LAYERS else []
    return found


def plain_head(head: nn.Sequential, features: torch.Tensor) -> torch.Tensor:
    layers = [layer for layer in head if isinstance(layer, nn.Conv2d)]
    for layer in layers:
        learned = layer.parametrizations.weight
        matrix = learned.original.flatten(1)
        with torch.no_grad():  # algorithm 1 of Miyato et al.
            v = F.normalize(matrix.T @ learned[0].u, dim=0)
            u = F.normalize(matrix @ v, dim=0)
        weight = learned.original / (u @ matrix @ v)
        features = F.conv2d(features, weight, layer.bias, layer.stride, layer.padding)
        features = features if layer is layers[-1] else plain.lrelu(features)
    return features.flatten()


def plain_discriminator(d: nn.Module, images: torch.Tensor) -> torch.Tensor:
    larger = F.interpolate((images + 1) / 2, scale_factor=2, mode="bilinear")  # below 64 px
    mixed = [F.conv2d(f, mix.weight) for f, mix in zip(plain_features(larger), d.across, strict=True)]
    for scale in (2, 1, 0):
        smaller = F.interpolate(mixed[scale + 1], scale_factor=2, mode="bilinear")
        mixed[scale] = F.conv2d(mixed[scale] + smaller, d.down[scale].weight, padding=1)
    return torch.stack([plain_head(head, f) for head, f in zip(d.heads, mixed, strict=True)], 1)


def test_both_networks_are_the_papers_with_their_gradients():
    g, d = built()
    plain.assert_same(g, plain_generator, seeded(8, 6))
    d.forward = d.opinions  # all heads, as in training
    plain.assert_same(d, plain_discriminator, seeded(4, 3, 16, 16).tanh())


def test_what_samples_has_no_norms():
    form = built()[0].sampling_form()
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in form.modules())
