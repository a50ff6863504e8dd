"""All that a file leaves open, answered together: the rows of pictures that a person chooses from. Which ends are in
doubt hangs on the other answers of a row, as those decide what comes to its end. Knows no files.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
from collections.abc import Iterator, Mapping, Sequence

import torch

from core.errors import UserError
from core.gan.zoo.cost import BLOCK
from core.gan.zoo.ends import ended
from core.gan.zoo.layers import Foreign
from core.gan.zoo.questions import Answers, Option, Question
from core.gan.zoo.recognise import Found
from core.visitors import policy

ROWS = 24  # of one file, to be chosen from
READINGS = 100  # compared of one file, about
SEEN = 0.03  # how far pixels differ on average, of -1 to 1, for a difference that is seen
Left = Mapping[str, tuple[Option, ...]]  # name of an open question -> all answers that may be true, the best first


def together(
    found: Found, searched: Answers, best: Answers, ends: Sequence[Option], left: Left, questions: Sequence[Question]
) -> tuple[tuple[Answers, ...], Left]:
    """The likeliest of all answers to what is open, the end among it, none where only one is left; and what is open
    then. `searched`: the answers before what comes to the end told of it, `best` those after, `ends` in doubt then."""
    network = found.network(best)
    sums = max(1, found.cost(best, network).sums)
    own = policy.limits().evidence_sums >= 2 * ROWS * BLOCK * sums  # whether each row is looked at
    ranked: list[tuple[int, int, tuple[int, ...], Answers]] = []
    for ranks in itertools.islice(_likeliest([len(options) for options in left.values()]), ROWS):
        picked = {name: options[rank] for (name, options), rank in zip(left.items(), ranks, strict=True)}
        way, doubtful = {**best, **picked}, ends
        with contextlib.suppress(UserError):  # too large, read so
            if any(ranks) and own:
                way, doubtful = ended(found, {**searched, **picked}, questions)
            network = found.network(way)
            others = [end for end in (*doubtful, best["end"]) if end != way["end"]]
            seen = [end for end in others if differ(network, found, {**way, "end": end})]
            for rank, end in enumerate(dict.fromkeys([way["end"], *seen])):
                all_ranks = (*ranks, rank)
                ranked.append((sum(all_ranks), max(all_ranks), all_ranks, {**way, "end": end}))
    rows = tuple(row for *_, row in sorted(ranked, key=lambda ranking: ranking[:3])[:ROWS])
    asked = tuple(dict.fromkeys([best["end"], *(row["end"] for row in rows)]))
    return rows if len(rows) > 1 else (), {**left, "end": asked} if len(asked) > 1 else left


@torch.no_grad()
def differ(network: Foreign, found: Found, answers: Answers) -> bool:
    """Whether its pictures look otherwise with these answers."""
    try:
        other = found.network(answers)
    except UserError:
        return False
    if any(other.config.get(what) != network.config.get(what) for what in ("latent", "size", "classes")):
        return True
    sums = max(1, found.cost(answers, other).sums)
    count = max(2, min(BLOCK, policy.limits().evidence_sums // (READINGS * sums)))
    latents = network.latents(count, torch.Generator().manual_seed(0))
    return float((network(latents) - other(latents)).abs().mean()) > SEEN


def _likeliest(counts: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Of each question the rank of an answer, in all ways: those with the fewest unlikely ones first, and none very
    unlikely."""
    first = (0,) * len(counts)
    waiting, known = [(0, 0, first)], {first}
    while waiting:
        _, _, ranks = heapq.heappop(waiting)
        yield ranks
        for i, rank in enumerate(ranks):
            other = (*ranks[:i], rank + 1, *ranks[i + 1 :])
            if rank + 1 < counts[i] and other not in known:
                known.add(other)
                heapq.heappush(waiting, (sum(other), max(other), other))
