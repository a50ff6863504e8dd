"""Where things are kept: each system's own place, the same as ever."""

import os
from pathlib import Path

import platformdirs
import pytest
from platformdirs.macos import MacOS
from platformdirs.unix import Unix
from platformdirs.windows import Windows

from core import files
from core.errors import UserError

HERE = {"HOME": "/home/me"}
PLACES = [
    (Unix, HERE, "/home/me/.local/share/ganvas", "/home/me/.cache/ganvas"),
    (Unix, {"XDG_DATA_HOME": "/data", "XDG_CACHE_HOME": "/cache"}, "/data/ganvas", "/cache/ganvas"),
    (MacOS, HERE, "/home/me/Library/Application Support/ganvas", "/home/me/Library/Caches/ganvas"),
    (MacOS, {**HERE, "XDG_DATA_HOME": "/data", "XDG_CACHE_HOME": "/cache"},
     "/home/me/Library/Application Support/ganvas", "/home/me/Library/Caches/ganvas"),
    (Windows, {"LOCALAPPDATA": "/Users/me/AppData/Local"},
     "/Users/me/AppData/Local/ganvas", "/Users/me/AppData/Local/ganvas/Cache"),
]  # fmt: skip


@pytest.mark.parametrize(("system", "variables", "home", "cache"), PLACES)
def test_runs_and_weights_lie_where_they_did(monkeypatch, system, variables, home, cache):
    for name in ("GANVAS_HOME", "GANVAS_CACHE", "HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(platformdirs, "PlatformDirs", system)
    assert (files.home(), files.cache()) == (Path(home), Path(cache))


def test_an_empty_home_is_none(monkeypatch):
    """Libraries took it for the root of the disk."""
    pwd = pytest.importorskip("pwd")
    for name in ("GANVAS_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "")
    assert files.home().is_relative_to(pwd.getpwuid(os.getuid()).pw_dir)


def test_another_folder_may_be_named(monkeypatch):
    monkeypatch.setenv("GANVAS_HOME", "/somewhere")
    monkeypatch.setenv("GANVAS_CACHE", "here")
    assert (files.home(), files.cache()) == (Path("/somewhere"), Path("here").absolute())


@pytest.mark.parametrize(("variable", "place"), [("GANVAS_HOME", files.home), ("GANVAS_CACHE", files.cache)])
def test_a_place_that_cannot_be_made_names_its_variable(monkeypatch, tmp_path, variable, place):
    (tmp_path / "taken").write_text("")
    for folder in ("taken", "taken/below"):
        monkeypatch.setenv(variable, str(tmp_path / folder))
        with pytest.raises(UserError, match=f"let {variable} name another folder"):
            files.make_folder(place())
