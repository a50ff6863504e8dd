"""How a run tells that it is finished, or sick, while its page is in the background: by the title of the tab, and by a
notification of the browser, once that was allowed."""

from __future__ import annotations

import streamlit as st

from core.gan.doctor import Diagnosis
from core.runs import states
from core.runs.run_folder import Run

SCRIPT = """
export default function({ parentElement, data }) {
  const button = parentElement.querySelector('button');
  const possible = 'Notification' in window && window.isSecureContext;
  const offer = () => { button.hidden = !possible || Notification.permission !== 'default' || !data.alive; };
  button.onclick = () => Notification.requestPermission().then(offer);
  offer();
  const told = window.ganvasTold ??= {};
  if (told[data.run] !== undefined && told[data.run] !== data.news && data.news && possible
      && Notification.permission === 'granted') new Notification(data.title, { body: data.news, tag: data.run });
  told[data.run] = data.news;
}
"""
CSS = """
button { font: inherit; font-size: .875rem; color: inherit; background: none; border: 1px solid; border-radius: .5rem;
  padding: .35rem .75rem; cursor: pointer; opacity: .85; }
"""
HTML = '<button type="button" hidden>Notify me when it is finished or sick</button>'
_news = st.components.v2.component("ganvas_news", html=HTML, css=CSS, js=SCRIPT)


def title(run: Run, found: Diagnosis | None) -> str:
    """What the tab says."""
    status = run.status
    if found is not None and found.sick and status != states.FINISHED:
        what = f"{found.label}!"
    elif status == states.RUNNING:
        what = f"{min(100, 100 * run.state.get('step', 0) / run.request.steps):.0f} %"
    else:
        what = "done" if status == states.FINISHED else status
    return f"{what} · {run.name}"


def tell(run: Run, found: Diagnosis | None) -> None:
    st.set_page_config(page_title=f"{title(run, found)} · Ganvas")
    news = {states.FINISHED: "Finished.", states.FAILED: "It failed."}.get(run.status, "")
    if not news and found is not None and found.sick:
        news = f"{found.label}. {found.sentence}"
    data = {"run": run.id, "title": run.name, "news": news, "alive": run.alive}
    _news(key=f"news-{run.id}", data=data)
