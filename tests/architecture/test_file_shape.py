"""Every service has the same files, and no file outgrows its reader."""

import ast
from pathlib import Path

import pytest

from libs.contracts.topics import TOPICS

ROOT = Path(__file__).parents[2]
PRODUCT = ("libs", "services", "deploy")
MOST_LINES = 300
MOST_LINES_OF_AN_ENTRY = 20

EVERY_SERVICE = {
    "__init__.py",
    "__main__.py",
    "README.md",
    "app.py",
    "migrations",
    "ports.py",
    "settings.py",
    "store.py",
    "tables.py",
}
ALSO = {
    "context": {"api.py", "domain.py", "handlers.py", "saga.py", "worker.py"},
    "credits": {"api.py", "domain.py", "handlers.py"},
    "gateway": {"routes", "schemas.py"},
    "research": {"api.py", "domain.py", "handlers.py", "saga.py", "worker.py"},
}


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_services_are_those_of_the_design() -> None:
    there = {path.name for path in (ROOT / "services").iterdir() if (path / "__init__.py").exists()}
    assert there == set(ALSO)


@pytest.mark.parametrize("service", ALSO)
def test_a_service_has_its_files(service: str) -> None:
    folder = ROOT / "services" / service
    missing = {file for file in EVERY_SERVICE | ALSO[service] if not (folder / file).exists()}
    assert missing == set()


@pytest.mark.parametrize("service", ALSO)
def test_a_service_says_what_it_owns_consumes_and_emits(service: str) -> None:
    text = (ROOT / "services" / service / "__init__.py").read_text()
    assert [w for w in ("Owns", "Consumes", "Emits", "Always") if f"\n{w} " not in text] == []


def test_every_message_is_named_by_a_service_that_consumes_or_emits_it() -> None:
    """Events may be named by their topic."""
    texts = [(ROOT / "services" / service / "__init__.py").read_text() for service in ALSO]
    unnamed = [
        f"{topic.name}: {message.type_name()}"
        for topic in TOPICS
        for message in topic.messages
        if not any(
            message.type_name() in text or (topic.public and topic.name.removesuffix(".v1") in text)
            for text in texts
        )
    ]
    assert unnamed == []


def test_files_are_short() -> None:
    long = {
        name(path): lines
        for path in sources(*PRODUCT, "tests")
        if (lines := len(path.read_text().splitlines())) > MOST_LINES
    }
    assert long == {}


def test_entries_only_wire() -> None:
    entries = sorted((ROOT / "services").glob("*/__main__.py"))
    assert len(entries) == len(ALSO)
    for path in entries:
        assert len(path.read_text().splitlines()) <= MOST_LINES_OF_AN_ENTRY, name(path)


def test_every_package_says_what_it_is() -> None:
    packages = [path for path in sources(*PRODUCT) if path.name == "__init__.py"]
    silent = [name(p) for p in packages if not ast.get_docstring(ast.parse(p.read_text()))]
    assert silent == []


def test_every_folder_of_code_is_a_package() -> None:
    """Alembic's folders are scripts that it runs by their path."""
    loose = {
        name(path.parent)
        for path in sources(*PRODUCT)
        if not (path.parent / "__init__.py").exists()
        and path.parent.name not in {"versions", "alembic_env"}
    }
    assert loose == set()


def test_nothing_prints() -> None:
    calls = [
        f"{name(path)}:{node.lineno}"
        for path in sources(*PRODUCT)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert calls == []


def test_sql_of_a_service_stands_in_its_store() -> None:
    elsewhere = [
        f"{name(path)}:{node.lineno}"
        for path in sources("services")
        if path.name not in {"store.py", "tables.py"} and "migrations" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"sa.text", "text"}
    ]
    assert elsewhere == []


def test_a_service_that_consumes_and_emits_has_an_inbox_and_an_outbox() -> None:
    for service in ("context", "credits", "research"):
        text = (ROOT / "services" / service / "tables.py").read_text()
        assert "InboxRow" in text, service
        assert "OutboxRow" in text, service
