"""The curves of a run: what its steps said, and what was measured of it. Draws whatever is there, of any version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from core.gan.measures import MEASURES
from ui.telling import plain

LINE_COLOURS = ["#c4472b", "#3b82f6"]
LINES = {"Losses": {"loss_d": "Discriminator", "loss_g": "Generator"},
         "The discriminator believes": {"real": "real pictures", "fake": "generated ones"},
         "Mean squared error": {"reconstruction": "Pictures made again"},
         "Divergence in nats": {"divergence": "Latents from normal ones"}}  # fmt: skip


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


def scores(found: Mapping[str, Mapping[int, float]]) -> None:
    """A chart for everything that was measured, the known first; a single value has no curve yet."""
    for name in sorted(found, key=lambda name: (name not in MEASURES, name)):
        values, measure = found[name], MEASURES.get(name)
        step, value = max(values.items())
        if measure:
            best = measure.ranked(values)[0]
            told = f"{measure.label}: {measure.shown(value)} at step {step:,}; the {measure.best} is best"
            told += f", {measure.shown(values[best])} at step {best:,}." if len(values) > 1 else "."
        else:
            told = f"{plain(name)}: {value:.3g} at step {step:,}."
        st.caption(told, help=measure.meaning if measure else None)
        if len(values) > 1:
            _chart(told, {name: values}, 160)


def _chart(told: str, lines: Mapping[str, Mapping[int, float | None]], height: int) -> None:
    """Values over steps, a line for each name. To who hears the page it is one picture, `told` in words: of each point
    Streamlit's own line chart makes a picture without any."""
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
    table = {field: [point[place] for point in points] for place, field in enumerate(("step", "name", "value"))}
    st.vega_lite_chart(table, spec, height=height, alt=told)
