"""Who imports whom, and that importing does nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORE = sorted((ROOT / "core").rglob("*.py"))
# Below this line torch is at home; everything else must be importable without it.
WITH_TORCH = {"core/perceptual.py"} | {
    f"core/style/{name}.py"
    for name in (
        "instant/decoder",
        "instant/paint",
        "instant/transfer",
        "optimise/descent",
        "optimise/lbfgs",
        "optimise/measure",
        "networks",
        "optimise/objective",
        "optimise/paint",
    )
}


def imported(path: Path, everywhere: bool) -> set[str]:
    """Modules imported by a file: anywhere in it, or only at its top level (not under TYPE_CHECKING)."""
    tree = ast.parse(path.read_text())
    nodes = ast.walk(tree) if everywhere else tree.body
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", CORE, ids=relative)
def test_core_knows_no_ui(path):
    assert not [name for name in imported(path, everywhere=True) if name.split(".")[0] in ("streamlit", "gradio")]
    assert not [name for name in imported(path, everywhere=True) if name.split(".")[0] in ("pages", "style_app", "app")]


@pytest.mark.parametrize("path", [p for p in CORE if "gan" not in p.parts], ids=relative)
def test_plain_modules_do_without_torch(path):
    if relative(path) in WITH_TORCH:
        return
    names = imported(path, everywhere=False)
    assert not [name for name in names if name.split(".")[0] == "torch"]
    assert not [name for name in names if f"{name.replace('.', '/')}.py" in WITH_TORCH]


@pytest.mark.parametrize("path", CORE, ids=relative)
def test_engines_do_not_import_each_other(path):
    engines = {"style", "gan"}
    if room := engines & set(path.relative_to(ROOT).parts):
        others = engines - room
        assert not [
            name for name in imported(path, everywhere=True) for other in others if name.startswith(f"core.{other}")
        ]


def test_starting_the_server_imports_no_torch_and_no_gradio_and_writes_nothing(tmp_path):
    code = "import os, sys, app; print({'torch', 'gradio'} & set(sys.modules), os.listdir())"
    home, here = tmp_path / "home", tmp_path / "here"
    here.mkdir()
    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        cwd=here, env={"PATH": "/usr/bin:/bin", "HOME": str(home), "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "set() []"
    assert not (home / ".cache" / "ganvas").exists()
    assert not list(ROOT.glob("*.pyi"))  # Gradio writes one beside every new kind of component
