"""Networks, losses and augmentation: shapes, the paper's numbers, and what must not change."""

import pytest
import torch
from torch import nn

from core.errors import UserError
from core.gan.augment import DRAWS, augment, cut_out, flip, translate, vary_colour
from core.gan.losses import beliefs, discriminator_loss, generator_loss, gradient_penalty, slope_penalty
from core.gan.methods import ADVERSARIAL, METHODS
from core.gan.minibatch_stddev import MinibatchStddev
from core.gan.networks import build
from core.gan.request import TRAIN_PRESETS, TrainRequest
from core.gan.spectral_norm import SpectralNorm
from core.settings import settings_of
from support.fitting import fitting


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", settings_of(TrainRequest)["size"].choices)
@pytest.mark.parametrize(("colour", "channels"), [("grey", 1), ("rgb", 3), ("rgba", 4)])
def test_every_size_and_kind_of_picture(method, size, colour, channels):
    if method == "connected" and size == 256:
        with pytest.raises(UserError, match="choose up to 128 px, or another method"):
            TrainRequest(method=method, size=size)
        return
    request = fitting(method, size=size, colour=colour, width_g=4, width_d=4, latent=6)
    g, d = build(request, seeded())
    pictures = g(torch.randn(3, 6))
    assert pictures.shape == (3, channels, size, size)
    assert pictures.abs().max() <= 1
    told = d(pictures)
    if method in ADVERSARIAL:
        assert told.shape == (3,)
    else:
        assert [of_latents.shape for of_latents in told] == [(3, 6)] * 2


def test_dcgan_is_the_papers():
    """Strided convolutions only, batch norm in all but D's first and last and G's last layer, and no other layers."""
    request = TrainRequest(**TRAIN_PRESETS["paper"])
    g, d = build(request, seeded())
    names = [type(layer).__name__ for layer in g.layers]
    assert names == ["ConvTranspose2d", "BatchNorm2d", "ReLU"] * 4 + ["ConvTranspose2d", "Tanh"]
    assert [layer.out_channels for layer in g.layers if isinstance(layer, nn.ConvTranspose2d)] == [512, 256, 128, 64, 3]
    names = [type(layer).__name__ for layer in d.layers]
    inner = ["Conv2d", "BatchNorm2d", "LeakyReLU"] * 3
    assert names == ["Conv2d", "LeakyReLU", *inner, "Conv2d", "Flatten"]
    assert {layer.negative_slope for layer in d.layers if isinstance(layer, nn.LeakyReLU)} == {0.2}
    weights = torch.cat([p.detach().flatten() for net in (g, d) for p in net.parameters() if p.dim() == 4])
    assert weights.std().item() == pytest.approx(0.02, rel=0.01)
    assert weights.mean().abs() < 1e-4
    # The count of pytorch/examples' dcgan, plus the biases of the three layers without batch norm.
    assert sum(p.numel() for p in g.parameters()) == 3_576_704 + 3
    assert sum(p.numel() for p in d.parameters()) == 2_765_568 + 64 + 1


def test_the_same_numbers_give_the_same_networks():
    request = TrainRequest(size=16, width_g=4, width_d=4)
    g, _ = build(request, seeded(1))
    again, _ = build(request, seeded(1))
    other, _ = build(request, seeded(2))
    assert all(torch.equal(a, b) for a, b in zip(g.parameters(), again.parameters(), strict=True))
    assert not torch.equal(g.layers[0].weight, other.layers[0].weight)


def test_building_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    build(TrainRequest(size=16, width_g=4, width_d=4), seeded())
    assert torch.equal(torch.random.get_rng_state(), before)


def test_spectral_norm_makes_the_largest_singular_value_one():
    weight = torch.randn(20, 8, 4, 4, generator=seeded())
    norm = SpectralNorm(20).train()
    for _ in range(30):
        normalised = norm(weight)
    assert torch.linalg.matrix_norm(normalised.flatten(1), 2).item() == pytest.approx(1, abs=1e-3)
    begun = SpectralNorm(20).eval()
    begun.begin(weight, seeded(1))
    first = begun(weight)
    assert torch.linalg.matrix_norm(first.flatten(1), 2).item() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(("count", "parts"), [(2, [2]), (4, [4]), (8, [4, 4]), (10, [5, 5])])
def test_the_minibatchs_deviation_is_that_of_its_groups(count, parts):
    features = torch.randn(count, 3, 4, 4, generator=seeded())
    layer = MinibatchStddev()
    shown = layer(features)
    assert torch.equal(shown[:, :3], features)
    at = 0
    for size in parts:
        expected = features[at : at + size].std(0, correction=0).mean()
        assert torch.allclose(shown[at : at + size, 3], expected.expand(size, 4, 4), rtol=1e-5)
        at += size
    for _ in range(200):
        layer(features)
    assert torch.allclose(layer.eval()(features)[:, 3], shown[:, 3].mean(), rtol=1e-4)


def test_a_picture_is_judged_by_itself_once_training_is_over():
    request = TrainRequest(size=16, width_g=4, width_d=4, minibatch_stddev=True)
    _, d = build(request, seeded())
    images = torch.rand(8, 3, 16, 16, generator=seeded()) * 2 - 1
    alike = images[:1].expand(8, -1, -1, -1)
    assert not torch.allclose(d(alike)[0], d(images)[0], atol=1e-6), "while training it is compared"
    d.eval()
    assert torch.allclose(d(alike)[0], d(images)[0], atol=1e-6)
    assert torch.allclose(d(images[:1])[0], d(images)[0], atol=1e-6)


def test_original_losses_are_the_formulas():
    real, fake = torch.randn(2, 50, dtype=torch.float32, generator=seeded())
    d_real, d_fake = real.double().sigmoid(), fake.double().sigmoid()
    expected = -(d_real.log().mean() + (1 - d_fake).log().mean())
    assert discriminator_loss("original", real, fake).item() == pytest.approx(expected.item(), rel=1e-5)
    assert generator_loss("original", fake, real).item() == pytest.approx(-d_fake.log().mean().item(), rel=1e-5)
    smoothed = -(0.9 * d_real.log() + 0.1 * (1 - d_real).log()).mean() - (1 - d_fake).log().mean()
    assert discriminator_loss("original", real, fake, 0.1).item() == pytest.approx(smoothed.item(), rel=1e-5)


def test_hinge_stops_caring_beyond_one():
    far = torch.tensor([3.0, 5.0])
    assert discriminator_loss("hinge", far, -far) == 0
    assert discriminator_loss("hinge", -far, far) == 10
    assert generator_loss("hinge", far, far) == -4


def test_losses_that_compare_are_the_formulas():
    """Of the relativistic one: R3GAN's pairs, each real picture with one generated; of the Wasserstein one: the
    distance, and what keeps scores near 0."""
    real, fake = torch.randn(2, 50, dtype=torch.float32, generator=seeded())
    d_real, d_fake = real.double(), fake.double()
    expected = -torch.log(torch.sigmoid(d_real - d_fake)).mean()
    assert discriminator_loss("relativistic", real, fake).item() == pytest.approx(expected.item(), rel=1e-5)
    expected = -torch.log(torch.sigmoid(d_fake - d_real)).mean()
    assert generator_loss("relativistic", fake, real).item() == pytest.approx(expected.item(), rel=1e-5)
    expected = d_fake.mean() - d_real.mean() + 0.001 * (d_real**2).mean()
    assert discriminator_loss("wasserstein", real, fake).item() == pytest.approx(expected.item(), rel=1e-5)
    assert generator_loss("wasserstein", fake, real).item() == pytest.approx(-d_fake.mean().item(), rel=1e-5)


@pytest.mark.parametrize(("loss", "moves"), [("original", True), ("hinge", True), ("relativistic", False),
                                             ("wasserstein", False)])  # fmt: skip
def test_beliefs_are_of_pairs_where_only_those_count(loss, moves):
    """Logits that are all higher by 3 are no other opinion to a D that only compares."""
    real, fake = torch.randn(2, 50, generator=seeded())
    before, after = beliefs(loss, real, fake), beliefs(loss, real + 3, fake + 3)
    assert all(torch.allclose(a, b, atol=1e-6) != moves for a, b in zip(before, after, strict=True))
    assert all(0 <= belief.min() <= belief.max() <= 1 for belief in before)


def test_penalties_are_of_the_slope():
    images = torch.randn(4, 3, 8, 8, generator=seeded()).requires_grad_(True)
    direction = torch.randn(3, 8, 8, generator=seeded(1))
    logits, squared = (images * direction).sum((1, 2, 3)), direction.square().sum().item()
    assert slope_penalty(logits, images).item() == pytest.approx(squared, rel=1e-5)
    assert gradient_penalty(logits, images).item() == pytest.approx((squared**0.5 - 1) ** 2, rel=1e-5)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_augmentation_is_differentiable_and_leaves_opacity_alone(channels):
    images = torch.rand(5, channels, 16, 16, generator=seeded()).requires_grad_(True)
    draws = torch.rand(5, DRAWS, generator=seeded(1))
    varied = augment(images, draws, colour=True, translation=True, cutout=True)
    assert varied.shape == images.shape
    varied.sum().backward()
    assert images.grad.abs().sum() > 0
    if channels == 4:
        assert torch.equal(vary_colour(images, draws[:, 1:4])[:, 3], images[:, 3])


def test_without_changes_colour_is_kept():
    images = torch.rand(2, 3, 8, 8, generator=seeded())
    assert torch.allclose(vary_colour(images, torch.full((2, 3), 0.5)), images, atol=1e-6)


def test_translation_moves_whole_pixels_and_fills_with_grey():
    images = torch.rand(1, 3, 16, 16, generator=seeded()) + 0.1
    still = torch.tensor([[0.5, 0.5]])
    assert torch.equal(translate(images, still), images)
    moved = translate(images, torch.tensor([[0.999, 0.5]]))  # two rows up
    assert torch.equal(moved[:, :, :-2], images[:, :, 2:])
    assert moved[:, :, -2:].abs().sum() == 0
    back = translate(images, torch.tensor([[0.5, 0.0]]))  # two columns right
    assert torch.equal(back[..., 2:], images[..., :-2])


def test_translation_gradient_goes_back_to_where_pixels_came_from():
    images = torch.rand(3, 2, 16, 16, dtype=torch.float64, generator=seeded(), requires_grad=True)
    draws = torch.rand(3, 2, generator=seeded(1))
    assert torch.autograd.gradcheck(lambda x: translate(x, draws), images[:, :, :6, :6].detach().requires_grad_(True))


def test_cutout_makes_a_hole_of_half_the_side():
    images = torch.ones(1, 1, 16, 16)
    middle = cut_out(images, torch.tensor([[0.5, 0.5]]))
    assert (middle == 0).sum() == 64
    corner = cut_out(images, torch.tensor([[0.0, 0.0]]))
    assert (corner == 0).sum() == 16


def test_half_of_the_pictures_are_mirrored():
    images = torch.arange(4.0).expand(2, 1, 4, 4)
    mirrored = flip(images, torch.tensor([[0.2] * DRAWS, [0.7] * DRAWS]))
    assert torch.equal(mirrored[0], images[0].flip(-1))
    assert torch.equal(mirrored[1], images[1])
