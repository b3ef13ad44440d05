"""What each field of a context or section of a report asks for. Data, no logic."""

import re
from dataclasses import replace

from libs.generate.offline.ranking import Question
from libs.generate.pages import PageKind as K


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


OVERVIEW = Question(
    query="company founded builds makes provides mission headquartered team employees since",
    cues=_words(
        r"\b(?:we|[A-Z][\w&.-]+(?: [A-Z][\w&.-]+){0,3}) (?:is|are) (?:an?|the|one of)\b"
        r"|\b(?:founded|established|headquartered|based in|started in|family[- ](?:owned|run))\b"
        r"|\bwe(?:'re| are)? (?:build|make|help|design|manufacture|develop|produce|provide|run)\b"
        r"|\bour mission\b"
    ),
    pages={
        K.ABOUT: 1.0,
        K.HOME: 0.9,
        K.TEAM: 0.1,
        K.LINKEDIN_COMPANY: 0.6,
        K.NEWS: 0.1,
        K.CAREERS: 0.3,
    },
)
PRODUCT = Question(
    query="product platform software service features includes offers provides automates module "
    "integrates tool range machines",
    cues=_words(
        r"\b(?:platform|software|app|tools?|product|modules?|features?|services?|solution|suite"
        r"|range|machines?|systems?|dashboard|engine|api|package|line)\b.{0,120}"
        r"\b(?:is|are|lets?|gives?|helps?|provides?|offers?|includes?|comes?|connects?|tracks?"
        r"|automates?|integrates?|calculates?|imports?|measures?|plans?|handles?|replaces?"
        r"|covers?)\b"
        r"|^We (?!are\b|have\b|were\b|use\b|believe\b|love\b|raised\b|opened\b|hire\b)\w+"
        r"|\b(?:integrates? with|lets you|allows you|automatically|automates?|connects? (?:to"
        r"|with))\b"
    ),
    pages={
        K.PRODUCT: 1.0,
        K.HOME: 0.8,
        K.PRICING: 0.4,
        K.ABOUT: 0.4,
        K.CUSTOMERS: 0.2,
        K.NEWS: 0.15,
        K.CAREERS: 0.05,
        K.TEAM: 0.05,
    },
    headings=_words(r"\b(?:what we (?:do|make|build|offer)|services?|products?|range|features?)\b"),
    trusted=frozenset({K.PRODUCT}),
)
PROBLEM = Question(
    query="problem challenge manual time waste errors cost lose struggle spreadsheet hours "
    "downtime risk instead without",
    cues=_words(
        r"\b(?:problems?|struggl\w+|wast(?:e|es|ed|ing)|manual(?:ly)?|error-prone|mistakes?"
        r"|instead of|no (?:more|longer)|eliminat\w+|tired of|frustrat\w+|pain(?:ful)?|bottlenecks?"
        r"|spreadsheets?|guesswork|downtime|too (?:late|long|slow|expensive)|hours? (?:a|per"
        r"|every|each)"
        r"|lose|losing|lost|shortages?|overspend\w*|challenges?|cuts?|reduc(?:e|es|ed|ing)|avoids?"
        r"|prevents?|never|nobody|too often|reject(?:s|ed)?|\w+ out of \w+|costs? (?:you|the|a"
        r"|an|your|them)"
        r"|over-?staffed|under-?staffed|(?:two|three|four|\d+) (?:hours|days)|paperwork|scrap"
        r"|delays?|hard to|difficult)\b"
    ),
    pages={
        K.HOME: 1.0,
        K.PRODUCT: 1.0,
        K.ABOUT: 0.9,
        K.CUSTOMERS: 0.6,
        K.NEWS: 0.2,
        K.CAREERS: 0.05,
        K.PRICING: 0.2,
    },
    headings=_words(r"\b(?:problem|challenge|why (?:we|us)|pain)\b"),
)
PAIN = replace(PROBLEM, of_company=False)
DIFFERENTIATORS = Question(
    query="only unique unlike different first award certified patented guarantee in-house fastest "
    "independent why choose",
    cues=_words(
        r"\b(?:the only|unlike|unique(?:ly)?|first (?:company|platform|in|to)|award\w*|certified"
        r"|iso ?\d{4,5}|patent\w*|guarantee[ds]?|warranty|in-house|fastest|leading|market leader"
        r"|independent|no (?:setup|hidden|lock-in|minimum|long-term)|without (?:setup|a contract"
        r"|code|hardware)"
        r"|within (?:\d+|one|two|three|four|a|an) (?:minutes?|hours?|days?|weeks?)"
        r"|own (?:factory|foundry|lab|team)"
        r"|open[- ]source|rather than|money back|fixed price|soc ?2|years of experience|accurate"
        r"|up to \d+ ?%)"
    ),
    pages={
        K.HOME: 0.9,
        K.ABOUT: 1.0,
        K.PRODUCT: 1.0,
        K.PRICING: 0.6,
        K.CUSTOMERS: 0.5,
        K.NEWS: 0.2,
        K.CAREERS: 0.1,
    },
    headings=_words(r"\b(?:why (?!we started)|different|what sets|advantages?|promise)\b"),
)
AUDIENCE = Question(
    query="customers for teams companies businesses used by trusted designed built clients serve",
    cues=_words(
        r"\b(?:(?:built|made|designed|ideal|perfect|created|meant|tailored) for|used by|trusted by"
        r"|our (?:customers|clients) (?:are|include|range)|(?:customers|clients) (?:are|include"
        r"|range|from)"
        r"|we (?:work with|serve|supply|help|support|advise)|(?:serves?|helps?|supplies) [\w-]+"
        r"|for (?:[\w-]+ ){0,3}(?:teams|companies|businesses|brands|manufacturers|retailers|owners|"
        r"restaurants|agencies|firms|operators|managers|groups|startups|professionals"
        r"|organi[sz]ations)"
        r"|(?:companies|businesses|teams|customers|clients|brands|manufacturers) (?:use"
        r"|rely|trust|in|with)|more than \d[\d.,]* \w+ \w+)\b"
    ),
    pages={
        K.HOME: 1.0,
        K.CUSTOMERS: 1.0,
        K.ABOUT: 0.8,
        K.PRODUCT: 0.7,
        K.PRICING: 0.6,
        K.NEWS: 0.15,
        K.CAREERS: 0.05,
    },
    headings=_words(
        r"\b(?:who (?:we (?:serve|work|help)|it)|customers|clients|trusted by|made for)\b"
    ),
)
INDUSTRY = Question(
    query="industry market sector regulation law trend demand growing competition percent",
    cues=_words(
        r"\b(?:(?:the|this|our|whole|entire|across) (?:[\w-]+ ){0,2}(?:industry|market|sector)"
        r"|industries|sectors|regulations?|guidelines?|annex|have to prove|directive|compliance"
        r"|legislation|by law|mandatory"
        r"|supply chains?"
        r"|labou?r shortage|inflation|margins?|market (?:is|has|share|grows?)|industry (?:is|has"
        r"|average)"
        r"|in 20\d\d .{0,60}\b(?:must|required|law)|iso ?\d{4,5})\b"
    ),
    pages={
        K.ABOUT: 0.9,
        K.HOME: 0.8,
        K.PRODUCT: 0.8,
        K.NEWS: 0.7,
        K.CUSTOMERS: 0.7,
        K.CAREERS: 0.05,
    },
    headings=_words(r"\b(?:industry|market|trends?)\b"),
)
LINKEDIN = Question(
    query="followers company employees industry specialties founded",
    cues=_words(r"\w"),
    pages={K.LINKEDIN_COMPANY: 1.0},
    only_there=True,
)
CUSTOMER_STORY = Question(
    query="customer result saved increased reduced case study switched cut replaced",
    cues=_words(
        r"\b(?:case stud\w+|saved|saves|cut|reduced|increased|switched|grew|rolled out|went live"
        r"|chose|replaced|fell|rose|supplied|doubled|halved|brought|\d+ ?(?:%|percent))\b"
    ),
    pages={
        K.CUSTOMERS: 1.0,
        K.HOME: 0.6,
        K.NEWS: 0.0,
        K.ABOUT: 0.4,
        K.PRODUCT: 0.3,
        K.CAREERS: 0.0,
        K.PRICING: 0.0,
        K.TEAM: 0.0,
    },
    others_words=True,
)
NEWS = Question(
    query="announces launches raises funding series opens acquires partnership new award 2026 2025",
    cues=_words(
        r"\b(?:announc\w+|launch\w*|rais(?:es|ed|ing)|series [a-e]\b|funding|invest(?:s|ed|ment"
        r"|ors?)"
        r"|acqui\w+|open(?:s|ed|ing) (?:an?|our|its|the|new)|partner(?:s|ed|ship)|won|wins|awarded"
        r"|introduc\w+|released?|expand\w*|appoint\w*|now available|new (?:plant|office|product"
        r"|site|line)"
        r"|celebrat\w+|named)\b"
    ),
    pages={K.NEWS: 1.0, K.HOME: 0.4, K.ABOUT: 0.4, K.PRODUCT: 0.1, K.CUSTOMERS: 0.1},
    trusted=frozenset({K.NEWS}),
)
HIRING = Question(
    query="hiring open positions join our team engineer manager sales role apply vacancy",
    cues=_words(r"\b(?:hiring|open (?:positions?|roles?)|vacanc\w+|we(?:'re| are) looking for)\b"),
    pages={K.CAREERS: 1.0, K.HOME: 0.2, K.ABOUT: 0.2, K.NEWS: 0.3},
)
NUMBERS = Question(
    query="employees customers countries offices revenue founded million locations",
    cues=_words(
        r"\b\d[\d.,]*\+? ?(?:k|m|%|percent|million|billion|employees|people|customers|clients"
        r"|countries"
        r"|restaurants|companies|locations|sites|offices|users|projects|machines|years|engineers"
        r"|plants"
        r"|square (?:met|feet)\w*)"
    ),
    pages={
        K.ABOUT: 1.0,
        K.HOME: 0.8,
        K.CUSTOMERS: 0.6,
        K.NEWS: 0.0,
        K.CAREERS: 0.4,
        K.PRODUCT: 0.3,
    },
)
