"""How often the doctor is right: python bench/doctor.py FOLDER [record|report|cures] --photos FOLDER

record     trains short runs, healthy ones and ones made sick in known ways, on two sets drawn here and on one of
           photographs, and writes into FOLDER what each measured, as a run's own folder has it. Goes on where it was
           ended; `--minutes` ends it.
report     reads that: on one half of the runs thresholds were set (`core/gan/doctor/thresholds.py`), on the other half,
           of seeds that nobody had looked at, they are judged. How many sick runs are named rightly within a third of
           their length, and how many healthy ones are alarmed anywhere.
cures      lets the first cure of every sick run go on from where it was named, to the same length, and compares KID
           with that of its healthy twin: the same pictures and seed, nothing changed. Goes on as `record` does. So
           short a run has not come far, and a sick one's KID need not be worse yet: it is told how many were, and how
           many healthy ones of other settings are as near to the twin.

Sicknesses are those of the Lab (`core/gan/lab.py`). Nets are tiny (32 px, width 16) and learn fast; a run takes a
quarter of a minute of one core; several of these may work at once.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core import files
from core.gan import lab
from core.gan.data import held_out
from core.gan.doctor import DIAGNOSES, cures, rules
from core.gan.doctor.signals import Signals
from core.gan.request import TrainRequest
from core.runs import run_folder

STEPS = 400
NOTED, QUICK, SLOW = STEPS // 100, STEPS // 50, STEPS // 10  # steps between losses, quick measures, all of them
COMPARED = 32  # pictures on each side in measures; usually there are more
SEARCHED = 96
FAST = {"loss": "relativistic", "norm_d": "none", "beta1": 0.0, "rate_g": 0.002, "rate_d": 0.002, "translate": False}
SMALL = {"size": 32, "width_g": 16, "width_d": 16, "latent": 32, "batch": 16, "steps": STEPS, **FAST}
SETS = ("portraits", "critters", "photos")
HALVES = {"thresholds set on": (0, 1), "judged on": (2, 3)}  # seeds

BEFORE = {"loss": "original", "norm_d": "spectral", "beta1": 0.5}  # the paper's loss, and what keeps it steady
HEALTHY: dict[str, dict[str, Any]] = {
    "default": {},
    "original": BEFORE,
    "hinge": {**BEFORE, "loss": "hinge"},
    "varied": {"vary_colour": True, "cut_out": True, "translate": True},
    "slow": {"rate_g": 0.001, "rate_d": 0.001},
}


@dataclass(frozen=True)
class Sick:
    """Which names of one of the Lab's sicknesses are right, as what follows from the same mistake differs; and the
    settings that it befalls."""

    right: tuple[str, ...]
    befalls: Mapping[str, Any] = field(default_factory=dict)


ORIGINAL = {"loss": "original", "beta1": 0.5}
WILD = ("collapse", "d_wins", "diverging", "not_a_number")
SICK: dict[str, Sick] = {
    "rate_high": Sick(WILD),
    "d_strong": Sick(("d_wins",), ORIGINAL),
    "no_noise": Sick(("collapse",)),
    "no_norm": Sick(WILD, ORIGINAL),
    "ten_pictures": Sick(("by_heart",)),
    "small_batch": Sick(WILD, ORIGINAL),
    "one_mode": Sick(("g_wins", "collapse")),
}


@dataclass(frozen=True)
class Case:
    way: str
    set: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.way}-{self.set}-{self.seed}"

    @property
    def sick(self) -> Sick | None:
        return SICK.get(self.way)

    @property
    def pictures(self) -> int:
        """How many it learns from."""
        return lab.SICKNESSES[self.way].pictures if self.sick else lab.PICTURES

    @property
    def request(self) -> TrainRequest:
        settings = {**self.sick.befalls, **lab.SICKNESSES[self.way].changes} if self.sick else HEALTHY[self.way]
        return TrainRequest(**{**SMALL, **settings, "seed": self.seed})


def cases() -> list[Case]:
    """Those of the first seed first, so that an unfinished record has all ways and sets; then the healthy ones."""
    ways = [(seed, way) for seeds in HALVES.values() for seed in seeds for way in [*HEALTHY, *SICK]]
    return [Case(way, of, seed) for seed, way in ways for of in SETS]


# ---------------------------------------------------------------- recorded


def pictures(folder: Path, name: str, photos: Path) -> np.ndarray:
    """uint8 [N, 32, 32, 3], prepared once."""
    from core.gan.data import prepare

    run = folder / "sets" / name
    if not prepare.sound(run):
        drawn = {"kind": "drawn", "name": name, "count": lab.PICTURES}
        source = {"kind": "folder", "path": str(photos)} if name == "photos" else drawn
        for _ in prepare.prepare(source, TrainRequest(**SMALL), run):
            pass
    found = np.array(prepare.load(run))
    return found[np.random.default_rng(0).permutation(len(found))[: lab.PICTURES]]


def record(options: argparse.Namespace) -> None:
    for case in cases():
        if time_is_up(options):
            return
        place = options.folder / "runs" / case.name
        if (place / "whole").exists() or not claimed(place):
            continue
        pixels = pictures(options.folder, case.set, options.photos)[: case.pictures]
        began = time.process_time()
        train(a_training(case.request, pixels), place)
        (place / "whole").write_text(f"{time.process_time() - began:.1f}")
        print(case.name, (place / "whole").read_text(), flush=True)


_locks: list[FileLock] = []


def claimed(place: Path) -> bool:
    """Whether nobody else is at it, as several of these may run at once."""
    lock = FileLock(files.make_folder(place) / "lock", timeout=0)
    try:
        lock.acquire()
        _locks.append(lock)  # else it would be let go with the name
        return True
    except Timeout:
        return False


def a_training(request: TrainRequest, pixels: np.ndarray):
    from accelerate import Accelerator

    from core.gan.train import Training

    return Training(request, pixels, Accelerator(cpu=True), held_out.places(len(pixels)))


def train(training, place: Path, compared: np.ndarray | None = None) -> None:
    """To its end, writing metrics.jsonl, scores.jsonl and, in the first half, checkpoints. With `compared` only KID is
    taken, against those pictures."""
    import torch

    from core.gan import measures
    from core.gan.measures import kid
    from core.gan.measures import moment as looks
    from core.gan.measures.moment import Moment

    looks.COMPARED, looks.SEARCHED = COMPARED, SEARCHED
    files.make_folder(place / "checkpoints")
    pixels = training.images if compared is None else compared
    real = _real(pixels.tobytes(), pixels.shape)
    sums: dict[str, Any] = {}
    with open(place / "metrics.jsonl", "w") as metrics, open(place / "scores.jsonl", "w") as scores:
        while training.steps < training.request.steps:
            for name, value in training.step().items():
                sums[name] = sums.get(name, 0) + value
            step = training.steps
            if step % NOTED == 0:
                losses = {name: value.item() / NOTED for name, value in sums.items()}
                metrics.write(json.dumps({"step": step, **losses}) + "\n")
                sums = {}
                if not all(map(math.isfinite, losses.values())):
                    return
            moment = Moment(training, real)
            if compared is not None:
                found = [("kid", kid.measure(moment))] if step % SLOW == 0 else []
            else:
                found = measures.take(moment, None if step % SLOW == 0 else True) if step % QUICK == 0 else []
            for name, value in found:
                scores.write(json.dumps({"step": step, "name": name, "value": value}) + "\n")
            if compared is None and step % SLOW == 0 and step <= STEPS // 2:
                torch.save(training.state(), place / "checkpoints" / f"step-{step:08d}.pt")


@functools.lru_cache(2)
def _real(pixels: bytes, shape: tuple[int, ...]):
    """What runs on the same pictures are compared with."""
    from core.gan.measures.moment import Real

    return Real(np.frombuffer(pixels, np.uint8).reshape(shape), held_out.places(shape[0]))


def time_is_up(options: argparse.Namespace) -> bool:
    return time.monotonic() > options.until


# ---------------------------------------------------------------- judged


@functools.lru_cache(1)
def told(folder: Path, case: Case) -> Signals:
    """All that a run wrote of itself."""
    place = run_folder.Run(folder / "runs" / case.name)
    curves: dict[str, dict[int, float]] = {}
    for line in place.metrics():
        for name in line.keys() - {"step"}:
            curves.setdefault(name, {})[int(line["step"])] = line[name]
    there = tuple(place.checkpoints())
    return Signals(case.request, {**curves, **place.scores()}, place.broken(), there, case.pictures)


def known(folder: Path, case: Case, until: int) -> Signals:
    """What the doctor knew of a run at a step: nothing written later."""
    whole = told(folder, case)
    return replace(
        whole,
        curves={
            name: {step: value for step, value in curve.items() if step <= until}
            for name, curve in whole.curves.items()
        },
        broken={name: step for name, step in whole.broken.items() if step <= until},
        checkpoints=tuple(step for step in whole.checkpoints if step <= until),
    )


def named(folder: Path, case: Case, until: int = STEPS) -> tuple[str, int]:
    """The first sickness the doctor names as the run goes on, and the step; or what it says at `until`."""
    name = "early"
    for step in range(QUICK, until + 1, QUICK):
        name = rules.judge(known(folder, case, step))[0]
        if DIAGNOSES[name].sick:
            return name, step
    return name, until


def last_kid(place: Path) -> float:
    """The median of the last three: one is chance."""
    values = list(run_folder.Run(place).scores().get("kid", {}).values())
    return statistics.median(values[-3:]) if values else math.inf


def twins_kid(folder: Path, case: Case) -> float:
    return last_kid(folder / "runs" / Case("default", case.set, case.seed).name)


def report(options: argparse.Namespace) -> None:
    """Every run in a line; then, for each half, how many sick ones were named rightly by a third of their length, and
    how many healthy ones were alarmed anywhere."""
    there = [case for case in cases() if (options.folder / "runs" / case.name / "whole").exists()]
    verdicts: dict[Case, str] = {}
    for case in there:
        name, step = named(options.folder, case, STEPS // 3 if case.sick else STEPS)
        if case.sick:
            verdicts[case] = "right" if name in case.sick.right else "WRONG"
        else:
            verdicts[case] = "ALARM" if DIAGNOSES[name].sick else "quiet"
        worse = last_kid(options.folder / "runs" / case.name) / twins_kid(options.folder, case)
        print(f"{case.name:24} {verdicts[case]} {name:12} at {step:4}, KID {worse:6.2f} x its twin's at the end")
    for what, seeds in HALVES.items():
        found = [verdict for case, verdict in verdicts.items() if case.seed in seeds]
        right, wrong, alarmed, quiet = (found.count(verdict) for verdict in ("right", "WRONG", "ALARM", "quiet"))
        print(
            f"{what}: {right} of {right + wrong} sick ones named rightly within {STEPS // 3} of {STEPS} steps, "
            f"{alarmed} of {alarmed + quiet} healthy ones alarmed"
        )


# ---------------------------------------------------------------- cured

NEAR = 1.2  # times the twin's KID, at most: as good as healthy


def cure(options: argparse.Namespace) -> None:
    """The first cure of every sick run that was named rightly in time, from where it was named, to its own length."""
    import torch

    ratios: dict[Case, tuple[float, float]] = {}
    for case in (case for case in cases() if case.sick):
        place, run = options.folder / "cured" / case.name, options.folder / "runs" / case.name
        if not (run / "whole").exists():
            continue
        name, step = named(options.folder, case, STEPS // 3)
        found = [one for one in cures.of(name, known(options.folder, case, step)) if not one.advice]
        if name not in case.sick.right or not found:
            continue
        first = found[0]
        if not (place / "whole").exists():
            if time_is_up(options) or not claimed(place):
                continue
            pixels = pictures(options.folder, case.set, options.photos)
            training = a_training(replace(case.request, **first.changes), pixels[: case.pictures])
            if first.step is not None:
                saved = run / "checkpoints" / f"step-{first.step:08d}.pt"
                training.restore(torch.load(saved, weights_only=True))
            train(training, place, pixels)
            (place / "whole").write_text(first.name)
        healthy = twins_kid(options.folder, case)
        # One that had few pictures was compared with those alone, which says nothing beside the twin's.
        before = last_kid(run) / healthy if case.pictures == lab.PICTURES else math.nan
        ratios[case] = before, after = before, last_kid(place) / healthy
        begun = "anew" if first.step is None else f"from {first.step}"
        how = f"{name:12} at {step:4}: {first.name} {begun}"
        print(f"{case.name:24} {how}, KID {before:6.2f} -> {after:6.2f} x its twin's", flush=True)
    others = [case for case in cases() if not case.sick and case.way != "default"]
    for what, seeds in HALVES.items():
        found = [ratio for case, ratio in ratios.items() if case.seed in seeds]
        worse = [after for before, after in found if before > NEAR]
        usual = [
            last_kid(options.folder / "runs" / case.name) / twins_kid(options.folder, case)
            for case in others
            if case.seed in seeds and (options.folder / "runs" / case.name / "whole").exists()
        ]
        print(
            f"{what}: {near([after for _, after in found])} cured ones have a KID within 20 % of the healthy twin's, "
            f"{near(worse)} of those whose KID was worse, {near(usual)} healthy ones of other settings"
        )


def near(ratios: Sequence[float]) -> str:
    return f"{sum(ratio <= NEAR for ratio in ratios)} of {len(ratios)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    whats = {"record": record, "report": report, "cures": cure}
    parser.add_argument("what", choices=whats)
    parser.add_argument("--photos", type=Path, help="a folder of photographs")
    parser.add_argument("--minutes", type=float, default=math.inf)
    options = parser.parse_args()
    options.until = time.monotonic() + 60 * options.minutes
    whats[options.what](options)


if __name__ == "__main__":
    main()
