"""Which page to read next. Pure state: no I/O, no clock."""

from collections import Counter
from collections.abc import Iterable

from libs.crawl.links import Link
from libs.crawl.plan import CrawlPlan
from libs.crawl.ranking import REPEAT_PENALTY, link_kind, link_score
from libs.crawl.urls import looks_binary, page_key, site_of, url_language

MAX_CANDIDATES = 5000


class Frontier:
    """The candidates of a crawl, each page at most once, and the rule which one comes next."""

    def __init__(self, plan: CrawlPlan) -> None:
        self._plan = plan
        self._sites: set[str] = set()
        self._languages: set[str | None] = {None}
        self._seen: set[str] = set()
        self._candidates: dict[Link, tuple[float, str]] = {}
        """Score and kind of each."""
        self._chosen: Counter[str] = Counter()

    def open_site(self, url: str, language: str | None) -> None:
        """From now on links to this URL's site are candidates, in this language or none."""
        self._sites.add(site_of(url))
        self._languages.update({url_language(url), (language or "")[:2].lower() or None})

    def is_open(self, url: str) -> bool:
        """Whether links to the URL's site are followed."""
        return site_of(url) in self._sites

    def take(self, url: str) -> bool:
        """Marks a page as tried. False when it already was."""
        key = page_key(url)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def add(self, links: Iterable[Link]) -> None:
        """Adds those links that may be worth a page."""
        for link in links:
            if len(self._candidates) >= MAX_CANDIDATES:
                return
            if link not in self._candidates and self._is_candidate(link):
                score = link_score(link, self._plan.focus, self._plan.names)
                if score >= 0:
                    kind = link_kind(link)
                    self._candidates[link] = (score, kind.name if kind else "other")

    def next(self) -> Link | None:
        """Takes the best candidate, weighing down kinds of which there were some already."""
        while self._candidates:
            best = max(self._candidates, key=self._worth)
            _, kind = self._candidates.pop(best)
            if self.take(best.url):
                self._chosen[kind] += 1
                return best
        return None

    def _is_candidate(self, link: Link) -> bool:
        declared = (link.language or "")[:2].lower() or None
        return (
            self.is_open(link.url)
            and not looks_binary(link.url)
            and declared in self._languages
            and url_language(link.url) in self._languages
            and page_key(link.url) not in self._seen
        )

    def _worth(self, link: Link) -> float:
        score, kind = self._candidates[link]
        return score - REPEAT_PENALTY * self._chosen[kind]
