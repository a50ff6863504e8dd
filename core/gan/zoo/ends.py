"""How a network ends that no norm tells of: by the range of what comes to its end, which tanh, a sigmoid and nothing at
all let different things learn. Knows no files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from core.gan.zoo.cost import BLOCK
from core.gan.zoo.questions import Answers, Option, Question
from core.gan.zoo.recognise import Found

NEAR, MOST, MANY = 0.1, 0.95, 0.3  # to -1 or 1; the shares of pixels that have to be no farther, and so near
# What comes to the end of fully connected networks, of such decoders, and of networks with convolutions.
FAR_FLAT, FAR_DECODED, FAR = -8, -6.5, -30
FARTHEST_FLAT = -11  # no fully connected network with tanh is near that
BRIGHT, BRIGHTEST = 2.5, 0.95  # farther out lie more than all but this share, of grey pictures
BOLD = 1.0  # from the darkest quarter to the brightest, of pictures in colour that tanh makes
AT_ZERO, BACKGROUND = 0.2, 0.3  # what is black of 0 to 1, and how large a share of the picture it is
DARK, FEW = -0.3, 0.01  # of -1 to 1; the share of pixels that may be darker
PALE = -2.5  # what comes to a sigmoid that makes nothing darker than 0.08 of 0 to 1


@torch.no_grad()
def ended(found: Found, best: Answers, questions: Sequence[Question]) -> tuple[Answers, tuple[Option, ...]]:
    """With the end that the range of what comes to it tells of; and the ends there may as well be, where it does not.

    Where nothing that tanh makes is dark it was taught with pictures of 0 to 1, as files hold them; where what comes to
    it lies at -1 and 1 already, there is none; and where half of what comes to it lies farther out than tanh lets
    anything learn, it is a sigmoid, which lets it twice as far; of fully connected layers tanh is in question until far
    beyond that. Where tanh makes bolder pictures than there are, a sigmoid is in question; behind a decoder, which
    mostly has one, it is tanh where they are not too bold, and nothing at all as well where a sigmoid would make
    nothing dark.

    Of 49 networks with grey pictures and tanh, the median that came to it was above -7.5 in all fully connected ones
    and above -14 in all with convolutions, and these were never too bold; of 14 with a sigmoid that were no decoders it
    was farther out in 7, and those with convolutions and norms were all too bold. Pictures in colour spread by 0.8 and
    0.9 in two networks with tanh, by 1.2 to 1.4 in four with a sigmoid. Of 111 grey decoders 3 ended otherwise.
    Six known decoders would be so pale behind a sigmoid: none of them has one, four have nothing, two have tanh."""
    ends = {option.tag: option for question in questions for option in question.options if question.name == "end"}
    first = best["end"].tag
    if first not in ("tanh", "sigmoid") or len(ends) < 2:
        return best, ()
    network = found.network({**best, "end": replace(best["end"], value="")})
    made = network(network.latents(BLOCK, torch.Generator().manual_seed(0)))
    flat, grey = all(step.kind == "linear" for step in found.steps), made.shape[1] == 1
    others = tuple(ends[tag] for tag in ("tanh", "sigmoid") if tag in ends)
    if "sigmoid" in ends and grey and (median := made.median()) < _farthest(flat, first):
        sure = not flat or first == "sigmoid" or bool(median < FARTHEST_FLAT)
        return {**best, "end": ends["sigmoid"]}, () if sure else others
    bold = not (flat and grey) and _too_bold(made)  # fully connected ones with grey pictures the median tells
    if first == "sigmoid":
        pale = _quantile(made, FEW) > PALE
        none = tuple(ends[tag] for tag in ("unit", "linear") if pale and tag in ends)
        return best, () if bold and not none else (*others, *none)
    at_ends = ((made.abs() - 1).abs() < NEAR).float().mean() > MANY
    if "linear" in ends and at_ends and (made.abs() < 1 + 2 * NEAR).float().mean() > MOST:
        return {**best, "end": ends["linear"]}, ()
    pictures = made.tanh()
    if (pictures < DARK).float().mean() < FEW and made.max() > -DARK:
        black = (pictures < AT_ZERO).float().mean() > BACKGROUND
        return {**best, "end": ends["tanh-unit"]}, () if black else others
    return best, others if bold else ()


def _too_bold(made: Tensor) -> bool:
    """Whether tanh of it has more contrast than pictures have; those with transparency are drawn, as bold as can be."""
    if made.shape[1] == 1:
        return _quantile(made, BRIGHTEST) > BRIGHT
    pictures = made.tanh()
    return made.shape[1] == 3 and _quantile(pictures, 0.75) - _quantile(pictures, 0.25) > BOLD


def _farthest(flat: bool, first: str) -> float:
    return FAR if not flat else FAR_DECODED if first == "sigmoid" else FAR_FLAT


def _quantile(values: Tensor, share: float) -> float:
    """Of any number of values; torch's own takes few."""
    flat = values.flatten()
    return float(flat.kthvalue(max(1, int(share * len(flat)))).values)
