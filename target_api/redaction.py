"""Takes secrets out of a text before it is logged or reported: a net below the rule that no secret is logged at all.

What is taken: bearer and basic credentials, tokens in their own form, the user and password of a URL, and the value
after a name that sounds secret, written as in a query, a header, JSON or Python.
"""

import re

HIDDEN = "[redacted]"
NAME = r"(?:tokens?|password|passwd|pwd|secrets?|keys?|credentials?|session(?:[_-]?id)?|dsn|signature)"
HEADER = r"(?:(?:proxy-)?authorization|(?:set-)?cookies?)"

QUOTED = r"""(\\*['"])(?:(?!\2)(?:\\.|.))*"""

# Two quick looks first: nearly every line is clean, and each look costs much more than the one before. Without one of
# these signs none of the patterns below can match.
SIGN = re.compile(r"[:=,]|eyJ|bearer\s|basic\s", re.IGNORECASE)
SUSPECT = re.compile(rf"bearer |basic |eyJ|://[^/\s]*@|{HEADER}|{NAME}\W", re.IGNORECASE)
PATTERNS = (
    # 'cookie': 'a=b; c=d', (b'cookie', b'a=b')
    (rf"""({HEADER}\\*['"]?\s*[:=,]\s*b?){QUOTED}""", rf"\1\2{HIDDEN}"),
    # authorization: Basic abc
    (rf"""({HEADER}\s*[:=]\s*)(?!['"b\s])[^\r\n]+""", rf"\1{HIDDEN}"),
    (r"\b(bearer)\s+[\w.~+/=-]{4,}", rf"\1 {HIDDEN}"),
    (r"\b(basic)\s+[\w+/]{4,}={1,2}", rf"\1 {HIDDEN}"),
    (r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*", HIDDEN),
    (r"""(://)[^/\s'"@]*(?:@[^/\s'"@]*)*@""", rf"\1{HIDDEN}@"),
    # "api_key": "abc", password='abc', with quotes that were escaped too
    (rf"""((?<![\w-])[\w-]*{NAME}\\*['"]?\s*[:=]\s*b?){QUOTED}""", rf"\1\2{HIDDEN}"),
    # ?token=abc&x=1, password: abc
    (rf"""((?<![\w-])[\w-]*{NAME}\s*[:=]\s*)(?!['"\s\[\\])[^\s&;,'")}}\]]+""", rf"\1{HIDDEN}"),
)
COMPILED = tuple((re.compile(pattern, re.IGNORECASE), replacement) for pattern, replacement in PATTERNS)


def redact(text: str) -> str:
    if SIGN.search(text) and SUSPECT.search(text):
        for pattern, replacement in COMPILED:
            text = pattern.sub(replacement, text)
    return text
