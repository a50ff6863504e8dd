"""The style itself, in closed form: features are moved until their mean and covariance are the style's.

Of all linear maps that do so, the one that moves them least: optimal transport between two Gaussians (Lu et al. 2019,
arXiv:1906.00668, for style transfer; Peyré & Cuturi 2019, section 2.6). With the photo's covariance P and the style's S

    T = P^-1/2 (P^1/2 S P^1/2)^1/2 P^-1/2

where for P^1/2 any factor does: L with P = L L' (Cholesky's) asks for one root less, T = L'^-1 (L' S L)^1/2 L^-1.

Nothing here is learnt, so no painting is unknown to it. Knows no networks, files or requests.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core.style.optimise.objective import Moments

# This part of the mean variance of both is added to every direction: where a photo hardly varies its noise is not blown
# up to the style's strength.
SHRINK = 0.03
# And so much in any case: where neither varies at all, rounding would be all there is.
FLOOR = 2e-5
# A direction with `SHRINK` of the mean variance of 256 has 1e-4 of the whole: every round brings it nearer by 2.25.
ROUNDS = 18
# For colours, which are to be met as nearly as noise allows.
COLOUR_SHRINK = 0.003


@dataclass(frozen=True)
class Move:
    """A way that features go: every one times `matrix` [N, C, C], then by `shift` [N, C]; N as theirs, or 1."""

    matrix: Tensor
    shift: Tensor

    @classmethod
    def between(cls, found: Moments, wanted: Moments, shrink: float = SHRINK) -> Move:
        """The shortest from these moments, mean [N, C] and covariance [N, C, C], to the wanted ones."""
        have, want = found.covariance, wanted.covariance
        more = shrink * _mean_variance(have + want) / 2 + FLOOR
        identity = torch.eye(have.shape[1], device=have.device)
        move = transport_map(have + more * identity, want + more * identity)
        moved = (_precise(move) @ _precise(found.mean)[:, :, None])[:, :, 0]  # as in `moments_of`
        return cls(move, wanted.mean - moved.float())

    def part(self, share: float) -> Move:
        """So much of the way: 0 stays, 1 is all of it."""
        stay = torch.eye(self.matrix.shape[1], device=self.matrix.device)
        return Move(torch.lerp(stay, self.matrix, share), share * self.shift)

    def __call__(self, features: Tensor) -> Tensor:
        """features [N, C, H, W] -> the same, moved."""
        rows = features.flatten(2).transpose(1, 2).float()  # [N, H W, C]: channels lie next to each other
        moved = torch.baddbmm(self.shift[:, None], rows, self.matrix.expand(len(rows), -1, -1))
        return moved.transpose(1, 2).unflatten(2, features.shape[2:]).to(features.dtype)


def moments_of(features: Tensor) -> Moments:
    """Of [N, C, H, W] as if it were one picture: mean [1, C], Gram matrix [1, C, C].

    In float64, then rounded: how a sum is shared among threads shows in float32, and a painting is to be the same
    beside other programs as alone.
    """
    rows = _precise(features.transpose(0, 1).flatten(1))  # [C, N H W]
    gram = rows @ rows.mT / rows.shape[1]
    return Moments(rows.mean(1).float()[None], gram.float()[None])


def transported(features: Tensor, found: Moments, wanted: Moments, shrink: float = SHRINK) -> Tensor:
    """features [N, C, H, W] with these moments -> the same, moved least to have the wanted mean [N, C] and covariance
    [N, C, C]."""
    return Move.between(found, wanted, shrink)(features)


def transport_map(have: Tensor, want: Tensor) -> Tensor:
    """The symmetric T [N, C, C] with T have T = want; both covariances of full rank.

    In float64: the product of both varies by a million and more, and float32 would make some of it negative.
    """
    device = have.device
    there = torch.device("cpu") if device.type == "mps" else device  # which has no float64
    lower = torch.linalg.cholesky(have.to(there).double())
    half = torch.linalg.solve_triangular(lower.mT, root(lower.mT @ want.to(there).double() @ lower), upper=True)
    return torch.linalg.solve_triangular(lower, half, upper=False, left=False).float().to(device)


def _precise(numbers: Tensor) -> Tensor:
    return numbers.float() if numbers.device.type == "mps" else numbers.double()  # which has no float64


def _mean_variance(covariance: Tensor) -> Tensor:
    """[N, C, C] -> [N, 1, 1]."""
    return covariance.diagonal(dim1=1, dim2=2).mean(1)[:, None, None]


def root(matrix: Tensor) -> Tensor:
    """The square root of a positive definite matrix [N, C, C].

    A processor finds it by eigenvectors, five times as fast as by products. A GPU would take those one by one, and
    where two variances are alike they have no gradient: there it is coupled Newton-Schulz iteration (Higham 2008,
    "Functions of Matrices", eq. 6.35), products only, for a batch at once. But for rounding, both give the same.
    """
    if matrix.device.type == "cpu" and not matrix.requires_grad:
        variances, directions = torch.linalg.eigh(matrix)
        return (directions * variances.sqrt()[:, None]) @ directions.mT
    size = matrix.norm(dim=(1, 2), keepdim=True)
    three = 3 * torch.eye(matrix.shape[1], dtype=matrix.dtype, device=matrix.device)
    found, inverse = matrix / size, three / 3
    for _ in range(ROUNDS):
        step = (three - inverse @ found) / 2
        found, inverse = found @ step, step @ inverse
    return found * size.sqrt()
