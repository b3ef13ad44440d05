"""Which passages are about the person, and whose the pages are.

A passage is about the person only if it names them, stands under a heading
that names them, or goes on about them in the same paragraph; and only on pages
that are tied to them: their profile, their company's site, or a page that
names the company as well.
"""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, urlsplit

from libs.contracts.research import ResearchJob
from libs.generate.offline.names import ROLE_WORD, Names, Person, fold, is_name_line
from libs.generate.offline.snapshot import Page, Passage, Shape
from libs.generate.pages import PageKind, host, is_linkedin

_LEGAL_FORM = re.compile(
    r"[\s,]+(?:inc|llc|ltd|limited|gmbh|ag|se|sa|sas|bv|b\.v|oy|ab|as|corp|corporation|co|plc|kg|ug"
    r"|srl|spa|s\.r\.o|pty)\.?$"
)
_PRONOUN = re.compile(
    r"(?:She|He|They|Her|His|Their|Before that|Earlier|Previously|Outside|In \d{4},? (?:she|he"
    r"|they))\b"
)
_PROFILE_TITLE = re.compile(r"\s+[-–|]\s+")  # noqa: RUF001 - dashes as LinkedIn writes them


def person_of(job: ResearchJob) -> Person | None:
    """The person by the names that were given, else by the address of their profile."""
    if job.first_name and job.last_name:
        return Person(job.first_name.strip(), job.last_name.strip())
    slug = unquote(urlsplit(job.linkedin_url or "").path).strip("/").split("/")[-1]
    names = [part for part in slug.split("-") if part.isalpha() and len(part) > 1]
    return Person(names[0].title(), names[-1].title()) if len(names) > 1 else None


def company_pages(job: ResearchJob, pages: Iterable[Page]) -> list[Page]:
    """The pages of the person's company: on its site, or calling themselves by its name."""
    site = host(job.company_website)
    return [
        page
        for page in pages
        if page.kind is not PageKind.LINKEDIN_PERSON
        and (_same_site(host(page.source.url), site) or _is_named(page, job.company))
    ]


def about_person(
    job: ResearchJob, person: Person, pages: Iterable[Page], company: Iterable[Page]
) -> list[Passage]:
    """Every passage that is about the person; the pages that are closest to them first."""
    own = {page.source.id for page in company}
    found: list[Passage] = []
    for page in sorted(pages, key=lambda p: _closeness(p, person, job), reverse=True):
        at_company = page.source.id in own
        if _is_profile(page, job) or at_company or _names_company(page, job):
            found += _on_page(page, Names(person), job, strict=_lists_outsiders(page, at_company))
    return found


def _closeness(page: Page, person: Person, job: ResearchJob) -> int:
    """How much of a page is likely to be about the person: 3 is all of it."""
    if _is_profile(page, job) or is_their_page(page, person):
        return 3
    return {PageKind.TEAM: 2, PageKind.ABOUT: 1}.get(page.kind, 0)


def is_their_page(page: Page, person: Person) -> bool:
    """A page of their own, as its title says: "Jane Doe - Head of Sales"."""
    title = fold(page.source.metadata.title or "")
    return title.startswith(fold(person.name))


def _on_page(page: Page, names: Names, job: ResearchJob, *, strict: bool) -> Iterator[Passage]:
    if not any(names.in_full(p.text) for p in page.passages):
        return
    section = False
    theirs = is_their_page(page, names.person)
    block, continues, name_block = -1, False, -1
    for passage in page.passages:
        if passage.shape is Shape.FACT and passage.key.startswith(("Person.", "Person[")):
            continue  # told apart by `role.py`, which knows whose facts they are
        named = names.in_full(passage.text)
        if passage.shape is Shape.HEADING or is_name_line(passage):
            # A heading right below the name that is a role ("Head of Sales") goes on about them.
            below_name = name_block == passage.block - 1 and ROLE_WORD.search(passage.text)
            section = named or (section and bool(below_name))
            name_block = passage.block if named else -1
            if strict and not _mentions(job.company, passage.text):
                section = named = False
        elif not named and names.by_last_name(passage.text):
            named = True
        elif strict and named and not _mentions(job.company, passage.text):
            named = False
        goes_on = _PRONOUN.match(passage.text) is not None
        follows = goes_on and (theirs or (continues and passage.block == block))
        named = named or (theirs and names.by_first_name(passage.text))
        block, continues = passage.block, named or section or follows
        if continues:
            yield passage


def _lists_outsiders(page: Page, at_company: bool) -> bool:
    """A customers page quotes other companies' people, who may bear the same name."""
    return at_company and page.kind is PageKind.CUSTOMERS


def _is_profile(page: Page, job: ResearchJob) -> bool:
    def slug(url: str | None) -> str:
        return unquote(urlsplit(url or "").path).strip("/").lower()

    wanted = job.linkedin_url
    return bool(wanted) and (
        page.source.url == wanted
        or (is_linkedin(page.source.url) and slug(page.source.url) == slug(wanted))
    )


def _names_company(page: Page, job: ResearchJob) -> bool:
    return any(_mentions(job.company, p.text) for p in page.passages)


def _is_named(page: Page, company: str | None) -> bool:
    """Whether a page's own head calls its site by the company's name."""
    if company is None:
        return False
    stated = [page.source.metadata.site_name or ""]
    stated += [p.text for p in page.passages if p.key in ("site_name", "Organization.name")]
    stated += _PROFILE_TITLE.split(page.source.metadata.title or "")[-1:]
    wanted = _bare(company)
    return any(_bare(name) == wanted for name in stated if name)


def _mentions(company: str | None, text: str) -> bool:
    if not company:
        return False
    return re.search(rf"(?<!\w){re.escape(_bare(company))}(?!\w)", fold(text)) is not None


def _bare(company: str) -> str:
    return _LEGAL_FORM.sub("", fold(company).strip())


def _same_site(one: str, site: str) -> bool:
    return bool(site) and (one == site or one.endswith(f".{site}"))
