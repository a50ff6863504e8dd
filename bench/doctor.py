"""How often the doctor is right: python bench/doctor.py FOLDER [record|report|cures] --photos FOLDER

record     trains short runs, healthy ones and ones made sick in known ways, on two sets drawn here and on one of
           photographs, and writes into FOLDER what each measured, as a run's own folder has it. Goes on where it was
           ended; `--minutes` ends it.
report     reads that: on one half of the runs thresholds were set (`core/gan/doctor/thresholds.py`), on the other half
           they are judged. How many sick runs are named rightly within a third of their length, and how many healthy
           ones are alarmed anywhere.
cures      lets the first cure of every sick run go on from where it was named, to the same length, and compares KID
           with that of its healthy twin: the same pictures and seed, nothing changed. Goes on as `record` does.

Nets are tiny (32 px, width 16), a run takes half a minute of one core.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core import files
from core.gan.data import held_out
from core.gan.request import TRAIN_PRESETS, TrainRequest

STEPS = 720
NOTED, QUICK, SLOW = STEPS // 120, STEPS // 60, STEPS // 12  # steps between losses, quick measures, all of them
COMPARED = 96  # pictures on each side in measures; usually there are more
SMALL = {"size": 32, "width_g": 16, "width_d": 16, "latent": 32, "batch": 32, "steps": STEPS}
PICTURES = 600
SETS = ("portraits", "critters", "photos")
SEEDS = (0, 1)

HEALTHY: dict[str, dict[str, Any]] = {
    "default": {},
    "relativistic": TRAIN_PRESETS["relativistic"],
    "hinge": {"loss": "hinge"},
    "varied": {"vary_colour": True, "cut_out": True},
    "paper": {"norm_d": "batch", "rate_g": 0.0002, "rate_d": 0.0002, "translate": False},
}


@dataclass(frozen=True)
class Sickness:
    """How a run is made sick, and which names of it are right: what follows from the same mistake differs."""

    right: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    pictures: int = PICTURES
    noise: bool = True


SICK: dict[str, Sickness] = {
    "rate_high": Sickness(("diverging", "not_a_number", "collapse"), {"rate_g": 0.05, "rate_d": 0.05}),
    "d_strong": Sickness(("d_wins",), {"norm_d": "none", "rate_d": 0.002, "rate_g": 0.00002}),
    "g_strong": Sickness(("g_wins", "collapse"), {"rate_d": 0.00001, "rate_g": 0.002}),
    "no_noise": Sickness(("collapse",), noise=False),
    "no_norm": Sickness(
        ("collapse", "d_wins", "diverging", "not_a_number"),
        {"norm_g": "none", "norm_d": "none", "rate_g": 0.002, "rate_d": 0.002, "translate": False},
    ),
    "ten_pictures": Sickness(("by_heart",), {"translate": False}, pictures=10),
    "small_batch": Sickness(
        ("collapse", "diverging", "d_wins", "g_wins"), {"batch": 2, "rate_g": 0.002, "rate_d": 0.002}
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
        """Thresholds are set on these; each way and each set is in both halves."""
        return (SETS.index(self.set) + self.seed) % 2 == 0


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
        if (place / "whole").exists():
            continue
        pixels = pictures(options.folder, case.set, options.photos)[: case.sick.pictures if case.sick else PICTURES]
        began = time.process_time()
        train(a_training(case, case.request, pixels), place)
        (place / "whole").write_text(f"{time.process_time() - began:.1f}")
        print(case.name, (place / "whole").read_text(), flush=True)


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
    from core.gan.measures.moment import Moment, Real

    looks.COMPARED = COMPARED
    files.make_folder(place / "checkpoints")
    real = Real(training.images, training.held_out)
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


def time_is_up(options: argparse.Namespace) -> bool:
    return time.monotonic() > options.until


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("what", choices=["record"])
    parser.add_argument("--photos", type=Path, help="a folder of photographs")
    parser.add_argument("--minutes", type=float, default=math.inf)
    options = parser.parse_args()
    options.until = time.monotonic() + 60 * options.minutes
    {"record": record}[options.what](options)


if __name__ == "__main__":
    main()
