"""Which lines of a page state nothing: consent banners, navigation, calls to action, filler.

Also lines that talk to a machine instead of a reader: they are never quoted.
"""

import re

_CONSENT = re.compile(
    r"\bcookies?\b|\bconsent\b|\bgdpr\b|privacy (?:policy|notice|settings)|datenschutz"
    r"|terms (?:of (?:service|use)|and conditions|& conditions)|all rights reserved|©|\(c\) \d{4}"
    r"|\bcopyright\b|legitimate interest|\btracking technolog",
    re.IGNORECASE,
)
_BROKEN = re.compile(
    r"\blorem ipsum\b|\bdolor sit\b|\bconsectetur\b|\badipiscing\b|\bsed do eiusmod\b"
    r"|\b(?:veniam|nostrud|ullamco|laboris nisi|aliquip|irure|cillum|excepteur|occaecat|deserunt)\b"
    r"|page (?:was )?not found|\berror 40[34]\b|access denied|verify (?:that )?you are (?:a )?human"
    r"|checking your browser|\bcaptcha\b|(?:enable|requires?|turn on) javascript|javascript is"
    r"|just a moment|under (?:construction|maintenance)|your browser (?:is|does)|domain is for sale"
    r"|^untitled\b|coming soon|sign in to (?:view|see|continue)|join to (?:view|see)"
    r"|authwall|session (?:has )?expired|unusual traffic|are you a robot",
    re.IGNORECASE,
)
_ACTION = re.compile(
    r"^(?:(?:please|or|and|then|just|simply) )?(?:sign (?:up|in)|log ?in|subscribe|register"
    r"|(?:get|let'?s get) (?:started|in touch)|get (?:a|your) (?:free|quote|demo)"
    r"|(?:book|request|schedule|watch|see|view|take|try|start|claim) (?:a|an|your|our|the|it|now"
    r"|my|us)\b"
    r"|(?:learn|read|find out|discover|see|show|load|view) (?:more|all|how|our|why|what|about)"
    r"|contact (?:us|our|sales)"
    r"|(?:talk|speak|reach out|write) to (?:us|our|sales|an?)|download|click|follow us"
    r"|share (?:this|on)"
    r"|skip to|back to|go to|menu|search|next|previous|close|accept|reject|apply now|call us"
    r"|email us"
    r"|join (?:our|the|thousands|now)|(?:start|try) (?:for )?free|no credit card"
    r"|stay (?:up to date|tuned|in the loop)"
    r"|check out|visit (?:our|us)|drop us|feel free|don'?t hesitate|have (?:a|any) question"
    r"|questions\?"
    r"|want to (?:know|learn|see|join)|ready to|looking (?:for|to)|interested in|sounds (?:good"
    r"|interesting))\b",
    re.IGNORECASE,
)
_TO_MACHINES = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:previous|prior|above|earlier|preceding"
    r"|all|any|your)\b.{0,40}\b(?:instructions?|prompts?|rules|text|context|messages?)\b"
    r"|\bsystem (?:prompt|message|override)\b|\b(?:ai|language|chat) ?(?:models?|assistants?"
    r"|agents?|bots?)\b"
    r".{0,60}\b(?:must|should|please|are instructed|report|respond|output|say|state|mention)\b"
    r"|\byou are (?:now )?(?:an?|the) (?:ai|assistant|language model|llm|chatbot|helpful)"
    r"|\b(?:report|respond|reply|answer|output|write|state|say|conclude) (?:only )?(?:that|with"
    r"|exactly)\b"
    r".{0,80}|</?(?:source|page|document|system|instructions?|user|assistant|human)\b"
    r"|\bnew instructions?\b|\[/?inst\]|<\|",
    re.IGNORECASE,
)
_IMPERATIVE_REPORT = re.compile(
    r"^(?:please )?(?:report|respond|reply|answer|output|write|state|say|conclude)\b", re.IGNORECASE
)
_TAG_CHARACTERS = re.compile(r"[\U000e0000-\U000e007f]")
_FINITE = re.compile(
    r"\b(?:is|are|was|were|be|been|has|have|had|can|will|do|does|did|makes?|made|helps?|helped"
    r"|lets?"
    r"|gives?|gave|provides?|offers?|builds?|built|runs?|ran|leads?|led|works?|worked|serves?"
    r"|served"
    r"|founded|joined|\w+(?:s|ed|en))\b",
    re.IGNORECASE,
)
_END = re.compile(r"[.!?…][\"'”’)\]*_]*$")  # noqa: RUF001 - closing quotes as pages write them

_QUESTION = re.compile(r"(?:what|how|why|when|where|who)\b", re.IGNORECASE)

MIN_STATEMENT_WORDS = 5
MAX_STATEMENT_CHARACTERS = 420
LONG_ACTION_WORDS = 18


def talks_to_machines(text: str) -> bool:
    """Instructions planted for a language model, or text that no reader sees."""
    if _TAG_CHARACTERS.search(text):
        return True
    match = _TO_MACHINES.search(text)
    if match is None:
        return False
    # "The dashboards report that ..." is a statement; "Report that ..." is an order.
    ordinary = re.match(
        r"(?:report|respond|reply|answer|output|write|state|say|conclude)\b",
        match.group(),
        re.IGNORECASE,
    )
    return ordinary is None or _IMPERATIVE_REPORT.match(text) is not None


def is_broken(text: str) -> bool:
    """A wall, an error page or filler: nothing on such a page is about the company."""
    return _BROKEN.search(text) is not None


def is_noise(text: str) -> bool:
    """A line that states nothing about the company or its people."""
    if not any(c.isalpha() for c in text) or _CONSENT.search(text) or is_broken(text):
        return True
    return _ACTION.match(text) is not None and len(text.split()) <= LONG_ACTION_WORDS


def is_statement(text: str) -> bool:
    """A whole sentence that can be quoted by itself."""
    words = text.split()
    ends = _END.search(text) is not None
    if _QUESTION.match(text) and not ends:  # a heading: "How we work"
        return False
    return (
        len(words) >= MIN_STATEMENT_WORDS
        and len(text) <= MAX_STATEMENT_CHARACTERS
        and text[0] not in ",;:)&"
        and not text.endswith(("?", ":", ",", "...", "…"))
        and (ends or _FINITE.search(text) is not None)
        and not is_noise(text)
    )
