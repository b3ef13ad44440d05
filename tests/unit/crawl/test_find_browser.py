from pathlib import Path

import pytest

from libs.crawl.find_browser import find_browser
from libs.crawl.settings import CrawlSettings


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o755)
    return path


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose PATH and Playwright folder are empty; the lightpanda package is there."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "managed"))
    return tmp_path


def test_the_order_is_managed_then_path_then_lightpanda(bare: Path) -> None:
    found = find_browser(CrawlSettings())
    assert found is not None
    assert (found.kind, found.origin) == ("lightpanda", "Python package lightpanda")

    on_path = program(bare / "bin/chromium")
    found = find_browser(CrawlSettings())
    assert found is not None
    assert (found.kind, found.path) == ("chromium", str(on_path))

    managed = program(bare / "managed/chromium-1200/chrome-linux/chrome")
    found = find_browser(CrawlSettings())
    assert found is not None
    assert (found.kind, found.path) == ("chromium", str(managed))


def test_a_setting_decides(bare: Path) -> None:
    program(bare / "bin/chromium")
    assert find_browser(CrawlSettings(browser="none")) is None
    found = find_browser(CrawlSettings(browser="lightpanda"))
    assert found is not None
    assert found.kind == "lightpanda"
    found = find_browser(CrawlSettings(browser_path="/opt/chrome/chrome"))
    assert found is not None
    assert (found.kind, found.path) == ("chromium", "/opt/chrome/chrome")


def test_there_may_be_none(bare: Path) -> None:
    assert find_browser(CrawlSettings(browser="chromium")) is None
