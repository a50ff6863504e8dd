"""How often the doctor is right: python bench/doctor.py FOLDER [record|report|cures] --photos FOLDER

record     trains short runs, healthy ones and ones made sick in known ways, on two sets drawn here and on one of
           photographs, and writes into FOLDER what each measured, as a run's own folder has it. Goes on where it was
           ended; `--minutes` ends it.
report     reads that: on one half of the runs thresholds were set (`core/gan/doctor/thresholds.py`), on the other half
           they are judged. How many sick runs are named rightly within a third of their length, and how many healthy
           ones are alarmed anywhere.
cures      lets the first cure of every sick run go on from where it was named, to the same length, and compares KID
           with that of its healthy twin: the same pictures and seed, nothing changed. Goes on as `record` does.

Nets are tiny (32 px, width 16), a run takes a quarter of a minute of one core; several of these may work at once.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import statistics
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core import files
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
PICTURES = 600
SETS = ("portraits", "critters", "photos")
SEEDS = (0, 1)

BEFORE = {"loss": "original", "norm_d": "spectral", "beta1": 0.5}  # the paper's loss, and what keeps it steady
HEALTHY: dict[str, dict[str, Any]] = {
    "default": {},
    "original": BEFORE,
    "hinge": {**BEFORE, "loss": "hinge"},
    "varied": {"vary_colour": True, "cut_out": True, "translate": True},
    "slow": {"rate_g": 0.001, "rate_d": 0.001},
}


@dataclass(frozen=True)
class Sickness:
    """How a run is made sick, and which names of it are right: what follows from the same mistake differs."""

    right: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    pictures: int = PICTURES
    noise: bool = True


BARE = {"loss": "original", "norm_d": "none", "beta1": 0.5}  # nothing holds D back
SICK: dict[str, Sickness] = {
    "rate_high": Sickness(("diverging", "not_a_number", "collapse", "d_wins"), {"rate_g": 0.05, "rate_d": 0.05}),
    "d_strong": Sickness(("d_wins",), {**BARE, "rate_g": 0.00002}),
    "g_strong": Sickness(("g_wins", "collapse"), {"rate_d": 0.00001, "rate_g": 0.004}),
    "no_noise": Sickness(("collapse",), noise=False),
    "no_norm": Sickness(
        ("collapse", "d_wins", "diverging", "not_a_number"),
        {**BARE, "norm_g": "none", "beta1": 0.9, "rate_g": 0.005, "rate_d": 0.005},
    ),
    "ten_pictures": Sickness(("by_heart",), pictures=10),
    "small_batch": Sickness(
        ("collapse", "diverging", "not_a_number", "d_wins"), {**BARE, "batch": 2, "rate_g": 0.01, "rate_d": 0.01}
    ),
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
    def sick(self) -> Sickness | None:
        return SICK.get(self.way)

    @property
    def request(self) -> TrainRequest:
        settings = self.sick.settings if self.sick else HEALTHY[self.way]
        return TrainRequest(**{**SMALL, **settings, "seed": self.seed})

    @property
    def calibrates(self) -> bool:
        """Thresholds were set looking at these; the others nobody had looked at. Each way and set is in both halves."""
        return self.seed == SEEDS[0]


def cases() -> list[Case]:
    """Those of the first seed first, so that an unfinished record has all ways and sets; then the healthy ones."""
    ways = [(seed, way) for seed in SEEDS for way in [*HEALTHY, *SICK]]
    return [Case(way, of, seed) for seed, way in ways for of in SETS]


# ---------------------------------------------------------------- recorded


def pictures(folder: Path, name: str, photos: Path) -> np.ndarray:
    """uint8 [N, 32, 32, 3], prepared once."""
    from core.gan.data import prepare

    run = folder / "sets" / name
    if not prepare.sound(run):
        drawn = {"kind": "drawn", "name": name, "count": PICTURES}
        source = {"kind": "folder", "path": str(photos)} if name == "photos" else drawn
        for _ in prepare.prepare(source, TrainRequest(**SMALL), run):
            pass
    found = np.array(prepare.load(run))
    return found[np.random.default_rng(0).permutation(len(found))[:PICTURES]]


def record(options: argparse.Namespace) -> None:
    for case in cases():
        if time_is_up(options):
            return
        place = options.folder / "runs" / case.name
        if (place / "whole").exists() or not claimed(place):
            continue
        pixels = pictures(options.folder, case.set, options.photos)[: case.sick.pictures if case.sick else PICTURES]
        began = time.process_time()
        train(a_training(case, case.request, pixels), place)
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


def a_training(case: Case, request: TrainRequest, pixels: np.ndarray):
    from accelerate import Accelerator

    from core.gan.train import Training

    training = Training(request, pixels, Accelerator(cpu=True), held_out.places(len(pixels)))
    if case.sick and not case.sick.noise:
        plain = training.g.latents
        training.g.latents = lambda count, rng: plain(count, rng) * 0  # type: ignore[method-assign]
    return training


def train(training, place: Path) -> None:
    """To its end, writing metrics.jsonl, scores.jsonl and, in the first half, checkpoints."""
    import torch

    from core.gan import measures
    from core.gan.measures import moment as looks
    from core.gan.measures.moment import Moment

    looks.COMPARED, looks.SEARCHED = COMPARED, SEARCHED
    files.make_folder(place / "checkpoints")
    real = _real(training.images.tobytes(), training.images.shape)
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
            if step % QUICK == 0:
                for name, value in measures.take(Moment(training, real), None if step % SLOW == 0 else True):
                    scores.write(json.dumps({"step": step, "name": name, "value": value}) + "\n")
            if step % SLOW == 0 and step <= STEPS // 2:
                torch.save(training.state(), place / "checkpoints" / f"step-{step:08d}.pt")


@functools.lru_cache(2)
def _real(pixels: bytes, shape: tuple[int, ...]):
    """What runs on the same pictures are compared with."""
    from core.gan.measures.moment import Real

    return Real(np.frombuffer(pixels, np.uint8).reshape(shape), held_out.places(shape[0]))


def time_is_up(options: argparse.Namespace) -> bool:
    return time.monotonic() > options.until


# ---------------------------------------------------------------- judged


def signals(folder: Path, case: Case, until: int) -> Signals:
    """What the doctor knew of a run at a step: nothing written later."""
    place = run_folder.Run(folder / "runs" / case.name)
    curves: dict[str, dict[int, float]] = {}
    for line in place.metrics():
        for name, value in line.items():
            if name != "step" and line["step"] <= until:
                curves.setdefault(name, {})[int(line["step"])] = value
    for name, values in place.scores().items():
        curves[name] = {step: value for step, value in values.items() if step <= until}
    broken = {name: step for name, step in place.broken().items() if step <= until}
    there = tuple(step for step in place.checkpoints() if step <= until)
    return Signals(case.request, curves, broken, there, case.sick.pictures if case.sick else PICTURES)


def named(folder: Path, case: Case, until: int = STEPS) -> tuple[str, int]:
    """The first sickness the doctor names as the run goes on, and the step; or what it says at `until`."""
    name = "early"
    for step in range(QUICK, until + 1, QUICK):
        name = rules.judge(signals(folder, case, step))[0]
        if DIAGNOSES[name].sick:
            return name, step
    return name, until


def last_kid(folder: Path, case: Case) -> float:
    """The median of the last three: one is chance."""
    values = list(run_folder.Run(folder / "runs" / case.name).scores().get("kid", {}).values())
    return statistics.median(values[-3:]) if len(values) == STEPS // SLOW else math.inf


def twin(case: Case) -> Case:
    return Case("default", case.set, case.seed)


def report(options: argparse.Namespace) -> None:
    """Every run in a line; then, for each half, how many sick ones were named rightly by a third of their length, and
    how many healthy ones were alarmed anywhere."""
    there = [case for case in cases() if (options.folder / "runs" / case.name / "whole").exists()]
    counts = {half: {"named": 0, "sick": 0, "alarmed": 0, "healthy": 0} for half in (True, False)}
    for case in there:
        name, step = named(options.folder, case, STEPS // 3 if case.sick else STEPS)
        worse = last_kid(options.folder, case) / last_kid(options.folder, twin(case))
        count, sick = counts[case.calibrates], DIAGNOSES[name].sick
        if case.sick:
            count["sick"] += 1
            count["named"] += name in case.sick.right
            verdict = "right" if name in case.sick.right else "WRONG"
        else:
            count["healthy"] += 1
            count["alarmed"] += sick
            verdict = "ALARM" if sick else "quiet"
        half = "set" if case.calibrates else "judged"
        print(f"{case.name:28} {half:6} {verdict} {name:12} at {step:4}, KID {worse:6.2f} x its twin's at the end")
    for half, count in counts.items():
        print(
            f"{'thresholds set' if half else 'judged'} on: {count['named']} of {count['sick']} sick ones named rightly"
            f" within {STEPS // 3} of {STEPS} steps, {count['alarmed']} of {count['healthy']} healthy ones alarmed"
        )


# ---------------------------------------------------------------- cured


def cure(options: argparse.Namespace) -> None:
    """The first cure of every sick run that was named in time, from where it was named, to the run's own length."""
    import torch

    told = []
    for case in (case for case in cases() if case.sick):
        if time_is_up(options):
            return
        place = options.folder / "cured" / case.name
        if not (options.folder / "runs" / case.name / "whole").exists():
            continue
        name, step = named(options.folder, case, STEPS // 3)
        found = [one for one in cures.of(name, signals(options.folder, case, step)) if not one.advice]
        if name not in case.sick.right or not found:
            continue
        first = found[0]
        if not (place / "whole").exists():
            if not claimed(place):
                continue
            pixels = pictures(options.folder, case.set, options.photos)[: case.sick.pictures]
            training = a_training(case, replace(case.request, **first.changes), pixels)
            if first.step is not None:
                path = options.folder / "runs" / case.name / "checkpoints" / f"step-{first.step:08d}.pt"
                training.restore(torch.load(path, weights_only=True))
            train(training, place)
            (place / "whole").write_text(first.name)
        kid = list(run_folder.Run(place).scores().get("kid", {}).values())[-3:]
        healthy = last_kid(options.folder, twin(case))
        after = statistics.median(kid) if kid else math.inf
        told.append(after <= 1.2 * healthy)
        begun = "anew" if first.step is None else f"from {first.step}"
        print(
            f"{case.name:28} {name:12} at {step:4}: {first.name} {begun}, KID "
            f"{last_kid(options.folder, case) / healthy:6.2f} -> {after / healthy:6.2f} x its twin's",
            flush=True,
        )
    print(f"{sum(told)} of {len(told)} cures brought KID to within 20 % of the healthy twin's")


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
