"""Reads websites: safely, politely, and with a plain word about what could not be read.

`Crawler.crawl` takes a `CrawlPlan` and ends every page it tries as one source:

    crawl_run     which page next, what source it becomes   <- frontier, ranking, links, urls
      page_reader   one page through two tiers              <- extract: blocks, metadata, rendering
        http_tier     plain HTTP, first                     <- decoding, walls
        browser       Chromium or lightpanda, where needed  <- tab, chromium, lightpanda, tether
      site_files    robots.txt and sitemaps                 <- robots, sitemap
    guard         the proxy all of them leave through       <- destinations, addresses

Crawled pages are hostile: what may be reached is decided by the guard alone, and
everything is bounded in bytes, time and count.
"""

from libs.crawl.crawler import Crawler
from libs.crawl.find_browser import FoundBrowser, find_browser
from libs.crawl.plan import CrawlPlan, Focus
from libs.crawl.settings import CrawlSettings

__all__ = ["CrawlPlan", "CrawlSettings", "Crawler", "Focus", "FoundBrowser", "find_browser"]
