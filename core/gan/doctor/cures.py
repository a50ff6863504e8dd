"""What helps against what: the settings of a branch; first what stands out in the settings of the run.

A branch draws the same numbers as the run it came from, so going back alone would end where that ended: every cure
changes something.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.gan.doctor import Cure
from core.gan.doctor.signals import Signals
from core.gan.measures import DECISIVE
from core.gan.request import TrainRequest
from core.runs import lifecycle
from core.runs.run_folder import MAX_NAME, Run
from core.settings import settings_of

SMALL_BATCH = 16
FEW = 1000  # pictures; see `core.gan.data.prepare`
APART = 4  # times as high: rates that do not fit each other
HIGH = 0.01  # a rate at which hardly anything learns
SPARED = 0.7  # a checkpoint is worth going on from where its KID is below this share of the first one


@dataclass(frozen=True)
class Remedy:
    """`changes` says which settings of a run it changes; none where it does not apply. `anew`: the networks are others,
    or what they learned with the old settings is of no use."""

    label: str
    sentence: str
    changes: Callable[[TrainRequest, Signals], Mapping[str, Any]]
    anew: bool = False


def _calm(request: TrainRequest, _: Signals) -> dict[str, Any]:
    """Rates: those far above the usual become usual, else they are halved."""
    return {name: _calmer(request, name) for name in ("rate_g", "rate_d") if _applies(request, name)}


def _calmer(request: TrainRequest, name: str) -> float:
    usual, rate = _usual(name), getattr(request, name)
    return usual if rate > 2 * usual else rate / 2


def _usual(name: str) -> Any:
    return settings_of(TrainRequest)[name].default


def _usual_rates(request: TrainRequest, _: Signals) -> dict[str, Any]:
    return _odd_rates(request) if _applies(request, "rate_d") and _apart(request) else {}


def _apart(request: TrainRequest) -> bool:
    """Whether one network learns far faster than the other, or than anything learns."""
    low, high = sorted(request.rates)
    return high > APART * low or high > HIGH


def _odd_rates(request: TrainRequest) -> dict[str, Any]:
    """Rates that leave no other cure a chance, made usual."""
    odd = [name for name in ("rate_g", "rate_d") if _apart(request) or getattr(request, name) > 2 * _usual(name)]
    return {name: _usual(name) for name in odd if _applies(request, name)}


def _normalised(request: TrainRequest, _: Signals) -> dict[str, Any]:
    """What keeps layers in bounds. With a loss that punishes slopes a discriminator does without."""
    without = [name for name in ("norm_g", "norm_d") if _applies(request, name) and getattr(request, name) == "none"]
    norms = {name: _usual(name) for name in without if name == "norm_g" or request.loss in ("original", "hinge")}
    calmer = {"beta1": _usual("beta1")} if request.beta1 > _usual("beta1") else {}  # momentum, which overshoots as well
    return {**norms, **_odd_rates(request), **calmer} if norms else {}


def _slower_d(request: TrainRequest, _: Signals) -> dict[str, Any]:
    return {"rate_d": request.rate_d / 2} if _applies(request, "rate_d") else {}


def _slower_g(request: TrainRequest, _: Signals) -> dict[str, Any]:
    return {"rate_g": request.rate_g / 2}


def _augment(request: TrainRequest, _: Signals) -> dict[str, Any]:
    off = [name for name in ("vary_colour", "translate", "cut_out") if not getattr(request, name)]
    return {name: True for name in off if _applies(request, name)}


def _r1(request: TrainRequest, _: Signals) -> dict[str, Any]:
    return {"r1": 1.0} if _applies(request, "r1") and request.loss in ("original", "hinge") and not request.r1 else {}


def _relativistic(request: TrainRequest, _: Signals) -> dict[str, Any]:
    if not _applies(request, "loss") or request.loss == "relativistic":
        return {}
    return {"loss": "relativistic", "smoothing": 0.0, "r1": 0.0, "beta1": 0.0}


def _waits(request: TrainRequest, _: Signals) -> dict[str, Any]:
    if request.loss == "wasserstein" or not _applies(request, "skip_d_below"):
        return {}
    return {} if request.skip_d_below else {"skip_d_below": 0.5}


def _noise(request: TrainRequest, _: Signals) -> dict[str, Any]:
    return {} if request.noise else {"noise": True}


def _larger_batch(request: TrainRequest, _: Signals) -> dict[str, Any]:
    return {"batch": 64, **_odd_rates(request)} if request.batch < SMALL_BATCH else {}


def _applies(request: TrainRequest, name: str) -> bool:
    return settings_of(TrainRequest)[name].applies(request.method)


REMEDIES: Mapping[str, Remedy] = {
    "noise": Remedy("Give it noise", "The generator makes every picture of other random numbers.", _noise),
    "larger_batch": Remedy(
        "Larger batch", "More pictures a step, so that one step does not undo the last.", _larger_batch
    ),
    "normalise": Remedy(
        "Normalisation", "Batch norm keeps the generator's layers in bounds, spectral norm the discriminator's.",
        _normalised, anew=True,
    ),
    "usual_rates": Remedy(
        "Usual rates", "One network learned far faster than the other, or than is usual; both get the usual rate.",
        _usual_rates, anew=True,
    ),
    "calm": Remedy("Lower both rates", "Smaller steps, back to the usual where they were far above.", _calm),
    "slower_d": Remedy("Slow the discriminator down", "A lower rate, so that the generator can follow.", _slower_d),
    "slower_g": Remedy("Slow the generator down", "A lower rate, so that the discriminator can follow.", _slower_g),
    "augment": Remedy(
        "DiffAugment", "The discriminator sees every picture varied, so that it cannot know them by heart.", _augment
    ),
    "waits": Remedy("Let the discriminator wait", "It skips its step while it is far ahead.", _waits),
    "r1": Remedy("R1", "Punishes a discriminator that reacts strongly to small changes.", _r1),
    "relativistic": Remedy(
        "Relativistic loss", "The discriminator compares pairs, with R1 and R2: a generator that repeats itself loses.",
        _relativistic,
    ),
}  # fmt: skip

# What stands out in the settings is mended first; then the order is that of the evidence (../shared notes say which).
ORDER: Mapping[str, tuple[str, ...]] = {
    "collapse": (
        "noise",
        "larger_batch",
        "normalise",
        "usual_rates",
        "slower_g",
        "augment",
        "relativistic",
        "r1",
        "calm",
    ),
    "d_wins": ("larger_batch", "normalise", "usual_rates", "slower_d", "augment", "r1", "waits", "relativistic"),
    "g_wins": ("usual_rates", "slower_g", "larger_batch", "relativistic"),
    "diverging": ("larger_batch", "normalise", "calm", "relativistic", "augment"),
    "not_a_number": ("normalise", "calm", "larger_batch", "relativistic"),
    "by_heart": ("augment", "more_pictures"),
}
MORE_PICTURES = Cure(
    "more_pictures", "More pictures", "Add pictures of the same kind and start a new run with them.", {}
)


def of(name: str, signals: Signals) -> tuple[Cure, ...]:
    """Those for a diagnosis that change something in this run, the first to try first."""
    request, step = signals.request, _worth_keeping(signals)
    found = []
    for remedy in ORDER.get(name, ()):
        if remedy == "more_pictures":
            found += [MORE_PICTURES] if signals.pictures is None or signals.pictures < FEW else []
            continue
        about = REMEDIES[remedy]
        changes = about.changes(request, signals)
        if {name: value for name, value in changes.items() if value != getattr(request, name)}:
            begun = None if about.anew else step
            found.append(Cure(remedy, about.label, f"{about.sentence} {_from(begun)}", changes, begun))
    return tuple(found)


def _from(step: int | None) -> str:
    return "It begins anew: nothing of it can be kept." if step is None else f"It goes on from step {step:,}, the best."


def _worth_keeping(signals: Signals) -> int | None:
    """The step of the best checkpoint; None where it is hardly better than what training began with."""
    kid, best = signals.curve(DECISIVE), signals.best
    if best is None:
        return None
    return best if kid[best] < SPARED * kid[min(kid)] else None


def apply(run: Run, cure: Cure) -> Run:
    """The branch that tries it: a new run, ready to be started. `UserError` where the checkpoint is gone, or one more
    run than may be kept here."""
    name = next(
        called for number in itertools.count(1)
        if (called := f"{run.name[: MAX_NAME - 40]}, {cure.label.lower()}{f' {number}' if number > 1 else ''}")
        not in {other.name for other in lifecycle.all_runs()}
    )  # fmt: skip
    if cure.step is None:
        return lifecycle.begin_anew(run, cure.changes, name)
    steps = max(run.request.steps, 2 * cure.step)
    return lifecycle.branch(run, cure.step, {"steps": steps, **cure.changes}, name)
