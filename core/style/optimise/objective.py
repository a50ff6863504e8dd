"""What a good painting is: the loss of Gatys, Ecker & Bethge (2016, CVPR), as the lesson tells it.

Content: features of a deep layer close to the photo's. Style: means and covariances of several layers' features, into
which the paper's Gram matrices come apart (see `Moments`), close to the style pictures'; unless faithful, by their
Wasserstein distance (see `StyleTarget`). Variation: neighbouring pixels close to each other. Their weighted sum is what
descends, at first with more content than was asked for.

Knows feature networks only as "picture in, named features out". Knows nothing of scales or steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.perceptual import FeatureNet
from core.style.request import StyleRequest, of_freedom

CONTENT_LAYER = "relu4_1"
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
# The picture itself counts as one more layer of style: the features that see strokes are nearly blind to hue, and
# without it the palette of the style picture arrives faded.
PALETTE = "palette"
# Content counts so many times at first, and as asked for from half-way on; when faithful, bold and free. Style is met
# within a few steps at any time, while content that was lost comes back slowly: with one weight throughout, the same
# loss takes a third more steps. But what is held so firmly at first keeps the photo's forms for good.
CONTENT_FIRST = (8, 1, 1)
# The features hardly see hue from one pixel to the next, so nothing they ask for removes speckle that is not there in
# brightness. Real paint varies less in hue than in brightness. (Not when faithful: there is to stay what there was.)
SPECKLE = 30.0
# Where 1 was asked for; when faithful, bold and free. On trial pairs a quarter of the smoothness brought paintings
# nearer to the style by a ruler of other features, with as much of the photo: it had held strokes down, not noise.
VARIATION = (3.0, 0.75, 0.75)
CONTENT = (0.08, 0.4, 0.05)
# Layers of more channels are compared without roots: theirs would cost more than they were seen to give.
WIDEST_ROOT = 128
RIDGE = 0.01  # of a channel's usual variance, added to all before roots are taken: what hardly varies has no direction


def gram(features: Tensor) -> Tensor:
    """Second moments of features over all positions, eq. 3: [N, C, H, W] -> float32 [N, C, C], a mean over H*W."""
    f = features.flatten(2).float()
    return f @ f.transpose(1, 2) / f.shape[2]


@dataclass(frozen=True)
class Moments:
    """What style is made of in one layer: the mean of its features [N, C] and their Gram matrix [N, C, C].

    Activations are never negative, so a Gram matrix is mostly the product of their means, and what makes a brush stroke
    drowns in it. We compare the two apart: means, and the Gram matrix of what is left without them (the covariance).
    """

    mean: Tensor
    gram: Tensor

    @classmethod
    def of(cls, features: Tensor) -> Moments:
        features = features.float()  # once, for both: it is a copy
        return cls(features.mean((2, 3)), gram(features))

    @classmethod
    def mixed(cls, parts: Sequence[Moments], shares: Sequence[float]) -> Moments:
        """Of several pictures together. Moments are averages, so their shares simply weigh them."""
        mean, gram = torch.zeros_like(parts[0].mean), torch.zeros_like(parts[0].gram)
        for share, part in zip(shares, parts, strict=True):
            mean, gram = mean + share * part.mean, gram + share * part.gram
        return cls(mean, gram)

    @property
    def covariance(self) -> Tensor:
        return self.gram - self.mean[:, :, None] * self.mean[:, None, :]


@dataclass(frozen=True)
class StyleTarget:
    """What one layer is compared with: mean [C] and covariance [C, C], and the size that counts as 1 for each.

    Covariances are compared by their squared difference, like the paper's Gram matrices; or where there is a `root`, by
    the Wasserstein distance of the two Gaussians that have them (Olkin & Pukelsheim 1982; for style by K. Crowson's
    style-transfer-pytorch, 2023). Squares see little but the strongest directions, and are met when these are painted
    heavily in one corner of the picture. The distance is met when every kind of stroke is everywhere.
    """

    mean: Tensor
    covariance: Tensor
    mean_size: Tensor
    covariance_size: Tensor
    ridge: Tensor
    root: Tensor | None = None

    @classmethod
    def of(cls, wanted: Moments, usual: Moments, rooted: bool = False) -> StyleTarget:
        """Measured against `wanted`, and a little against the photo's own moments (`usual`): a style of one colour has
        no covariance to speak of, and nothing may be divided by nothing."""
        mean, covariance = wanted.mean[0], wanted.covariance[0]
        pairs = (mean, usual.mean), (covariance, usual.covariance)
        mean_size, covariance_size = (w.square().sum() + 0.1 * u.square().sum() + 1e-4 for w, u in pairs)
        variance = (covariance.trace().square() + 0.1 * usual.covariance[0].trace().square() + 1e-4).sqrt()
        ridge = RIDGE * variance / len(mean)
        if not rooted or len(mean) > WIDEST_ROOT:
            return cls(mean, covariance, mean_size, covariance_size, ridge)
        values, vectors = _eigen(_plus_ridge(covariance, ridge))
        root = (vectors * values.clamp(min=ridge).sqrt()) @ vectors.T
        # Deviations that differ by a share d are d^2 apart, and their squares' squared difference is 4 d^2.
        return cls(mean, covariance, mean_size, variance / 4, ridge, root)

    def distance(self, covariance: Tensor) -> tuple[Tensor, Tensor]:
        """How far a covariance [C, C] is from the target's, and the gradient of that, [C, C]; neither is divided yet.

        With S and C the target's and the given one, both with the ridge: tr(S + C - 2 M^1/2) for M = S^1/2 C S^1/2, of
        which the gradient is 1 - S^1/2 M^-1/2 S^1/2: one less the map that would carry C's Gaussian into S's.
        """
        if self.root is None:
            apart = covariance - self.covariance
            return apart.square().sum(), 2 * apart
        values, vectors = _eigen(self.root @ _plus_ridge(covariance, self.ridge) @ self.root)
        roots = values.clamp(min=self.ridge.square()).sqrt()  # less only by rounding
        half = self.root @ vectors
        carried = (half / roots) @ half.T
        spread = covariance.trace() + self.covariance.trace() + 2 * len(roots) * self.ridge - 2 * roots.sum()
        return spread.clamp(min=0), _unit(carried) - carried


def _unit(like: Tensor) -> Tensor:
    return torch.eye(len(like), dtype=like.dtype, device=like.device)


def _plus_ridge(covariance: Tensor, ridge: Tensor) -> Tensor:
    return covariance + ridge * _unit(covariance)


def _eigen(symmetric: Tensor) -> tuple[Tensor, Tensor]:
    """Its eigenvalues and vectors; by the processor, for accelerators take longer for so small a matrix, or cannot."""
    values, vectors = torch.linalg.eigh(symmetric.cpu())
    return values.to(symmetric.device), vectors.to(symmetric.device)


class StyleDistance(torch.autograd.Function):
    """`StyleDistance.apply(features [1, C, H, W], target)`: 0 where mean and covariance agree with the target's, about
    1 for each of the two that is not there at all (4 for the covariance where roots are compared).

    The same sum written with `Moments` gives the same gradient (a test compares them) in three times the time: here
    products are taken in the features' own number format and in the order they lie in memory, and the gradient of
    both parts is a single product. With centred rows c = f - mean(f) of the K positions, the target T and the
    covariance's own gradient g,

        d loss / d f = c @ 2 g / (K T.cov_size)  +  2 (mean - T.mean) / (K T.mean_size)

    where nothing comes back through mean(f) in c, since the rows of c sum to zero.
    """

    @staticmethod
    def forward(ctx, features: Tensor, target: StyleTarget) -> Tensor:
        rows = features.flatten(2)[0].T  # [H W, C], a view: channels lie next to each other, or far apart in a picture
        positions = len(rows)
        mean = rows.mean(0, dtype=torch.float32)
        centred = _plus(rows, -mean, features.shape[3])
        apart, by_covariance = target.distance((centred.T @ centred).float() / positions)
        to_mean = mean - target.mean
        ctx.save_for_backward(
            centred,
            (by_covariance * (2 / positions / target.covariance_size)).to(rows.dtype),
            to_mean * (2 / positions / target.mean_size),
        )
        ctx.shape = features.shape
        return apart / target.covariance_size + to_mean.square().sum() / target.mean_size

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:  # pyrefly: ignore[bad-override]  # as torch asks
        centred, by_covariance, by_mean = ctx.saved_tensors
        product = torch.empty_like(centred)  # in the same order
        torch.mm(centred, (gradient * by_covariance).to(centred.dtype), out=product)
        return _plus(product, gradient * by_mean, ctx.shape[3]).T.view(ctx.shape), None


def _plus(rows: Tensor, row: Tensor, width: int) -> Tensor:
    """`rows + row`, [H * W, C] and [C]; where channels lie next to each other line by line of the picture, for a
    broadcast over so short a row is seven times slower on a processor."""
    if not rows.is_contiguous():
        return rows + row.to(rows.dtype)
    line = row.to(rows.dtype).repeat(width)
    return (rows.view(-1, len(line)) + line).view_as(rows)


def total_variation(image: Tensor) -> Tensor:
    """Mean squared difference of neighbouring pixels, across, down and along both diagonals.

    The diagonals are ours: without them a checkerboard costs no more than stripes.
    """
    pairs = (
        (image[:, :, :, 1:], image[:, :, :, :-1]),
        (image[:, :, 1:], image[:, :, :-1]),
        (image[:, :, 1:, 1:], image[:, :, :-1, :-1]),
        (image[:, :, 1:, :-1], image[:, :, :-1, 1:]),
    )
    return sum((F.mse_loss(a, b) for a, b in pairs if a.numel()), image.new_zeros(())) / 4


@dataclass(frozen=True)
class Weights:
    """How much each part counts. `layers` are the style layers' own weights, fine strokes first."""

    content: float
    style: float
    variation: float
    palette: float
    layers: tuple[float, ...] = (1.0,) * len(STYLE_LAYERS)
    content_first: float = 1.0  # so many times at first, falling to once half-way
    speckle: float = 0.0  # of the variation of hue, where brightness does not vary
    rooted: bool = False  # covariances are compared by their roots

    @classmethod
    def of(cls, request: StyleRequest, touches: bool = False) -> Weights:
        """A request's relative weights as absolute ones: 1 on the page is what looked right on our trial sheets. Of
        the last `touches` only fine strokes are asked for: no more than forms that are there already need."""
        fine, large = request.fine_strokes, 0.0 if touches else request.large_forms
        return cls(
            content=0.0 if touches else of_freedom(request.freedom, *CONTENT) * request.content_weight,
            style=request.style_weight,
            variation=of_freedom(request.freedom, *VARIATION) * request.variation_weight,
            palette=request.palette_weight,
            layers=(fine, fine, 1.0, large, large),
            content_first=of_freedom(request.freedom, *CONTENT_FIRST),
            speckle=SPECKLE * min(1.0, 2 * request.freedom) * request.variation_weight,
            rooted=request.freedom > 0,
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
        counted = {name: w for name, w in zip(STYLE_LAYERS, weights.layers, strict=True) if w > 0}
        self.layer_weights = {name: w / sum(counted.values()) for name, w in counted.items()}
        with torch.no_grad():
            if weights.content:  # else nothing is looked at that deep: it costs time
                self.content = network(photo, [CONTENT_LAYER])[CONTENT_LAYER].float()
                self.content_size = self.content.square().mean() + 1e-4
            usual, found = self._moments(photo), [self._moments(style) for style in styles]
            wanted = {name: Moments.mixed([part[name] for part in found], shares) for name in usual}
            self.styles = {name: StyleTarget.of(wanted[name], usual[name], weights.rooted) for name in usual}

    def _moments(self, picture: Tensor) -> dict[str, Moments]:
        features = self.network(picture, list(self.layer_weights)) if self.layer_weights else {}
        return {name: Moments.of(found) for name, found in {**features, PALETTE: picture}.items()}

    def __call__(self, image: Tensor, along: float = 1.0) -> tuple[Tensor, dict[str, Tensor]]:
        """image [1, 3, H, W] -> the weighted loss, and its parts (detached, weighted) as the page draws them.

        `along`: how far the descent has come, 0 to 1. Before half of it the loss has more content than its parts say.
        """
        w = self.weights
        wanted = [*self.layer_weights, *([CONTENT_LAYER] if w.content else [])]
        features = self.network(image, wanted) if wanted else {}
        content = image.new_zeros(())
        if w.content:
            content = F.mse_loss(features[CONTENT_LAYER].float(), self.content) / self.content_size
        style = w.palette * StyleDistance.apply(image, self.styles[PALETTE])
        for name, share in self.layer_weights.items():
            style = style + w.style * share * StyleDistance.apply(features[name], self.styles[name])
        parts = {
            "content": w.content * content,
            "style": style,
            "variation": w.variation * total_variation(image),
        }
        if w.speckle:
            parts["variation"] = parts["variation"] + w.speckle * total_variation(image - image.mean(1, keepdim=True))
        first = w.content_first ** max(0.0, 1 - 2 * along)
        loss = first * parts["content"] + parts["style"] + parts["variation"]
        return loss, {name: part.detach() for name, part in parts.items()}
