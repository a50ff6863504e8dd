"""A variational autoencoder (Kingma & Welling 2014, arXiv:1312.6114), which the lesson compares the GAN with.

An encoder tells of a picture which latents it may have been made of, and the decoder, which is DCGAN's generator, makes
it again. Nobody judges; what counts is how near the picture comes, so where the latents leave something open it is the
mean of all that it could be: blurred.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor, nn

from core.gan.methods import dcgan
from core.gan.methods.method import Method, Network
from core.gan.request import TrainRequest

if TYPE_CHECKING:
    from core.gan.train import Training

FINEST = (1 / 127.5) ** 2 / 12  # the error of rounding to 8 bits: what is nearer cannot be seen


class Generator(dcgan.Generator):
    """The decoder: latents [N, latent] -> images, in DCGAN's shapes."""

    def __init__(
        self, *, method: Literal["vae"] = "vae", size: int, channels: int, latent: int, width: int,
        norm: Literal["batch", "none"] = "batch",
    ):  # fmt: skip
        super().__init__(size=size, channels=channels, latent=latent, width=width, norm=norm)
        self.config["method"] = method


class Encoder(Network):
    """Images -> mean and logarithm of the variance, [N, latent] each, of the latents they may have been made of: the
    mirror image of the decoder."""

    def __init__(
        self, *, method: Literal["vae"] = "vae", size: int, channels: int, latent: int, width: int,
        norm: Literal["batch", "none"] = "batch",
    ):  # fmt: skip
        super().__init__()
        common = {"method": method, "size": size, "channels": channels}
        self.config = {**common, "latent": latent, "width": width, "norm": norm}
        layers, widest = dcgan.down(size, channels, width, norm == "batch")
        self.layers = nn.Sequential(*layers, nn.Conv2d(widest, 2 * latent, 4, 1, 0), nn.Flatten())

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.layers(images).chunk(2, 1)
        return mean, log_variance


def both_at_once(training: Training) -> Iterator[dict[str, Tensor]]:
    """One phase: encoder and decoder learn from one loss, equation 10 of the paper with one draw a picture, in nats.

    Pictures are normal around what the decoder makes; how far they scatter is not guessed but the batch's own mean
    squared error, the likeliest (Rybkin et al. 2021, arXiv:2006.13202). Yields reconstruction, that error, and
    divergence, in nats per picture: how far the encoder's latents are from those the decoder will be given.
    """
    real, noise = training.real_batch(), training.latents()
    with training.accelerator.autocast():
        mean, log_variance = (value.float() for value in training.d(real))
        made = training.g(mean + (log_variance / 2).exp() * noise).float()
    reconstruction = (made - real).square().mean()
    divergence = (mean.square() + log_variance.exp() - log_variance - 1).sum(1).mean() / 2
    scatter = training.accelerator.reduce(reconstruction.detach(), "mean").clamp(min=FINEST)
    training.learn(reconstruction * real[0].numel() / (2 * scatter) + divergence, training.g, training.d)
    yield {"reconstruction": reconstruction, "divergence": divergence}


def _configs(request: TrainRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    config = {
        "method": request.method, "size": request.size, "channels": request.channels, "latent": request.latent,
        "width": request.width_g, "norm": request.norm_g,
    }  # fmt: skip
    return config, config


METHOD = Method(
    Generator, Encoder, dcgan.initialise, "the decoder of a variational autoencoder (Kingma & Welling 2014)", _configs,
    both_at_once,
)  # fmt: skip
