"""How networks know of classes, where there are any: conditional GANs (Mirza & Osindero 2014, arXiv:1411.1784).

A generator takes latents [N, latent + classes]: behind the random numbers stands how much of each class a picture is,
in all 1, so that there is something between two of them. The first layer's weights for a class are its embedding. (Made
to count as much as all random numbers together, each class of drawn digits was one and the same picture.) A
discriminator adds to its logit how well the features of the picture fit the class (the projection of Miyato & Koyama
2018, arXiv:1802.05637, equation 3). Without classes, networks are what they were before.
"""

from __future__ import annotations

from torch import Tensor, nn


class Projection(nn.Module):
    """Features [N, C, ...] and shares of classes [N, classes] -> how well they fit, [N]. `table` is classes -> C."""

    def __init__(self, table: nn.Linear):
        super().__init__()
        self.table = table

    def forward(self, features: Tensor, shares: Tensor) -> Tensor:
        pooled = features if features.ndim == 2 else features.flatten(2).mean(2)
        return (self.table(shares) * pooled).sum(1)


def opinion(layers: nn.Sequential, seen: Tensor, projection: Projection | None, shares: Tensor | None) -> Tensor:
    """Logits [N] of a discriminator whose last layers are one that makes a number out of features, and one that lays
    numbers in a row. Where no class is told, pictures are judged whatever they show."""
    if projection is None or shares is None:
        return layers(seen)
    features = layers[:-2](seen)
    return layers[-2:](features) + projection(features, shares)
