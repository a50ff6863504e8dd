"""Pages driven without a browser (Streamlit's AppTest): what several of their tests do."""

from streamlit.testing.v1 import AppTest

from core.runs import processes


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


def asked_of_runs(monkeypatch) -> list[tuple]:
    """What a page asks `core.runs` to do, instead of starting processes."""
    done: list[tuple] = []
    for name in ("start_check", "start", "pause", "stop", "keep"):
        monkeypatch.setattr(processes, name, lambda run, *more, name=name: done.append((name, run.id, *more)))
    monkeypatch.setattr(processes, "start_next", lambda: None)  # a page looks after those that wait
    return done
