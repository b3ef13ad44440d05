"""Short items that a company's pages name: buyers, trades, company sizes and keywords."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from libs.generate.offline.ranking import terms
from libs.generate.offline.snapshot import Passage, Shape
from libs.generate.pages import PageKind

Item = tuple[str, Passage]
"""The words, as they stand in the passage."""

_AUDIENCE = re.compile(
    r"\b(?:for|helps?|used by|trusted by|serves?|serving|work with|works with|customers?|clients?"
    r"|built|designed|gives?|lets?|loved by|supplies|supply|rely|across|from|says|tell us|needs?"
    r"|industries|sectors)\b",
    re.IGNORECASE,
)
_AUDIENCE_HEADING = re.compile(
    r"\b(?:industr|sector|who (?:we|it|uses)|customers|clients|built for|made for|markets)",
    re.IGNORECASE,
)
_ABOUT_BUYERS = frozenset(
    {
        PageKind.HOME,
        PageKind.PRODUCT,
        PageKind.CUSTOMERS,
        PageKind.PRICING,
        PageKind.ABOUT,
        PageKind.OTHER,
    }
)
_FUNCTION = (
    r"(?:sales|marketing|finance|financial|hr|people|operations|ops|product(?:ion)?|engineering"
    r"|procurement|purchasing|legal|it|support|success|data|design|maintenance|quality|compliance"
    r"|plant|restaurant|store|shop|office|project|supply chain|warehouse|logistics|fleet|security"
    r"|brand|content|growth|revenue|account|kitchen|general|facility|property|practice|business"
    r"|e-commerce|digital|communications|process|site|production|area|regional|clinic|hotel)"
)
_TITLE = re.compile(
    r"\b(?:(?:Head|VP|SVP|Vice President|Director|Directors|Heads"
    r"|VPs) of (?:[A-Z][\w&-]+(?: (?:and|&) "
    r"[A-Z][\w-]+| [A-Z][\w-]+)?|[a-z]+)"
    r"|Chief [A-Z]\w+ Officers?|C[EFOTMIR]Os?|CISOs?|CHROs?"
    rf"|(?i:{_FUNCTION}(?: and {_FUNCTION})? (?:managers?|directors?|owners?|leaders?|leads?"
    rf"|engineers?"
    r"|planners?|officers?|buyers?|teams?|executives?))"
    r"|(?i:founders|freelancers|recruiters|accountants|controllers|developers|marketers|architects"
    r"|consultants|buyers|chefs|designers))\b"
)
_OWN = re.compile(r"\b(?:our|joined|co-founder)\b", re.IGNORECASE)
_INDUSTRY = re.compile(
    r"(?<![\w-])(?:cosmetics|personal care|household chemicals|restaurants?|hospitality|hotels?"
    r"|caf[eé]s|bakeries|breweries|dairies|catering"
    r"|retail(?:ers)?"
    r"|e-?commerce|health ?care|hospitals|clinics|pharma(?:ceuticals?)?|biotech|life sciences"
    r"|medical (?:devices|technology)|manufacturing|manufacturers|mechanical engineering|automotive"
    r"|aerospace|aviation|construction|real estate|logistics|transport(?:ation)?|shipping|education"
    r"|universities|schools|banking|banks|insurance|insurers|fintechs?|financial services|saas"
    r"|software companies|telecom(?:munications)?|energy|utilities|oil and gas|renewables"
    r"|agriculture"
    r"|food (?:and|&) (?:beverage|drink)|food processing|packaging|chemicals?|mining|media"
    r"|publishing"
    r"|gaming|travel|tourism|non-?profits|charities|public sector|government|municipalities"
    r"|law firms"
    r"|accounting firms|consultancies|agencies|marine|shipbuilding|rail|defen[cs]e|semiconductors?"
    r"|electronics|fashion|consumer goods|machine builders|plastics|professional services"
    r"|start-?ups)\b",
    re.IGNORECASE,
)
_SIZE = re.compile(
    r"\b(?:(?:teams|companies|businesses|groups|firms|manufacturers|organi[sz]ations|plants"
    r"|customers) "
    r"(?:of|with|from) (?:up to |over |more than |fewer than |under |about |between )?\d[\d.,]*"
    r"(?: ?(?:to|and|-|–) ?\d[\d.,]*)?\+?(?: (?:employees|people|staff|locations"  # noqa: RUF001
    r"|sites"
    r"|seats"
    r"|users|restaurants|lines|machines|rooms|beds|vehicles|stores))?"
    r"|(?:up to|over|more than|fewer than|under|from) \d[\d.,]*(?: ?(?:to|-"
    r"|–) ?\d[\d.,]*)? "  # noqa: RUF001
    r"(?:employees|people|staff|locations|sites|seats)"
    r"|\d[\d.,]* ?(?:to|-|–) ?\d[\d.,]* (?:employees|people|staff|locations|sites"  # noqa: RUF001
    r"|seats"
    r"|restaurants)"
    r"|(?:small (?:and|&|to) (?:medium|mid)(?:[- ]?sized?)?|mid-?(?:market|size|sized)|small"
    r"|large|medium-sized"
    r"|independent|multi-site|growing) (?:businesses|companies|manufacturers|enterprises|teams"
    r"|firms|groups)"
    r"|SMBs?|SMEs|mid-market|enterprises|startups|scale-?ups|sole traders)\b",
    re.IGNORECASE,
)
_OWN_SIZE = re.compile(
    r"\b(?:we (?:are|have|employ|now)|our (?:team|company|\d)|employs|team of|joined|grew to)\b",
    re.IGNORECASE,
)
_NOT_A_TOPIC = re.compile(
    r"^(?:learn|read|book|get|see|contact|sign|start|try|new|every|each|one|first|last|year|day"
    r"|week"
    r"|month|people|help|make|work|page|home|team|company|customer|story|about|best|free|two|three"
    r"|time|hour|minute|good|great|need|want|take|give|use|all|any|most|many|other|own|than|because"
    r"|while|after|before|over|under|between|would|could|should|also|just|only|even|without|through"
    r"|per|up|out|off|inc|gmbh|ltd|llc|says|said|still|never|always|ago|now|until|during|within"
    r"|really|very|into|onto)$"
)
_LIMIT = 8


def job_titles(passages: Sequence[Passage]) -> list[Item]:
    """Roles that the pages name as users or buyers, not the company's own staff."""

    def fits(passage: Passage) -> bool:
        to_buyers = _AUDIENCE.search(passage.text) and not _OWN.search(passage.text)
        may_name_them = passage.kind in _ABOUT_BUYERS - {PageKind.ABOUT}
        return may_name_them and bool(passage.quoted or to_buyers)

    named = _items(_TITLE, filter(fits, passages))
    return [(title, p) for title, p in named if not _is_own_staff(title, p.text)]


def _is_own_staff(title: str, text: str) -> bool:
    """ "Better questions than our own product managers", "talk to our sales team"."""
    return (
        title.lower() in ("sales team", "support team")
        or re.search(rf"\bour (?:own )?{re.escape(title)}", text) is not None
    )


def industries(passages: Sequence[Passage]) -> list[Item]:
    """Trades that the pages name as served."""
    return _items(_INDUSTRY, filter(_names_buyers, passages))


def company_sizes(passages: Sequence[Passage]) -> list[Item]:
    """How large the companies are that the pages say they are for."""

    def fits(passage: Passage) -> bool:
        priced = passage.kind is PageKind.PRICING
        return (priced or _names_buyers(passage)) and _OWN_SIZE.search(passage.text) is None

    return _items(_SIZE, filter(fits, passages))


def keywords(passages: Sequence[Passage], company: str | None) -> list[Item]:
    """Phrases that come up again and again, and what the pages declare as keywords."""
    declared = [
        (word.strip(), p)
        for p in passages
        if p.shape is Shape.FACT and p.key.rsplit(".", 1)[-1] in ("keywords", "knowsAbout")
        for word in re.split(r"[,;]", p.text)
        if 2 < len(word.strip()) < 40
    ]
    named = set(terms(company or ""))
    where: dict[tuple[str, ...], dict[str, Passage]] = defaultdict(dict)
    spelled: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    prominent: set[tuple[str, ...]] = set()
    for passage in passages:
        if passage.kind not in _ABOUT_BUYERS or passage.quoted:
            continue
        for phrase in _phrases(passage.text):
            key = tuple(terms(phrase))
            if len(key) < 2 or named & set(key) or _is_name(phrase, passage):
                continue
            where[key].setdefault(passage.text, passage)
            spelled[key][phrase] += 1
            if passage.shape in (Shape.HEADING, Shape.FACT):
                prominent.add(key)
    often = [key for key in where if len(where[key]) >= (2 if key in prominent else 3)]
    often.sort(key=lambda k: (-len(where[k]) * len(k), k not in prominent))
    found: list[Item] = []
    for key in often:
        if any(set(key) & set(terms(text)) for text, _ in found):
            continue
        phrase = spelled[key].most_common(1)[0][0]
        holder = next((p for p in where[key].values() if phrase in p.text.lower()), None)
        if holder is not None:
            found.append((phrase, holder))
    return _distinct([*declared, *found])


def _phrases(text: str) -> Iterator[str]:
    """Two or three neighbouring words with nothing between them but a space."""
    for run in re.split(r"[^\w\s-]+|\s-\s|\d+", text.lower()):
        words = run.split()
        for size in (3, 2):
            for start in range(len(words) - size + 1):
                window = words[start : start + size]
                if all(len(w) > 2 and terms(w) and not _NOT_A_TOPIC.match(w) for w in window):
                    yield " ".join(window)


def _is_name(phrase: str, passage: Passage) -> bool:
    """Whether the phrase is written as a name ("Grupo Azul") in running text."""
    if passage.shape is Shape.HEADING:
        return phrase.title() in passage.text and not passage.text.istitle()
    return phrase.title() in passage.text


def _names_buyers(passage: Passage) -> bool:
    if passage.kind not in _ABOUT_BUYERS:
        return False
    below = _AUDIENCE_HEADING.search(passage.heading) is not None
    return below or _AUDIENCE.search(passage.text) is not None


def _items(pattern: re.Pattern[str], passages: Iterable[Passage]) -> list[Item]:
    return _distinct([(m.group(), p) for p in passages for m in pattern.finditer(p.text)])


def _distinct(items: list[Item]) -> list[Item]:
    """Each once, where singular and plural are one and the longest wording wins; a handful."""
    chosen: dict[frozenset[str], Item] = {}
    for text, passage in items:
        words = frozenset(terms(text)) or frozenset([text.lower()])
        if any(words <= other for other in chosen):
            continue
        chosen = {other: item for other, item in chosen.items() if not other < words}
        chosen[words] = (text, passage)
    return list(chosen.values())[:_LIMIT]
