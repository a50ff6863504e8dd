"""One step of training in two phases, as the lesson teaches it: first the discriminator, then the generator through it.

A step is a generator that yields after each phase what it measured, as means over the batch or tensors [N, ...];
whoever runs it may stop to look in between. Knows no method; a method whose step is another one brings its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from core.gan.losses import beliefs, discriminator_loss, generator_loss

if TYPE_CHECKING:
    from core.gan.train import Training


def two_phases(training: Training) -> Iterator[dict[str, Tensor]]:
    """Yields loss_d, real and fake (D's beliefs), then loss_g."""
    g, d, request = training.g, training.d, training.request
    real, latents = d.shown(training.real_batch()), training.latents()

    # Phase 1: the discriminator learns that real pictures are 1 and generated ones 0.
    d.requires_grad_(True)
    with training.accelerator.autocast():
        fake = g.shown(latents).float()
        on_real = training.opinions(training.varied(real, "real"))
        on_fake = training.opinions(training.varied(fake.detach(), "fake"))
        loss_d = discriminator_loss(request.loss, on_real, on_fake, request.smoothing)
    if not training.d_waits(loss_d):
        training.learn(loss_d + training.penalty(real, fake.detach()), d)
    belief_real, belief_fake = beliefs(request.loss, on_real.detach(), on_fake.detach())
    yield {"loss_d": loss_d, "real": belief_real, "fake": belief_fake}

    # Phase 2: the generator learns through the discriminator, which is frozen: its parameters take no gradient.
    # It stays in training mode, so its batch norm sees this batch's statistics, as in the paper; and the pictures
    # are those of phase 1, as in the lesson, which saves making others.
    d.requires_grad_(False)
    with training.accelerator.autocast():
        on_fake_now = training.opinions(training.varied(fake, "generator"))
        if request.loss == "relativistic":  # it needs to know what D, as it is now, says of the real ones
            with torch.no_grad():
                on_real = training.opinions(training.varied(real, "real"))
        loss_g = generator_loss(request.loss, on_fake_now, on_real.detach())
    training.learn(loss_g, g)
    yield {"loss_g": loss_g}
