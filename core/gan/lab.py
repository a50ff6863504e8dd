"""Trainings made sick on purpose: ready-made mistakes, each beside a healthy twin with the same seed and pictures.

A pair is two runs like any others that name each other: they are started together and wait for each other at every
mark (`core.runs.processes`, `core.runs.twins`). Plain: no torch, no UI.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.errors import UserError
from core.gan.data import drawn
from core.gan.request import TrainRequest
from core.runs import lifecycle, twins
from core.runs.run_folder import Run

PICTURES = 600
SETS: Mapping[str, str] = {name: about.label for name, about in drawn.SETS.items()}
# Small enough for a sickness to show within a minute, large enough for a healthy one to show faces (bench/doctor.py).
HEALTHY: Mapping[str, Any] = {"size": 32, "width_g": 16, "width_d": 16, "latent": 32, "batch": 32, "steps": 720}


@dataclass(frozen=True)
class Sickness:
    """`changes` are settings that differ from the healthy ones; `pictures` how many both learn from, where few are the
    sickness."""

    label: str
    meaning: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    pictures: int = PICTURES


SICKNESSES: Mapping[str, Sickness] = {
    "rate_high": Sickness(
        "Rate too high", "Both networks take steps so large that each undoes the last, and nothing holds them back.",
        {"norm_d": "none", "rate_g": 0.05, "rate_d": 0.05},
    ),
    "d_strong": Sickness(
        "Discriminator too strong", "It learns a hundred times as fast and nothing holds it back.",
        {"norm_d": "none", "rate_d": 0.002, "rate_g": 0.00002},
    ),
    "no_noise": Sickness(
        "Generator without noise", "It is always given the same, so it can only make one picture.", {"noise": False}
    ),
    "no_norm": Sickness(
        "No normalisation", "Neither network's layers are kept in bounds, and steps are large.",
        {"norm_g": "none", "norm_d": "none", "rate_g": 0.005, "rate_d": 0.005, "beta1": 0.9, "translate": False},
    ),
    "ten_pictures": Sickness(
        "Ten pictures", "So few are learned by heart.", {"translate": False}, pictures=10
    ),
    "small_batch": Sickness(
        "Too small a batch", "Two pictures a step say little about all of them, and steps are large.",
        {"batch": 2, "norm_d": "none", "rate_g": 0.01, "rate_d": 0.01},
    ),
    "one_mode": Sickness(
        "One mode", "The generator is so far ahead that one kind of picture is enough to pass.",
        {"rate_d": 0.00001, "rate_g": 0.004},
    ),
}  # fmt: skip


def break_it(sickness: str, pictures: str, seed: int = 0) -> tuple[Run, Run]:
    """A sick run on one of `SETS` and its healthy twin, not begun yet."""
    about = SICKNESSES[sickness]
    healthy = TrainRequest(**HEALTHY, seed=seed)
    few = {"count": about.pictures, "least": about.pictures} if about.pictures < PICTURES else {"count": PICTURES}
    sources = [{"kind": "drawn", "name": pictures, **more} for more in (few, {"count": PICTURES})]
    requests = [TrainRequest(**{**HEALTHY, **about.changes}, seed=seed), healthy]
    name = f"{about.label}, {SETS[pictures].lower()}"
    with twins.together() as made:
        for request, source, called in zip(requests, sources, (name, f"{name}: healthy twin"), strict=True):
            made.append(lifecycle.create(request, source, called))
    return made[0], made[1]


def vary(run: Run, changes: Mapping[str, Any], steps: int) -> tuple[Run, Run]:
    """Two runs from the beginning on the pictures of `run`: one with other settings, and one with its own."""
    if not changes:
        raise UserError("Both runs would be the same; change a setting of the first.")
    name = run.name[:50]
    with twins.together() as made:
        made.append(lifecycle.begin_anew(run, {**changes, "steps": steps}, f"{name}, changed"))
        made.append(lifecycle.begin_anew(run, {"steps": steps}, f"{name}, as it was"))
    return made[0], made[1]


def healed(sick: Run) -> Run | None:
    """The newest run that came of it."""
    return next((run for run in lifecycle.all_runs() if run.config.get("branch_of") == sick.id), None)
