"""What a page states in its head: title, description, Open Graph, JSON-LD. Pure."""

import json
from collections.abc import Iterator
from typing import Any

from lxml.html import HtmlElement

from libs.contracts.sources import PageMetadata
from libs.crawl.blocks import Block
from libs.crawl.text import clean_json, one_line, word_set

MAX_FACT_CHARS = 1000
MAX_FACTS = 200
MAX_HEADINGS = 60
MAX_JSON_LD_CHARS = 32 * 1024
"""Of JSON-LD kept per page, so that a source fits one message."""

_UNTOLD_TYPES = word_set(
    "BreadcrumbList ListItem ImageObject SearchAction ReadAction EntryPoint WebPageElement"
)
_UNTOLD_KEYS = word_set(
    "image logo thumbnailUrl potentialAction breadcrumb primaryImageOfPage inLanguage isPartOf"
    " mainEntityOfPage itemListElement contentUrl width height"
)
_OPEN_GRAPH_FACTS = ("og:site_name", "og:type", "article:author", "profile:first_name",
                     "profile:last_name")  # fmt: skip


def page_metadata(document: HtmlElement, blocks: list[Block]) -> PageMetadata:
    """Collects what the head says; the headings come from the visible blocks."""
    named = _meta_tags(document)
    graph = {k: v for k, v in named.items() if k.startswith(("og:", "article:", "profile:"))}
    json_ld = _json_ld(document)
    title = one_line(document.findtext(".//title") or "")
    published = graph.get("article:published_time") or _first(json_ld, "datePublished")
    return PageMetadata(
        title=title or graph.get("og:title"),
        description=named.get("description") or graph.get("og:description"),
        site_name=graph.get("og:site_name"),
        language=one_line(document.get("lang") or "")[:35] or None,
        published=published or None,
        headings=tuple(b.text[:MAX_FACT_CHARS] for b in blocks if b.is_heading)[:MAX_HEADINGS],
        open_graph=graph,
        json_ld=json_ld,
    )


def is_article(metadata: PageMetadata) -> bool:
    """Whether the page calls itself an article, by Open Graph or JSON-LD."""
    kinds = [item.get("@type") for item in metadata.json_ld]
    return metadata.open_graph.get("og:type") == "article" or any(
        isinstance(kind, str) and kind.endswith(("Article", "Posting")) and kind != "JobPosting"
        for kind in kinds
    )


def head_facts(metadata: PageMetadata) -> list[str]:
    """The head as lines `name: value`, with which a snapshot opens."""
    facts = {"title": metadata.title, "description": metadata.description}
    facts |= {name: metadata.open_graph.get(name) for name in _OPEN_GRAPH_FACTS}
    lines = [f"{name}: {value}" for name, value in facts.items() if value]
    for item in metadata.json_ld:
        lines += [f"{path}: {value}" for path, value in _flattened(item)]
    return list(dict.fromkeys(lines))[:MAX_FACTS]


def _meta_tags(document: HtmlElement) -> dict[str, str]:
    """Name (or property) and content of the first `meta` of each name."""
    tags: dict[str, str] = {}
    for meta in document.iter("meta"):
        name = (meta.get("property") or meta.get("name") or "").strip().lower()
        content = one_line(meta.get("content") or "")
        if name and content and len(name) <= 60 and len(tags) < MAX_FACTS:
            tags.setdefault(name, content[:MAX_FACT_CHARS])
    return tags


def _json_ld(document: HtmlElement) -> tuple[dict[str, Any], ...]:
    items: list[dict[str, Any]] = []
    left = MAX_JSON_LD_CHARS
    for script in document.xpath("//script[@type='application/ld+json']"):
        try:
            parsed = json.loads(script.text or "", strict=False)
        except (ValueError, RecursionError):
            continue  # broken on the page's side; the page is still readable
        for item in _top_level(parsed):
            clean = clean_json(item)
            left -= len(json.dumps(clean))
            if left >= 0:
                items.append(clean)
    return tuple(items)


def _top_level(parsed: Any) -> Iterator[dict[str, Any]]:
    if isinstance(parsed, list):
        for item in parsed:
            yield from _top_level(item)
    elif isinstance(parsed, dict):
        if isinstance(parsed.get("@graph"), list):
            yield from (item for item in parsed["@graph"] if isinstance(item, dict))
        else:
            yield parsed


def _flattened(item: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The facts of one JSON-LD object as `Type.path` and value."""
    kind = item.get("@type")
    name = str(kind[0] if isinstance(kind, list) and kind else kind or "Thing")
    if name not in _UNTOLD_TYPES:
        yield from _facts(name, item)


def _facts(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, child in value.items():
            if not key.startswith("@") and key not in _UNTOLD_KEYS:
                yield from _facts(f"{path}.{key}", child)
    elif isinstance(value, list):
        for child in value:
            yield from _facts(path, child)
    elif isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
        yield path, str(value)[:MAX_FACT_CHARS]


def _first(items: tuple[dict[str, Any], ...], key: str) -> str | None:
    return next((v for item in items if isinstance(v := item.get(key), str) and v), None)
