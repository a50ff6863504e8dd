"""What a good painting is: the loss of Gatys, Ecker & Bethge (2016, CVPR), as the lesson tells it.

Content: features of a deep layer close to the photo's. Style: Gram matrices of several layers close to the style
pictures'. Variation: neighbouring pixels close to each other. Their weighted sum is what descends.

Knows feature networks only as "picture in, named features out". Knows nothing of scales or steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.perceptual import FeatureNet
from core.settings import StyleRequest

CONTENT_LAYER = "relu4_1"
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
# The picture itself counts as one more layer of style: the features that see strokes are nearly blind to hue, and
# without it the palette of the style picture arrives faded (notes/perceptual.md saw the same).
PALETTE = "palette"


def gram(features: Tensor) -> Tensor:
    """Second moments of features over all positions, eq. 3: [N, C, H, W] -> float32 [N, C, C], a mean over H*W."""
    f = features.flatten(2).float()
    return f @ f.transpose(1, 2) / f.shape[2]


def palette(image: Tensor) -> Tensor:
    """Mean and second moments of the colours: the Gram matrix of (r, g, b, 1). [N, 3, H, W] -> [N, 4, 4]."""
    return gram(torch.cat([image, torch.ones_like(image[:, :1])], dim=1))


def variation(image: Tensor) -> Tensor:
    """Mean squared difference of neighbouring pixels, across, down and along both diagonals.

    The diagonals are ours: without them a checkerboard costs no more than stripes.
    """
    right, down = image.diff(dim=3), image.diff(dim=2)
    falling = image[:, :, 1:, 1:] - image[:, :, :-1, :-1]
    rising = image[:, :, 1:, :-1] - image[:, :, :-1, 1:]
    return sum(d.square().mean() for d in (right, down, falling, rising) if d.numel()) / 4


@dataclass(frozen=True)
class Weights:
    """How much each part counts. `layers` are the style layers' own weights, fine strokes first."""

    content: float
    style: float
    variation: float
    palette: float
    layers: tuple[float, ...] = (1.0,) * len(STYLE_LAYERS)

    @classmethod
    def of(cls, request: StyleRequest) -> Weights:
        """A request's relative weights as absolute ones: 1 on the page is what looked right on our trial sheets."""
        fine, large = request.fine_strokes, request.large_forms
        return cls(
            content=0.02 * request.content_weight,
            style=request.style_weight,
            variation=0.5 * request.variation_weight,
            palette=request.palette_weight,
            layers=(fine, fine, 1.0, large, large),
        )


class Objective:
    """Targets taken once from the photo and the styles at one scale, then the loss of any picture against them.

    Each part is divided by what its target measures (the paper uses fixed 1/4N²M²), so a part is 0 when it is met,
    about 1 when nothing of it is there, and weights mean the same for every network, size and style.
    """

    def __init__(
        self,
        network: FeatureNet,
        photo: Tensor,
        styles: Sequence[Tensor],
        shares: Sequence[float],
        weights: Weights,
    ):
        """photo: [1, 3, H, W] in [0, 1]; styles: any sizes; shares: one per style, summing to 1."""
        self.network, self.weights = network, weights
        self.style_layers = {n: w for n, w in zip(STYLE_LAYERS, weights.layers, strict=True) if w > 0}
        with torch.no_grad():
            content = network(photo, [CONTENT_LAYER])[CONTENT_LAYER]
            self.content = content.float()
            self.content_size = self.content.square().mean()
            # Gram matrices are means, so several styles mix linearly, and never mind their sizes.
            self.grams: dict[str, Tensor] = {}
            for style, share in zip(styles, shares, strict=True):
                features = network(style, list(self.style_layers)) if self.style_layers else {}
                found = {n: gram(f) for n, f in features.items()} | {PALETTE: palette(style)}
                for name, g in found.items():
                    self.grams[name] = self.grams.get(name, 0) + share * g
        total = sum(self.style_layers.values()) or 1.0
        self.layer_weights = {n: w / total for n, w in self.style_layers.items()}

    def __call__(self, image: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """image [1, 3, H, W] -> the weighted loss, and its parts (detached, weighted) as the page draws them."""
        w = self.weights
        features = self.network(image, [*self.layer_weights, CONTENT_LAYER])
        content = (features[CONTENT_LAYER].float() - self.content).square().mean() / self.content_size
        style = sum(
            (share * self._distance(name, gram(features[name])) for name, share in self.layer_weights.items()),
            start=w.palette * self._distance(PALETTE, palette(image)),
        )
        parts = {
            "content": w.content * content,
            "style": w.style * style,
            "variation": w.variation * variation(image),
        }
        return sum(parts.values()), {name: part.detach() for name, part in parts.items()}

    def _distance(self, name: str, found: Tensor) -> Tensor:
        wanted = self.grams[name]
        return (found - wanted).square().sum() / wanted.square().sum()
