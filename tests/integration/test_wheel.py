"""What is installed from a wheel is whole: the files that are no Python are in it too."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.house import tree

DATA = {".html", ".css", ".js", ".svg", ".md", ".sh", ".yaml", ".typed"}


def test_a_wheel_has_every_file_of_the_rooms_that_are_installed(tmp_path: Path) -> None:
    rooms = {"policy", "exporter", "alerts", "dashboards", "sandbox", "cli"}
    source = tmp_path / "source"
    for path in tree.files():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tree.ROOT / path, source / path)
    build = ["-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    subprocess.run([sys.executable, *build, "-w", tmp_path, source], check=True, capture_output=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = {str(path) for path in tree.files() if path.parts[0] in rooms and path.suffix in {*DATA, ".py"}}
    assert wanted - inside == set()
    assert {name for name in inside if name.startswith("exporter/board/page/")} >= {
        "exporter/board/page/index.html",
        "exporter/board/page/board.css",
        "exporter/board/page/board.js",
    }
