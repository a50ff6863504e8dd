"""The duel of the two networks on the page of a run: what D says of real and generated pictures, whose turn it is, and
where each pulls; held, stepped and slowed. Reads what the worker shows, writes what is wished (`core.runs.watching`).
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from core.gan.methods import ADVERSARIAL
from core.runs import processes, states, watching
from core.runs.run_folder import Run
from core.runs.watching import Seen, Wish
from ui.telling import answered, answering, telling

STYLE = Path(__file__).with_suffix(".css").read_text()
SECONDS = 0.5  # between looks
PACES = {"full": "Full speed", "slow": "Slow motion", "held": "Held"}
NAMES = {"d": "Discriminator", "g": "Generator"}
TURNS = {"d": "One step of D", "g": "One step of G"}
CALM = (states.PAUSED, states.INTERRUPTED, states.READY, states.NEW, states.FAILED)


def show(run: Run, status: str) -> None:
    """The switch, and the duel while it is on. Off, a run is not asked to show anything."""
    if run.request.method not in ADVERSARIAL:
        return
    told = "Both networks, phase by phase; held, stepped and slowed."
    if st.toggle("Watch the duel", key=f"duel-{run.id}", help=told, on_change=watching.forget, args=(run,)):
        st.fragment(_watched, run_every=SECONDS if run.alive else None)(run, status)


def _watched(run: Run, status: str) -> None:
    if run.status != status:
        st.rerun()
    seen, wish = watching.seen(run), watching.wished(run) or Wish("full")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.session_state[f"pace-{run.id}"] = wish.pace  # which another tab may have changed
        told = "Held, it goes on by itself once nobody looks."
        st.segmented_control("Pace", PACES, format_func=PACES.get, required=True, key=f"pace-{run.id}", help=told,
                             disabled=not run.alive, on_change=_wish, args=(run,))  # fmt: skip
        held = wish.pace == "held" and status == states.RUNNING and seen is not None
        for network, label in TURNS.items():
            off = not held or seen.next != network
            st.button(label, key=f"{label}-{run.id}", disabled=off, on_click=_wish, args=(run, seen))
        if status in CALM:
            st.button("Resume, held", key=f"held-{run.id}", icon=":material/step:", on_click=_begin_held, args=(run,))
    answered(f"duel-{run.id}")
    if run.alive:
        with telling():
            watching.wish(run, wish.pace, wish.turn)
    if seen is None:
        st.caption("Nothing to see yet." if run.alive else "Nothing was shown of this run yet; it is while it trains.")
    else:
        st.html(f"<style>{STYLE}</style>{drawn(seen, live=status == states.RUNNING)}")


def _wish(run: Run, seen: Seen | None = None) -> None:
    """The pace that was chosen; or one turn more than was seen."""
    with answering(f"duel-{run.id}"):
        watching.wish(run, st.session_state[f"pace-{run.id}"], seen.turn + 1 if seen else 0)


def _begin_held(run: Run) -> None:
    with answering(f"duel-{run.id}"):
        watching.wish(run, "held")
        processes.start(run)


def drawn(seen: Seen, live: bool) -> str:
    lit = seen.learned or (seen.next if live else "")
    sheet = base64.b64encode(seen.sheet).decode()
    return f"""<div class="duel" style="--sheet: url(data:image/png;base64,{sheet})">
<div class="networks">{"".join(_network(name, seen, lit) for name in NAMES)}</div>
{_scale(seen)}
{_row("Real pictures, and how surely D takes each for real", 0, seen.real)}
{_row("Generated ones", 1, seen.fake)}
{_row("What D tells G to change in them: grey is nothing", 2, ())}
</div>"""


def _network(name: str, seen: Seen, lit: str) -> str:
    loss = seen.numbers.get(f"loss_{name}")
    told = f"Loss {loss:.3f}" if loss is not None else "Loss –"
    if name == "g" and "pull" in seen.numbers:
        told += f"<br>pulled by {seen.numbers['pull']:.3g} a picture"
    did = f"has learned in step {seen.step:,}" if name == seen.learned else "is frozen" if lit else "waits"
    return f'<div class="{"lit" if name == lit else ""}"><b>{NAMES[name]}</b>{did}<br>{told}</div>'


def _scale(seen: Seen) -> str:
    """Where D puts both kinds of pictures between generated (0) and real (1), and where the last phase moved them."""
    means = {"real": _mean(seen.real), "fake": _mean(seen.fake)}
    parts = []
    for number, (kind, mean) in enumerate(means.items()):
        if mean is None:
            continue
        at, called = 100 * mean, "D(real)" if kind == "real" else "D(fake)"
        was, moved = (seen.before or (mean, mean))[number] * 100, ""
        if seen.before:
            left, width = min(at, was), abs(at - was)
            parts.append(f'<u style="left: {left:.1f}%; width: {width:.1f}%"></u>')
            moved = f" ({'→' if at >= was else '←'} from {was:.0f} %)"
        edge = f"left: clamp(5.5rem, {at:.1f}%, 100% - 5.5rem)"
        parts.append(
            f'<em style="left: {at:.1f}%"></em><span class="{kind}" style="{edge}">{called} {at:.0f} %{moved}</span>'
        )
    return f'<div class="scale">{"".join(parts)}</div>'


def _row(title: str, row: int, scores: Sequence[float | None]) -> str:
    cells = "".join(
        f'<div><i style="background-position: {100 * column / 7:.3f}% {50 * row}%"></i>{_told(scores, column)}</div>'
        for column in range(8)
    )
    title = html.escape(title)
    return f'<div><h4>{title}</h4><div class="row" role="group" aria-label="{title}">{cells}</div></div>'


def _told(scores: Sequence[float | None], column: int) -> str:
    if not scores:
        return ""
    score = scores[column] if column < len(scores) else None
    return "–" if score is None else f"{100 * score:.0f} %"


def _mean(scores: Sequence[float | None]) -> float | None:
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if known else None
