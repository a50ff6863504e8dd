"""Makes the virtual environment `.venv` and installs what Ganvas runs on: `python install.py`.

On Linux without an NVIDIA GPU torch comes from PyTorch's index for processors, and from the usual one where that cannot
be reached. Runs before anything is installed, so it knows only Python itself.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
import urllib.request
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
DRIVER = Path("/proc/driver/nvidia/version")
USUAL, PROCESSORS = "requirements.txt", "requirements-cpu.txt"
PYTHONS = ((3, 11), (3, 13))  # the oldest and the newest that is tested
PATIENCE = 4.0  # seconds for an index to answer


def main() -> None:
    oldest, newest = PYTHONS
    if not oldest <= sys.version_info[:2] <= newest:
        sys.exit(
            f"This is Python {sys.version_info[0]}.{sys.version_info[1]}; Ganvas runs on 3.{oldest[1]} to "
            f"3.{newest[1]}. Start install.py with one of them (make run PYTHON=python3.{newest[1]})."
        )
    python = VENV / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        try:
            venv.create(VENV, with_pip=True)
        except subprocess.CalledProcessError:
            shutil.rmtree(VENV, ignore_errors=True)
            sys.exit("This Python cannot make virtual environments; on Debian and Ubuntu install python3-venv.")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]
    wanted = requirements()
    done = subprocess.run([*pip, str(ROOT / wanted)])
    if done.returncode and wanted == PROCESSORS:
        done = subprocess.run([*pip, str(ROOT / USUAL)])
    sys.exit(done.returncode)


def requirements() -> str:
    """The file of requirements that suits this machine."""
    if sys.platform != "linux" or has_nvidia():
        return USUAL
    index = re.search(r"--extra-index-url (\S+)", (ROOT / PROCESSORS).read_text(encoding="utf-8"))[1]
    if answers(index):
        return PROCESSORS
    print(f"{index} cannot be reached, so torch comes from the usual index, maybe with gigabytes of CUDA.")
    return USUAL


def has_nvidia() -> bool:
    """Whether there is an NVIDIA GPU with its driver; under WSL only nvidia-smi knows."""
    if DRIVER.exists():
        return True
    try:
        return subprocess.run(["nvidia-smi", "-L"], capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def answers(index: str) -> bool:
    """Whether an index of packages answers soon. In a thread: a name server may be silent for longer than any limit."""
    found: list[bool] = []

    def ask() -> None:
        try:
            urllib.request.urlopen(f"{index.rstrip('/')}/torch/", timeout=PATIENCE).close()
            found.append(True)
        except (OSError, ValueError):
            found.append(False)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return found == [True]


if __name__ == "__main__":
    main()
