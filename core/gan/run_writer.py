"""What the training process writes into its run's folder: state, curves, samples, scores, checkpoints and, at the end,
the generator. It is the one place that decides *when* something is saved; none of that has an influence on what is
learned. Knows no signals and no pages.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from PIL import Image

from core import files
from core.gan import checkpoint, doctor, measures
from core.gan.closest import closest
from core.gan.data import prepare
from core.gan.doctor import heal, report
from core.gan.measures.moment import Moment, Real
from core.gan.methods import ADVERSARIAL
from core.gan.methods.method import GeneratorNetwork, Network
from core.gan.pictures import sheet
from core.gan.request import TrainRequest
from core.gan.train import Training
from core.gan.zoo import model_folder
from core.pictures import images
from core.runs import run_folder, states, twins
from core.runs.run_folder import Run
from core.settings import Progress
from core.visitors import policy

# Seconds: in the end, and at first as often as is useful to see how a short run goes. And at least 100 times what
# saving takes, and 100 times what the quick measures take: one percent each.
SCORE_SECONDS = 60.0
CHECKPOINT_SECONDS = 30.0
FIRST_SECONDS = 10.0
QUICK_SECONDS = 4.0
SCORE_SHARE = 0.025  # of the time, that all measures may have taken when those are due that are not quick
SCORES = 6  # times that these are taken in a run which is so short that fewer pictures have to do
LOST = "samples-before"  # where pictures are kept of a checkpoint that is damaged
SHEETS = 240  # when there are more, every other one goes


def say(run: Run, status: str, **more: Any) -> None:
    """The state of a run, as of this process."""
    run_folder.write_state(run, status=status, **run_folder.process(os.getpid()), **more)


class RunWriter:
    """Writes into the folder what happens, as often as is useful, and no more than costs one percent."""

    def __init__(self, run: Run, request: TrainRequest, training: Training, seconds: float):
        self.run, self.request, self.training = run, request, training
        self.before, self.began = seconds, time.perf_counter()
        self.saved = self.scored = self.scored_quickly = self.began
        self.every, self.quick_every = self._often(CHECKPOINT_SECONDS), QUICK_SECONDS
        self.measured = 0.0  # seconds that measures have taken
        self.score_takes = 0.0  # seconds that those take which are not quick; 0: not known yet
        self.in_step = twins.of(run) is not None  # with another that it is compared with: at every mark
        self.real: Real | None = None
        self.branch: Run | None = None  # what goes on in its place, once it has fallen sick and is to be healed
        self.noted = -1.0
        self.told = ""  # what a person has to know of how it began

    def _often(self, in_the_end: float) -> float:
        """Seconds between what is done ever more rarely."""
        return min(in_the_end, max(FIRST_SECONDS, self.seconds / 10))

    @property
    def seconds(self) -> float:
        return self.before + time.perf_counter() - self.began

    @property
    def time_is_up(self) -> bool:
        return not policy.within(self.seconds / 60, policy.limits().train_minutes)

    def begin(self, reached: int) -> None:
        """Forget what a killed process wrote after its last checkpoint: it will be made again. Where a checkpoint is
        damaged, of the step `reached`, the pictures since the one before are put aside, and that is told."""
        step = self.training.steps
        again = [path for at, path in self.run.samples().items() if at > step]
        if reached > step:
            self.told = (
                f"The checkpoint of step {reached:,} cannot be read, so training went on from step {step:,}; the "
                f"pictures made since are kept in the run's folder, under {LOST}."
            )
            lost = files.make_folder(self.run.path / LOST)
            for path in again:
                os.replace(path, lost / path.name)
        else:
            for path in again:
                path.unlink()
        files.make_folder(self.run.path / "samples")
        lines = [line for line in self.run.metrics() if line["step"] <= step]
        self._rewrite("metrics.jsonl", lines, "The curves of this run")
        scores = [
            {"step": at, "name": name, "value": value}
            for name, values in self.run.scores().items()
            for at, value in values.items()
            if at <= step
        ]
        self._rewrite("scores.jsonl", scores, "What was measured of this run")
        (self.run.path / run_folder.OLD_SCORES).unlink(missing_ok=True)
        self._say(states.RUNNING, None)

    def _rewrite(self, name: str, lines: Iterable[Mapping[str, Any]], what: str) -> None:
        files.write_text(self.run.path / name, "".join(f"{json.dumps(line)}\n" for line in lines), what)

    def write(self, progress: Progress) -> None:
        if progress.preview is not None:
            self._sheet(progress.step, progress.preview)
        if self.seconds - self.noted > self.seconds / 1000 or progress.step == progress.total:  # ever more rarely
            self.noted = self.seconds
            line = json.dumps({"step": progress.step, "seconds": self.seconds, **progress.losses})
            files.append(self.run.path / "metrics.jsonl", f"{line}\n", "The curves of this run")
        self._say(states.RUNNING, progress)
        if time.perf_counter() - self.saved > self.every:
            self.save()
            if time.perf_counter() - self.scored > self._often(SCORE_SECONDS) and self._affords_score(progress):
                self.score()
        if self.in_step or time.perf_counter() - self.scored_quickly > self.quick_every:
            self.score_quickly()
            self.branch = heal.treated(self.run)

    def save(self) -> None:
        began = time.perf_counter()
        checkpoint.save(self.run, self.training.state(), self.seconds)
        if self.training.steps and self.training.steps not in self.run.samples():
            self._sheet(self.training.steps, sheet(self.training.sample()))
        shutil.rmtree(self.run.path / "data" / "uploads", ignore_errors=True)  # from here on their size is settled
        self.saved = time.perf_counter()
        self.every = max(self._often(CHECKPOINT_SECONDS), 100 * (self.saved - began))

    def score(self) -> None:
        """What takes longer to measure of the moving average, at a step that has just been saved."""
        began = time.perf_counter()
        moment = self._moment()
        taken = dict(measures.take(moment, quick=False))
        self._note(taken.items())
        if "by_heart" in taken and (pairs := closest(moment)):
            images.write_png(pairs, self.run.path / "closest.png", self.request.recipe(steps_made=self.training.steps))
        self.scored = time.perf_counter()
        self.score_takes = self.scored - began
        self.measured += self.score_takes

    def _affords_score(self, progress: Progress) -> bool:
        """Whether there is time for it. How many pictures are looked at follows from how long the run will be."""
        spare = SCORE_SHARE * (time.perf_counter() - self.began) - self.measured
        if spare > 0 and not self.score_takes:
            whole = self.seconds + (progress.seconds_left or 0.0)
            self.score_takes = self._moment().real.plan(SCORE_SHARE * whole / SCORES / 2)
        return 0 < self.score_takes <= spare

    def score_quickly(self) -> None:
        """What can be told at once."""
        began = time.perf_counter()
        self._note(measures.take(self._moment(), quick=True))
        self.scored_quickly = time.perf_counter()
        self.measured += self.scored_quickly - began
        self.quick_every = max(QUICK_SECONDS, self.seconds / 300, 100 * (self.scored_quickly - began))

    def _moment(self) -> Moment:
        self.real = self.real or Real(self.training.images, self.training.held_out)
        return Moment(self.training, self.real)

    def _note(self, scores: Iterable[tuple[str, float]]) -> None:
        for name, value in scores:
            line = json.dumps({"step": self.training.steps, "name": name, "value": value})
            files.append(self.run.path / "scores.jsonl", f"{line}\n", "What was measured of this run")

    def give_way(self, branch: Run) -> None:
        """It is stopped, and the branch goes on in its place."""
        told = doctor.diagnose(self.run).told
        self._say(states.PAUSED, None, f"{told} {branch.name} goes on in its place.")

    def end(self, latest: Callable[[], str]) -> None:
        """After the last save: unless it is only a pause, make the generator's folder. `latest` gives the command of
        the moment it is called at, as a person may have changed their mind."""
        over = self.training.steps >= self.request.steps or self.time_is_up
        command = latest()
        if command == "pause" and not over:
            self._say(states.PAUSED, None)
            return
        step_named = command.removeprefix("stop").strip()
        asked = int(step_named) if step_named.isdecimal() else None
        # Measured where there is something to compare it with; else the score of an earlier step would win alone.
        scores = checkpoint.scores(self.run)
        if asked is None and scores and self.training.steps not in scores:
            self.score()
        chosen, partner, step = self._chosen(asked)
        check_up = prepare.read_report(self.run.path)
        data = {"source": "not known any more", "licence": "not known", "count": len(self.training.learned)}
        if check_up is not None:
            data |= {"source": check_up.source, "licence": check_up.licence}
        recipe = self.request.recipe(
            name=self.run.name,
            steps_made=step,
            kept=checkpoint.reason(self.run, step, asked),
            seconds=round(self.seconds),
            data=data,
            doctor=report.of(self.run, step),
        )
        if self.run.diary():
            heal.note(self.run, self.training.steps, said=recipe["doctor"]["said"])
        with files.replacing(self.run.path / "result", "The generator") as folder:
            model_folder.save(chosen, folder, self.training.sample(64, chosen), recipe)
            if self.request.method in ADVERSARIAL:
                model_folder.save_discriminator(partner.eval(), folder)
        minutes = policy.limits().train_minutes
        early = self.time_is_up and f"Finished after {minutes:g} minutes, as long as a run may train here."
        self._say(states.FINISHED, None, early or "")

    def _chosen(self, asked: int | None) -> tuple[GeneratorNetwork, Network, int]:
        """The moving average of the step that was asked for, or of the one with the best score, as GANs get worse
        again as often as not, or else of the last; what learned beside it; and the step. A checkpoint that
        cannot be read is passed over."""
        for step in checkpoint.ranked(self.run) if asked is None else [asked, *checkpoint.ranked(self.run)]:
            if step == self.training.steps:
                break
            path = self.run.checkpoints().get(step)
            saved = checkpoint.opened(path, self.training.device) if path else None
            if saved:
                chosen, partner = copy.deepcopy(self.training.ema), copy.deepcopy(self.training.d)
                chosen.load_state_dict(saved["average"])
                partner.load_state_dict(saved["d"])
                return chosen, partner, step
        return self.training.ema, self.training.d, self.training.steps

    def _sheet(self, step: int, sheet: Image.Image) -> None:
        path = self.run.path / "samples" / f"step-{step:08d}.png"
        images.write_png(sheet, path, self.request.recipe(steps_made=step))
        sheets = list(self.run.samples().items())
        if len(sheets) > SHEETS:
            belonging = self.run.checkpoints()
            for at, path in sheets[1:-1:2]:
                if at not in belonging:
                    path.unlink()

    def _say(self, status: str, progress: Progress | None, message: str = "") -> None:
        more: dict[str, Any] = {"step": self.training.steps, "total": self.request.steps, "seconds": self.seconds}
        more["message"] = " ".join(filter(None, (self.told, message)))
        if progress is not None:
            more |= {"seconds_left": progress.seconds_left, **progress.losses}
        say(self.run, status, **more)
