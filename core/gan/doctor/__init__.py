"""The doctor of trainings: reads what a run wrote of itself, and says in a sentence what is going on.

`diagnose(run)` gives a `Diagnosis`: its name, a sentence, its evidence (which curve, which steps) and cures, each the
changed settings of a branch. `cures.apply` makes that branch; `heal` does so unattended. Plain: no torch, no UI.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.runs.run_folder import Run


@dataclass(frozen=True)
class Kind:
    """`label` and `meaning` are for people; a `sick` run needs a cure."""

    label: str
    meaning: str
    sick: bool = False


DIAGNOSES: Mapping[str, Kind] = {
    "early": Kind("Too early to tell", "There is not enough to see yet."),
    "learning": Kind("Still learning", "The samples still come nearer to the real pictures."),
    "oscillating": Kind(
        "Oscillating healthily", "Now one network is ahead, now the other, and neither wins: so a GAN learns."
    ),
    "done": Kind("Done", "The samples come no nearer any more; more steps are of little use."),
    "collapse": Kind(
        "Mode collapse", "The generator makes the same few pictures over and over, whatever it is given.", True
    ),
    "d_wins": Kind(
        "The discriminator wins", "It tells every picture apart, so the generator is told nothing it can use.", True
    ),
    "g_wins": Kind(
        "The generator wins", "The discriminator takes generated pictures for real, so nothing better is asked.", True
    ),
    "diverging": Kind("Diverging", "The samples get worse and worse, or never began to get better.", True),
    "not_a_number": Kind("Ran away", "Numbers grew beyond all bounds, and from there on nothing can be learned.", True),
    "by_heart": Kind(
        "Learned by heart", "The samples are nearly copies of pictures it learned from, not new ones.", True
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Evidence:
    """What shows it: a `curve`, by its name among losses or measures, from step `first` to `last`; and in `words`."""

    curve: str
    first: int
    last: int
    words: str


@dataclass(frozen=True)
class Cure:
    """`changes` are the settings of the branch that begins at the checkpoint of `step`; with None it begins anew on the
    same pictures. One without changes is advice that only a person can follow."""

    name: str
    label: str
    sentence: str
    changes: Mapping[str, Any]
    step: int | None = None

    @property
    def advice(self) -> bool:
        return not self.changes


@dataclass(frozen=True)
class Diagnosis:
    """`name` is one of `DIAGNOSES`; `sentence` says what is so in this run, `cures` are the first to try first."""

    name: str
    sentence: str
    evidence: tuple[Evidence, ...] = ()
    cures: tuple[Cure, ...] = ()

    @property
    def label(self) -> str:
        return DIAGNOSES[self.name].label

    @property
    def meaning(self) -> str:
        return DIAGNOSES[self.name].meaning

    @property
    def sick(self) -> bool:
        return DIAGNOSES[self.name].sick

    @property
    def told(self) -> str:
        """All of it in a line, with what shows it."""
        shown = "; ".join(evidence.words for evidence in self.evidence)
        return f"{self.label}. {self.sentence}" + (f" ({shown}.)" if shown else "")


def diagnose(run: Run) -> Diagnosis:
    """What is going on in a run, of whatever version, as far as its folder tells; at once where nothing was written
    since it was asked last. `UserError` where its settings cannot be read."""
    return _diagnosed(run, written(run))


def written(run: Run) -> tuple[object, ...]:
    """Changes when there is something new to see in a run."""
    marks: list[object] = [*run.checkpoints()]
    for name in ("metrics.jsonl", "scores.jsonl", "config.json", "data/report.json"):
        with contextlib.suppress(OSError):
            found = (run.path / name).stat()
            marks += [name, found.st_size, found.st_mtime_ns]
    return tuple(marks)


@functools.lru_cache(64)
def _diagnosed(run: Run, _: tuple[object, ...]) -> Diagnosis:
    from core.gan.doctor import cures, rules, signals

    found = signals.read(run)
    name, sentence, evidence = rules.judge(found)
    return Diagnosis(name, sentence, evidence, cures.of(name, found))
