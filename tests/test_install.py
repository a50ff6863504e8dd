"""What is installed where: torch for processors where no NVIDIA GPU is seen, and from the usual index else."""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import install


class Index(BaseHTTPRequestHandler):
    """An index of packages that has torch and nothing else."""

    def do_GET(self):
        self.send_response(200 if self.path == "/whl/cpu/torch/" else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def index():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Index)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/whl/cpu"
    server.shutdown()
    server.server_close()


@pytest.fixture
def machine(tmp_path, monkeypatch, index):
    """A Linux machine without an NVIDIA GPU, whose index for processors answers; nvidia-smi can be put into `bin`."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(install.sys, "platform", "linux")
    monkeypatch.setattr(install, "DRIVER", tmp_path / "version")
    monkeypatch.setattr(install, "ROOT", tmp_path)
    say_index(tmp_path, index)
    return tmp_path


def say_index(folder, address):
    (folder / install.PROCESSORS).write_text(f"--extra-index-url {address}\n-r requirements.txt\n")


def nvidia_smi(machine, code):
    program = machine / "bin" / "nvidia-smi"
    program.write_text(f"#!/bin/sh\nexit {code}\n")
    program.chmod(0o755)


def test_without_a_gpu_torch_is_for_processors(machine):
    assert install.requirements() == install.PROCESSORS
    nvidia_smi(machine, 9)  # the program without a driver
    assert install.requirements() == install.PROCESSORS


def test_with_a_gpu_it_is_the_usual_one(machine):
    nvidia_smi(machine, 0)
    assert install.requirements() == install.USUAL
    (machine / "bin" / "nvidia-smi").unlink()
    install.DRIVER.write_text("NVRM version")
    assert install.requirements() == install.USUAL


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_elsewhere_the_usual_index_has_no_cuda(machine, monkeypatch, system):
    monkeypatch.setattr(install.sys, "platform", system)
    assert install.requirements() == install.USUAL


def test_an_index_that_is_not_there_or_silent_costs_seconds(machine, capsys, monkeypatch):
    monkeypatch.setattr(install, "PATIENCE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for address in (
            "http://127.0.0.1:9/whl",
            f"http://127.0.0.1:{silent.getsockname()[1]}",
            "http://nowhere.invalid",
        ):
            say_index(machine, address)
            began = time.monotonic()
            assert install.requirements() == install.USUAL
            assert time.monotonic() - began < 60  # a name server may be silent for minutes
            assert f"{address} cannot be reached" in capsys.readouterr().out


def test_an_index_that_fails_later_leaves_the_usual_one(machine, monkeypatch):
    """pip as a script that notes what it is asked for, and can install no processor build."""
    python = machine / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(
        f'#!/bin/sh\nfor last; do :; done\necho "$last" >> {machine}/asked\ncase $last in *cpu*) exit 1;; esac\n'
    )
    python.chmod(0o755)
    monkeypatch.setattr(install, "VENV", machine / ".venv")
    with pytest.raises(SystemExit) as ended:
        install.main()
    assert ended.value.code == 0
    asked = (machine / "asked").read_text().split()
    assert asked == [str(machine / install.PROCESSORS), str(machine / install.USUAL)]


@pytest.mark.parametrize("version", [(3, 10, 1), (3, 14, 0)])
def test_a_python_that_was_not_tested_is_told(machine, monkeypatch, version):
    monkeypatch.setattr(install.sys, "version_info", version)
    with pytest.raises(SystemExit, match=r"Ganvas runs on 3\.11 to 3\.13"):
        install.main()
    assert not (machine / ".venv").exists()


def test_the_image_and_the_script_name_the_same_index():
    root = Path(__file__).parents[1]
    assert "-r requirements-cpu.txt" in (root / "Dockerfile").read_text()
    assert "--extra-index-url https://download.pytorch.org/whl/cpu\n" in (root / install.PROCESSORS).read_text()
