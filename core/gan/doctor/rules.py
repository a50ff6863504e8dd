"""What each diagnosis looks like in the curves. The first that fits counts: the surest signs come first."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable

from core.gan.doctor import Evidence
from core.gan.doctor import thresholds as at
from core.gan.doctor.signals import Curve, Signals, middle
from core.gan.measures import DECISIVE, MEASURES

GUESSED = {"original": 2 * math.log(2), "hinge": 2.0, "relativistic": math.log(2)}  # D's loss where it knows nothing
Found = tuple[str, tuple[Evidence, ...]]  # the sentence, and what shows it


def judge(signals: Signals) -> tuple[str, str, tuple[Evidence, ...]]:
    """Name, sentence and evidence of what is going on."""
    for name, rule in RULES:
        if found := rule(signals):
            return name, *found
    return "early", f"After {signals.step:,} steps there is not enough to see yet.", ()


def _lasting(signals: Signals, name: str, words: str) -> tuple[float, Evidence] | None:
    """The middle of a curve's recent values and those as evidence; None where it is too early, or they are too few."""
    recent = signals.recent(name, at.RECENT, at.VALUES)
    if signals.step < at.EARLY_STEPS or len(recent) < at.VALUES:
        return None
    value = middle(recent)
    return value, Evidence(name, min(recent), max(recent), words.format(value))


def _not_a_number(signals: Signals) -> Found | None:
    if not signals.broken:
        return None
    name, step = min(signals.broken.items(), key=lambda item: item[1])
    return f"From step {step:,} on its numbers are none any more.", (
        Evidence(name, step, max(step, signals.step), f"{name} is not a number from step {step:,} on"),
    )


def _collapse(signals: Signals, below: float) -> Found | None:
    """It makes nearly the same pictures, and still does: one that comes out of it by itself needs no cure."""
    found = _lasting(signals, "diversity", "samples differ {:.1%} as much as real pictures do")
    if not found or max(found[0], *list(signals.curve("diversity").values())[-1:]) >= below:
        return None
    return "The generator makes nearly the same picture whatever it is given.", (found[1],)


def _identical(signals: Signals) -> Found | None:
    """It makes one picture, or was more varied before."""
    if not _has_learned(signals, at.SOON):
        return _collapse(signals, at.ONE)
    before = max(_before(signals, "diversity").values(), default=0.0)
    return _collapse(signals, max(at.IDENTICAL, min(at.SAME, at.FELL * before) if before > at.SAME else 0.0))


def _alike(signals: Signals) -> Found | None:
    if not _has_learned(signals):
        return None
    before = list(_before(signals, "diversity").values())
    if before and middle(signals.recent("diversity", at.RECENT)) > at.RISING * before[-1]:
        return None  # it is on its way
    return _collapse(signals, at.SAME)


def _before(signals: Signals, name: str) -> Curve:
    """A curve up to what is recent."""
    return {step: value for step, value in signals.curve(name).items() if step <= signals.step * (1 - at.RECENT)}


def _has_learned(signals: Signals, times: float = 1) -> bool:
    """Whether it had time to, or so many times that: with lower rates it takes longer."""
    return signals.step >= times * min(at.SLOWEST, at.LEARNED / max(*signals.request.rates, 1e-9))


def _wild(signals: Signals) -> Found | None:
    """D errs worse than one that guesses, again and again: each step undoes what the last one did."""
    recent = signals.recent("loss_d", at.RECENT, at.VALUES)
    guess = GUESSED.get(signals.request.loss)
    if guess is None or signals.step < at.EARLY_STEPS or len(recent) < at.VALUES:
        return None
    mean = statistics.fmean(recent.values())
    if mean <= at.WORSE_THAN_A_GUESS * guess:
        return None
    words = f"D's loss is {mean:.2f} on average, where one that guesses has {guess:.2f}"
    return "Both networks take steps so large that each undoes the last.", (
        Evidence("loss_d", min(recent), max(recent), words),
    )


def _few_by_heart(signals: Signals) -> Found | None:
    """So few pictures are learned by heart as soon as samples come nearer to them than they are to each other."""
    if signals.pictures is None or signals.pictures >= at.FEW:
        return None
    found = _lasting(
        signals, "by_heart_pixels", "samples are {:.0%} as far from the nearest as these are from each other"
    )
    if not found or found[0] >= at.NEAR_FEW:
        return None
    return f"There are only {signals.pictures} pictures to learn from, and the samples become copies of them.", (
        found[1],
    )


def _by_heart(signals: Signals) -> Found | None:
    recent = signals.recent("by_heart", 0.0, least=2)
    if len(recent) < 2 or max(recent.values()) >= at.COPIES:
        return None
    value = list(recent.values())[-1]
    words = f"samples are {value:.0%} as far from the nearest learned picture as new pictures are"
    return "Its samples are nearly copies of pictures it learned from.", (
        Evidence("by_heart", min(recent), max(recent), words),
    )


def _gap(signals: Signals) -> dict[int, float]:
    """How much more D believes in real pictures than in generated ones, of late; nothing where it is too early, where
    that is said too seldom, or where D's logits are no beliefs."""
    real, fake = (signals.recent(name, at.RECENT, at.VALUES) for name in ("real", "fake"))
    gap = {step: real[step] - fake[step] for step in real.keys() & fake.keys()}
    if signals.request.loss == "wasserstein" or signals.step < at.EARLY_STEPS or len(gap) < at.VALUES:
        return {}
    return gap if _has_learned(signals, at.AT_ONCE) else {}


def _d_wins(signals: Signals) -> Found | None:
    gap = _gap(signals)
    if not gap:
        return None
    losses = signals.recent("loss_g", at.RECENT, at.VALUES)
    lost = signals.request.loss in ("original", "relativistic") and losses and middle(losses) > at.BEATEN
    if middle(gap) <= at.SURE and not lost:
        return None
    words = f"it believes in real pictures by {middle(gap):.0%} more than in generated ones"
    return "The discriminator is right about nearly every picture, so the generator has nothing to go by.", (
        Evidence("real", min(gap), max(gap), words),
        Evidence("fake", min(gap), max(gap), words),
    )


def _g_wins(signals: Signals) -> Found | None:
    gap = _gap(signals)
    if not gap:
        return None
    varied = _lasting(signals, "diversity", "samples differ {:.1%} as much as real pictures do")
    alike = varied is not None and varied[0] < at.UNLEARNED
    if middle(gap) >= (at.FOOLED if alike else at.BETRAYED):
        return None
    words = f"it believes in real pictures by only {middle(gap):.0%} more than in generated ones"
    return "The discriminator cannot tell pictures apart, so the generator need not get better.", (
        Evidence("fake", min(gap), max(gap), words),
    )


def _far(signals: Signals) -> Found | None:
    """Nothing like them, though neither network is ahead."""
    found = _lasting(signals, "by_heart_pixels", "samples are {:.1f} times as far from real pictures as these are")
    if not found or found[0] <= at.FAR or not _has_learned(signals):
        return None
    return "The samples are nothing like the real pictures.", (found[1],)


def _worse(signals: Signals) -> Found | None:
    kid = signals.curve(DECISIVE)
    if signals.step < at.EARLY_STEPS or not _has_learned(signals) or len(kid) < 3:
        return None
    steps = list(kid)
    best = min(kid, key=kid.__getitem__)
    last = [kid[step] for step in steps[-2:]]
    floor = max(kid[best], signals.curve("kid_spread").get(best, 0.0))
    if steps[-2] > best and min(last) > at.LOST * floor:
        words = f"KID is {min(last) / floor:.1f} times what it was at step {best:,}"
        return "The samples get worse and worse.", (Evidence(DECISIVE, best, steps[-1], words),)
    if _has_learned(signals, at.LONG) and min(kid.values()) > at.NEVER * kid[steps[0]]:
        words = f"KID has not come below {MEASURES[DECISIVE].shown(min(kid.values()))}"
        return "The samples do not come nearer to the real pictures.", (Evidence(DECISIVE, steps[0], steps[-1], words),)
    return None


def _done(signals: Signals) -> Found | None:
    kid = signals.curve(DECISIVE)
    if len(kid) < 6:
        return None
    best = min(kid, key=kid.__getitem__)
    if signals.step - best < at.PATIENCE * signals.step:
        return None
    return f"The samples have come no nearer since step {best:,}; more steps are of little use.", (
        Evidence(DECISIVE, best, signals.step, f"KID was best at step {best:,}"),
    )


def _learning(signals: Signals) -> Found | None:
    kid = signals.curve(DECISIVE)
    before = [value for step, value in kid.items() if step <= signals.step / 2]
    after = [value for step, value in kid.items() if step > signals.step / 2]
    if not before or not after or min(after) > (1 - at.BETTER) * min(before):
        return None
    words = f"KID went from {MEASURES[DECISIVE].shown(min(before))} to {MEASURES[DECISIVE].shown(min(after))}"
    return "The samples still come nearer to the real pictures.", (Evidence(DECISIVE, min(kid), max(kid), words),)


def _oscillating(signals: Signals) -> Found | None:
    losses = {name: signals.recent(name, at.RECENT) for name in ("loss_d", "loss_g")}
    if signals.step < at.EARLY_STEPS or any(len(curve) < at.VALUES for curve in losses.values()):
        return None
    swings = {name: statistics.stdev(curve.values()) / max(abs(middle(curve)), 1e-6) for name, curve in losses.items()}
    return "Now one network is ahead, now the other, and neither wins: so a GAN learns.", tuple(
        Evidence(name, min(curve), max(curve), f"{name} varies by {swings[name]:.0%}") for name, curve in losses.items()
    )


RULES: tuple[tuple[str, Callable[[Signals], Found | None]], ...] = (
    ("not_a_number", _not_a_number),
    ("diverging", _wild),
    ("by_heart", _by_heart),
    ("collapse", _identical),
    ("d_wins", _d_wins),
    ("g_wins", _g_wins),
    ("collapse", _alike),
    ("by_heart", _few_by_heart),
    ("diverging", _far),
    ("diverging", _worse),
    ("done", _done),
    ("learning", _learning),
    ("oscillating", _oscillating),
)
