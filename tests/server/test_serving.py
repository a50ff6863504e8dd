"""What the studio needs of its computer: told in a sentence where it is missing, and shared with nobody."""

import errno
import importlib
import os
import socket
import stat
from pathlib import Path

import httpx
import pytest

from core import files, proxies
from core.errors import UserError
from support.studio import serving as studio
from ui.server import serving

PROXIES = {
    "http_proxy": "http://127.0.0.1:9", "https_proxy": "socks5h://127.0.0.1:9", "all_proxy": "socks4://me:secret@there:9",
    "no_proxy": "", "NO_PROXY": "",
}  # fmt: skip


@pytest.mark.parametrize("host", ["203.0.113.7", "no such host", "2001:db8::7", "x" * 300])
def test_a_host_that_is_not_here_is_named(monkeypatch, host):
    monkeypatch.setenv("HOST", host)
    with pytest.raises(SystemExit, match="which is no address of this computer; set HOST"):
        serving.require_free(7860)


def test_hosts_of_both_kinds(monkeypatch):
    monkeypatch.setenv("HOST", "[::1]")
    assert (serving.host(), serving.in_address()) == ("::1", "[::1]")
    monkeypatch.setenv("HOST", " 127.0.0.1 ")
    assert (serving.host(), serving.in_address()) == ("127.0.0.1", "127.0.0.1")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SystemExit, match="choose another, for example PORT="):
            serving.require_free(taken.getsockname()[1])


def test_files_on_their_way_lie_in_a_folder_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "gradio").mkdir()  # another user's
    serving.require_folders()
    own = files.uploads()
    assert own.parent == tmp_path
    assert own.name != "gradio"
    if os.name == "posix":
        assert stat.S_IMODE(own.stat().st_mode) == 0o700


def test_a_folder_for_them_that_cannot_be_is_told(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "file"))
    with pytest.raises(SystemExit, match="let GRADIO_TEMP_DIR name another folder"):
        serving.require_folders()


@pytest.mark.skipif(os.name != "posix", reason="Windows knows a home by other variables")
def test_without_a_home_the_folder_of_runs_is_one_and_without_both_that_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setenv("HOME", "~")
    serving.require_folders()
    assert Path.home() == files.home()
    monkeypatch.setenv("HOME", "~")
    monkeypatch.delenv("GANVAS_HOME")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    with pytest.raises(SystemExit, match=r"HOME name it, or let GANVAS_HOME .* GANVAS_CACHE"):
        serving.require_folders()
    monkeypatch.setenv("GANVAS_HOME", "~/runs")  # never a folder of that name
    with pytest.raises(SystemExit, match="let HOME name it"):
        serving.require_folders()


def test_variables_for_proxies_are_as_before(monkeypatch):
    monkeypatch.setenv("no_proxy", "example.org")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with serving.past_proxies():
        assert os.environ["no_proxy"] == "*"
    assert (os.environ["no_proxy"], "NO_PROXY" in os.environ) == ("example.org", False)


@pytest.mark.parametrize(
    ("name", "value", "usable"),
    [
        ("http_proxy", "http://127.0.0.1:9", True),
        ("HTTPS_PROXY", "127.0.0.1:9", True),
        ("all_proxy", "socks5://me:secret@127.0.0.1:9", True),
        ("https_proxy", " ", True),
        ("no_proxy", "localhost,10.0.0.0/8,::1,*.example.org", True),
        ("all_proxy", "socks4://me:secret@127.0.0.1:9", False),
        ("ALL_PROXY", "ftp://there", False),
        ("http_proxy", "there:port", False),
        ("https_proxy", "http://[::1", False),
        ("no_proxy", "a:b:c", False),
    ],
)
def test_a_proxy_that_makes_no_sense_is_left_out_and_told(monkeypatch, name, value, usable):
    for other in [other for other in os.environ if other.lower() in proxies.NAMES]:
        monkeypatch.delenv(other)
    monkeypatch.setenv(name, value)
    told = proxies.leave_out_unusable()
    httpx.Client().close()  # as Gradio makes one when it is imported
    assert (name in os.environ) == usable
    assert len(told) == (not usable)
    assert "secret" not in "".join(told)
    if not usable:
        assert told[0].startswith(f"{name} cannot be used")


def test_without_a_folder_for_temporary_files_the_variable_is_named(monkeypatch):
    def none() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    monkeypatch.setattr("tempfile.gettempdir", none)
    with pytest.raises(UserError, match="let TMPDIR name one"):
        files.uploads()
    with pytest.raises(UserError, match=r"^a could not be written to /nowhere: the disk is read-only"):
        with files.in_words("a", Path("/nowhere")):
            raise OSError(errno.EROFS, "read-only")


@pytest.mark.server
def test_the_style_app_starts_behind_proxies_that_are_not_there(tmp_path):
    with studio(tmp_path, "style_app.py", "/", env=PROXIES):
        assert "all_proxy cannot be used" in (tmp_path / "server.log").read_text()


def test_gradio_writes_no_stubs_for_editors(monkeypatch, tmp_path):
    """As in every program of ours, `stubs.leave_unwritten` was called before Gradio was imported (conftest.py)."""
    (tmp_path / "mine.py").write_text("import gradio as gr\n\n\nclass Mine(gr.Textbox):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert importlib.import_module("mine").Mine().submit
    assert not (tmp_path / "mine.pyi").exists()
