"""The import rules of pyproject.toml hold, and only the relay publishes."""

import ast
import contextlib
import io
from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parents[2]


def test_import_contracts_are_kept() -> None:
    report = io.StringIO()
    with contextlib.redirect_stdout(report):
        status = lint_imports(str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True)
    assert status == EXIT_STATUS_SUCCESS, report.getvalue()


def test_only_the_relay_publishes() -> None:
    """Elsewhere a message could go out before, or without, the commit that it tells of.

    `relay.publish(…)` is the relay; `self._broker.publish` is the bus at work.
    """
    allowed = {"libs/messaging/relay.py": {"bus", "self._bus"}}
    allowed["libs/messaging/kafka.py"] = {"self._broker"}
    found = []
    for folder in ("libs", "services", "deploy"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and node.attr == "publish":
                    owner = ast.unparse(node.value)
                    if owner != "relay" and owner not in allowed.get(name, ()):
                        found.append(f"{name}:{node.lineno}: {ast.unparse(node)}")
    assert found == []
