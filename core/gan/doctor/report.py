"""What the doctor says of a finished generator: in its recipe, on its card, and before it is given away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.gan import doctor
from core.gan.doctor.thresholds import COPIES
from core.runs.run_folder import Run


def of(run: Run, step: int) -> dict[str, Any]:
    """`diagnosis` and `said`, of the whole run; and `by_heart`, the ratio of that measure of the generator of `step`,
    where it was measured."""
    diagnosis = doctor.diagnose(run)
    measured = [value for at, value in run.scores().get("by_heart", {}).items() if at <= step]
    return {"diagnosis": diagnosis.name, "said": diagnosis.told, "by_heart": measured[-1] if measured else None}


def heart(report: Mapping[str, Any]) -> str:
    """In a sentence, whether its pictures are copies; "" where that was not measured."""
    ratio = report.get("by_heart")
    if not isinstance(ratio, int | float) or isinstance(ratio, bool):
        return ""
    far = f"Its pictures are {ratio:.2f} times as far from the nearest one it learned from as real ones it never saw"
    if ratio < COPIES:
        return f"{far}: they are nearly copies, so whatever may not be shown of those may not be shown of these."
    return f"{far}, so they are no copies."


def warning(recipe: Mapping[str, Any] | None) -> str:
    """What to know before a generator of this recipe is given away; "" where there is nothing."""
    report = (recipe or {}).get("doctor")
    if not isinstance(report, dict) or type(report.get("by_heart")) not in (int, float):
        return ""
    return heart(report) if report["by_heart"] < COPIES else ""
