"""The curves of a run: what its steps said, and what was measured of it. Draws whatever is there, of any version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from core.gan.measures import DECISIVE, FLATTERED, MEASURES
from core.gan.methods import SEEING
from core.runs.run_folder import Run
from ui.telling import plain

LINE_COLOURS = ["#c4472b", "#3b82f6", "#2e9d57"]
LINES = {"Losses": {"loss_d": "Discriminator", "loss_g": "Generator"},
         "The discriminator believes": {"real": "real pictures", "fake": "generated ones"},
         "Mean squared error": {"reconstruction": "Pictures made again"},
         "Divergence in nats": {"divergence": "Latents from normal ones"}}  # fmt: skip
LABELS = {name: f"{title}: {label}" for title, lines in LINES.items() for name, label in lines.items()}
KNOWN = [*MEASURES, *LABELS]


def losses(metrics: Sequence[Mapping[str, float]]) -> None:
    """A chart for the lines that belong together, and one for what was written under names that are not known here."""
    known = {name for lines in LINES.values() for name in lines} | {"step", "seconds", "images_per_second"}
    others = {name: name for line in metrics for name in line if name not in known}
    for title, named in {**LINES, "Other losses": others}.items():
        lines = {name: label for name, label in named.items() if any(name in line for line in metrics)}
        if lines:
            st.caption(title)
            found = {label: {line["step"]: line.get(name) for line in metrics} for name, label in lines.items()}
            _chart(title, found, 220)


def scores(
    found: Mapping[str, Mapping[int, float]], method: str, checkpoints: Sequence[int], at: int | None = None
) -> None:
    """Everything that was measured: what decides first, and the others to be opened, each with what it means of this
    method and which checkpoint is best by it. `at` is the step whose samples stand beside them."""
    names = sorted(found, key=_place)
    if DECISIVE in names:
        names.remove(DECISIVE)
        _score(DECISIVE, found[DECISIVE], method, checkpoints, at)
    if names:
        with st.expander("More measures"):
            for name in names:
                _score(name, found[name], method, checkpoints, at)


def _score(name: str, values: Mapping[int, float], method: str, checkpoints: Sequence[int], at: int | None) -> None:
    """A measure in words, and its curve; a single value has none yet."""
    measure = MEASURES.get(name)
    step, value = max(values.items())
    if measure:
        best = measure.ranked(values)[0]
        told = f"{measure.label}: {measure.shown(value)} at step {step:,}; the {measure.best} is best"
        told += f", {measure.shown(values[best])} at step {best:,}." if len(values) > 1 else "."
        if len(values) > 1 and len(checkpoints) > 1:
            told += f" The best checkpoint by it: step {measure.best_of(checkpoints, values):,}."
    else:
        told = f"{plain(name)}: {value:.3g} at step {step:,}."
    st.caption(told)
    if measure:
        st.caption(measure.said(method))
    if len(values) > 1:
        _chart(told, {name: values}, 160, None if at is None else (at, at))


def over_one_another(runs: Mapping[str, Run], only: Sequence[str] = ()) -> None:
    """A chart for everything that more than one of these runs, given by name, says or was measured to be; or only for
    some of it."""
    found: dict[str, dict[str, dict[int, float]]] = {}
    for called, run in runs.items():
        for line in run.metrics():
            for name in line.keys() - {"step", "seconds", "images_per_second"}:
                found.setdefault(name, {}).setdefault(called, {})[int(line["step"])] = line[name]
        for name, values in run.scores().items():
            found.setdefault(name, {})[called] = values
    shared = [name for name, lines in found.items() if len(lines) > 1 and (not only or name in only)]
    for name in sorted(shared, key=_place):
        told = _label(name)
        st.caption(told)
        if name in MEASURES and MEASURES[name].near and any(run.request.method in SEEING for run in runs.values()):
            st.caption(FLATTERED)
        _chart(told, found[name], 160)


def marked(run: Run, name: str, first: int, last: int, words: str) -> None:
    """One curve with the steps on it that show something, and what that is."""
    values = run.scores().get(name) or {int(line["step"]): line[name] for line in run.metrics() if name in line}
    told = f"{_label(name)}: {plain(words)}"
    st.caption(told)
    if len(values) > 1:
        _chart(told, {name: values}, 160, (first, last))


def _place(name: str) -> tuple[bool, int, str]:
    """The known first, in their order; then what another version has measured or said."""
    return name not in KNOWN, KNOWN.index(name) if name in KNOWN else 0, name


def _label(name: str) -> str:
    return MEASURES[name].label if name in MEASURES else LABELS.get(name, plain(name))


def _chart(
    told: str, lines: Mapping[str, Mapping[int, float | None]], height: int, span: tuple[int, int] | None = None
) -> None:
    """Values over steps, a line for each name, and a span of steps, or one, marked. To who hears the page it is one
    picture, `told` in words: of each point Streamlit's own line chart makes a picture without any."""
    points = [(step, name, value) for name, line in lines.items() for step, value in line.items() if value is not None]
    colour = {"field": "name", "type": "nominal", "sort": None, "title": None,
              "legend": {"orient": "top", "offset": 4, "padding": 0} if len(lines) > 1 else None}  # fmt: skip
    if len(lines) <= len(LINE_COLOURS):
        colour["scale"] = {"range": LINE_COLOURS[: len(lines)]}
    spec = {
        "mark": {"type": "line", "tooltip": True, "aria": False},
        "encoding": {
            "x": {"field": "step", "type": "quantitative"},
            "y": {"field": "value", "type": "quantitative", "title": None, "scale": {"zero": False}},
            "color": colour,
        },
    }
    if span:
        first, last = span
        mark = {"type": "rect", "opacity": 0.15} if first < last else {"type": "rule", "strokeDash": [3, 3]}
        ends = {"x": {"datum": first, "type": "quantitative"}, **({"x2": {"datum": last}} if first < last else {})}
        marking = {"mark": {**mark, "color": LINE_COLOURS[0], "aria": False}, "encoding": ends}
        spec = {"layer": [{**marking, "data": {"values": [{}]}}, spec]}
    # By name in the specification: what is handed over beside it comes after a first drawing of nothing, of which the
    # browser's console would be full of warnings.
    rows = [dict(zip(("step", "name", "value"), point, strict=True)) for point in points]
    st.vega_lite_chart({**spec, "data": {"name": "points"}, "datasets": {"points": rows}}, height=height, alt=told)
