"""How near a generator's pictures are to the real ones, as one number: the kernel inception distance (KID)."""

from __future__ import annotations

from torch import Tensor

from core.gan.measures.moment import Moment


def measure(moment: Moment) -> float:
    return kid(moment.real.features, moment.features)


def kid(a: Tensor, b: Tensor) -> float:
    """The unbiased squared maximum mean discrepancy between features [N, D] and [M, D], with the cubic kernel of
    Binkowski et al. 2018 (arXiv:1801.01401, equation 4), times 1000. 0: no difference; may come out slightly below."""
    a, b = a.double(), b.double()

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / x.shape[1] + 1) ** 3

    def within(x: Tensor) -> Tensor:
        products = kernel(x, x)
        return (products.sum() - products.diag().sum()) / (len(x) * (len(x) - 1))

    return 1000 * (within(a) + within(b) - 2 * kernel(a, b).mean()).item()
