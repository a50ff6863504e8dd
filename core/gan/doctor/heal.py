"""A sick run healed unattended: it is stopped, the first cure that was not tried yet goes on as a branch, and a diary
says so. Plain: no torch; who trains, `core.gan.worker`, asks when it has measured.

The diary is `diary.jsonl` in the run's folder, and a branch has that of the run it came from, so it tells all of it.
"""

from __future__ import annotations

import json
import time
from typing import Any

from core import files
from core.errors import UserError
from core.gan.doctor import Cure, Diagnosis, cures, diagnose
from core.runs import lifecycle
from core.runs.run_folder import Run

MOST = 6  # cures after one another: what none of them heals needs a person


def due(run: Run) -> tuple[Diagnosis, Cure] | None:
    """What is wrong with a run that is to be healed, and what to do; None where nothing is, or nothing is left."""
    if not run.heals:
        return None
    diagnosis = diagnose(run)
    tried = [line["name"] for line in run.diary() if "name" in line]
    left = [cure for cure in diagnosis.cures if not cure.advice and cure.name not in tried]
    return (diagnosis, left[0]) if diagnosis.sick and left and len(tried) < MOST else None


def treated(run: Run) -> Run | None:
    """The branch that tries the first cure, noted in both diaries. None where there is none to try, or no room for a
    branch, which is noted as well."""
    if not (found := due(run)):
        return None
    diagnosis, cure = found
    step = max((evidence.last for evidence in diagnosis.evidence), default=0)
    words = {"diagnosis": diagnosis.name, "said": diagnosis.told}
    try:
        with lifecycle.on_behalf_of(run):
            branch = cures.apply(run, cure)
    except UserError as error:
        lifecycle.set_healing(run, False)
        note(run, step, **{**words, "said": f"{words['said']} It could not be healed: {error}"})
        return None
    note(run, step, **words, cure=f"{cure.label}. {cure.sentence}", name=cure.name, branch=branch.id)
    diary = (run.path / "diary.jsonl").read_text(encoding="utf-8")
    files.write_text(branch.path / "diary.jsonl", diary, "The diary of this run")
    return branch


def note(run: Run, step: int, **words: Any) -> None:
    line = json.dumps({"at": time.time(), "run": run.name, "step": step, **words})
    files.append(run.path / "diary.jsonl", f"{line}\n", "The diary of this run")
