"""Methods: what their files promise, and what follows from it elsewhere: configurations, settings, branches."""

import dataclasses
import subprocess
import sys
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from core.errors import UserError
from core.gan import methods, networks
from core.gan.methods import ADVERSARIAL, METHODS
from core.gan.request import TRAIN_PRESETS, TrainRequest
from core.gan.zoo import cost, model_folder
from core.settings import setting, settings_of
from support.fitting import fitting

TINY = {"size": 16, "width_g": 4, "width_d": 4, "latent": 6}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_table_is_read_without_torch():
    code = "import sys; from core.gan.methods import METHODS; print(*METHODS, 'torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == [*METHODS, "False"]


@pytest.mark.parametrize("method", METHODS)
def test_a_configuration_makes_the_network_again(method):
    """Of every kind of norm: the same tensors, and with them the same outputs."""
    for norm_g, norm_d in (("batch", "batch"), ("none", "spectral"), ("none", "none")):
        g, d = networks.build(fitting(method, **TINY, norm_g=norm_g, norm_d=norm_d, minibatch_stddev=True), seeded(1))
        latents = g.latents(3, seeded())
        images = torch.rand(3, 3, 16, 16, generator=seeded()) * 2 - 1
        for network, again, shown in (
            (g, networks.generator(g.config), latents),
            (d, methods.load(method).partner(**d.config), images),
        ):
            again.load_state_dict(network.state_dict(), strict=True)
            assert again.config == network.config
            for mode in (False, True):
                torch.testing.assert_close(again.train(mode)(shown), network.train(mode)(shown), rtol=0, atol=0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("norm_d", ["batch", "spectral", "none"])
def test_what_networks_take_is_told_before_they_are_made(method, norm_d):
    g, d = networks.build(fitting(method, **TINY, norm_d=norm_d), seeded())
    latents = g.latents(1, seeded())
    of_g, made = cost.of(model_folder.planned_generator(g.config), *latents.shape[1:])
    assert made == (3, 16, 16)
    found = [(of_g, g)]
    if method in ADVERSARIAL:
        of_d, judged = cost.of(model_folder.planned_discriminator(d.config), 3, 16, 16)
        assert judged == ()
        found.append((of_d, d))
    for told, network in found:
        assert told.size > 4 * sum(value.numel() for value in network.state_dict().values())
        assert told.sums > 0


@pytest.mark.parametrize("method", settings_of(TrainRequest)["norm_d"].only_for)
def test_spectral_norm_follows_from_the_configuration(method):
    """All of its layers, and none without."""
    _, d = networks.build(TrainRequest(method=method, **TINY, norm_d="spectral"), seeded(1))
    again = networks.discriminator(d.config)
    again.load_state_dict(d.state_dict())
    layers = [layer for layer in again.eval().modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert len(layers) >= 3
    for layer in layers:
        largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item()
        assert largest == pytest.approx(1, abs=0.05)
    _, plain = networks.build(TrainRequest(method=method, **TINY, norm_d="none"), seeded(1))
    assert {type(layer) for layer in plain.modules()}.isdisjoint(type(layer) for layer in layers)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "wrong", [{"norm": "instance"}, {"norm": 1}, {"width": "4"}, {"width": 0}, {"width": True}, {"width": 2**17},
              {"size": 3.5}, {"colour": "red"}, {"method": "other"}, {"method": ["dcgan"]}, {"self": None}]
)  # fmt: skip
def test_a_configuration_of_anybody_is_believed_only_where_it_makes_sense(method, wrong):
    g, d = networks.build(fitting(method, **TINY), seeded())
    for make, config in ((networks.generator, g.config), (networks.discriminator, d.config)):
        with pytest.raises((ValueError, TypeError)):
            make({**config, **wrong})
    with pytest.raises(KeyError):
        networks.generator({name: value for name, value in g.config.items() if name != "method"})


@pytest.mark.parametrize("method", METHODS.keys() - ADVERSARIAL)
def test_an_encoder_is_not_taken_for_a_discriminator(method):
    _, encoder = networks.build(fitting(method, **TINY), seeded())
    with pytest.raises(ValueError, match="no discriminator"):
        networks.discriminator(encoder.config)


def test_the_lesson_is_the_lessons():
    """AI-For-Beginners, lesson 17: its layers, its rate, and no averaging, as written in its notebook."""
    request = TrainRequest(**TRAIN_PRESETS["lesson"])
    g, d = networks.build(request, seeded())
    sizes = [(layer.in_features, layer.out_features) for layer in g.modules() if isinstance(layer, nn.Linear)]
    assert sizes == [(100, 256), (256, 512), (512, 1024), (1024, 32 * 32)]
    assert sum(isinstance(layer, nn.BatchNorm1d) for layer in g.modules()) == 3
    sizes = [(layer.in_features, layer.out_features) for layer in d.modules() if isinstance(layer, nn.Linear)]
    assert sizes == [(32 * 32, 512), (512, 256), (256, 1)]
    slopes = [layer.negative_slope for net in (g, d) for layer in net.modules() if isinstance(layer, nn.LeakyReLU)]
    assert slopes == [0.2] * 5
    assert not any(isinstance(layer, nn.BatchNorm1d | nn.Dropout) for layer in d.modules())
    weights = [layer.weight for layer in g.modules() if isinstance(layer, nn.Linear)]
    for weight in weights:  # He et al. 2015: variance 2 / inputs
        assert weight.var().item() * weight.shape[1] == pytest.approx(2, rel=0.05)
    assert (request.loss, request.rate_g, request.rate_d, request.beta1, request.ema) == (
        "original", 0.0002, 0.0002, 0.5, 0.0,
    )  # fmt: skip
    assert not any((request.vary_colour, request.translate, request.cut_out))


def test_the_lessons_dcgan_is_the_lessons():
    """The same notebook; its kernels of 3 px make 31 px of 28, ours of 4 px make 32."""
    request = TrainRequest(**TRAIN_PRESETS["lesson_dcgan"])
    g, d = networks.build(request, seeded())
    ups = [layer for layer in g.modules() if isinstance(layer, nn.ConvTranspose2d)]
    assert [(layer.in_channels, layer.out_channels) for layer in ups] == [(100, 256), (256, 128), (128, 64), (64, 1)]
    downs = [layer for layer in d.modules() if isinstance(layer, nn.Conv2d)]
    assert [(layer.in_channels, layer.out_channels) for layer in downs] == [(1, 64), (64, 128), (128, 256), (256, 1)]
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in g.modules()) == 3
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in d.modules())
    assert (request.loss, request.rate_g, request.rate_d, request.beta1, request.ema, request.batch) == (
        "original", 0.0002, 0.0002, 0.5, 0.0, 256,
    )  # fmt: skip


# ---------------------------------------------------------------- settings


@dataclass(frozen=True)
class Mixing(TrainRequest):
    """With a setting that says something to one method only."""

    mixing: float = setting(0.5, "Mixing", "For the test.", lo=0.0, hi=1.0, only_for=("connected",))


def test_a_setting_that_would_do_nothing_is_refused_unless_it_is_left_alone():
    assert Mixing(method="connected", mixing=0.9).mixing == 0.9
    assert Mixing(method="dcgan").mixing == 0.5
    assert Mixing.from_recipe(Mixing(method="dcgan").recipe()) == Mixing(method="dcgan")
    with pytest.raises(UserError, match=r"Mixing is 0\.9, but does nothing .*'dcgan'; leave it at 0\.5.* connected"):
        Mixing(method="dcgan", mixing=0.9)


def test_settings_are_only_for_methods_that_there_are():
    for about in settings_of(TrainRequest).values():
        assert set(about.only_for) <= METHODS.keys()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", settings_of(TrainRequest))
def test_what_changes_a_network_is_structural(method, name):
    """A branch may change everything else, so with everything else the networks have to stay what they are."""
    about, plain = settings_of(TrainRequest)[name], fitting(method, grown_at=0)
    if not about.applies(method):
        return  # it can have no other value
    if about.choices:
        others = [choice for choice in about.choices if choice != getattr(plain, name)]
    elif about.type is bool:
        others = [not about.default]
    else:
        others = [about.lo, about.hi]
    for other in others:
        try:
            changed = dataclasses.replace(plain, **{name: other})
        except UserError:
            continue  # this does not go with the others
        if methods.load(changed.method).configs(changed) != methods.load(method).configs(plain):
            assert about.structural
