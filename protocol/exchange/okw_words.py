"""Open Know-Where names processes, machines and materials by web links: here they become words.

The standard asks for Wikipedia addresses (`https://en.wikipedia.org/wiki/Fused_filament_fabrication`); other files give
Wikidata numbers, names or technology codes. The word is the end of the link; whose function or material it is, the
function definitions say. Source: Open Know-Where 1.0 section 3.5; Wikidata.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from protocol.exchange.text import clean_line

_WIKIDATA = {
    "Q211387": "soldering",
    "Q1879849": "soldering station",
    "Q229367": "3d printing",
    "Q174689": "machining",
    "Q179507": "milling",
    "Q3062349": "laser cutting",
    "Q652122": "sewing",
    "Q49013": "sewing machine",
    "Q12544": "welding",
}
"""Item number -> word, for the processes and machines met in facility files."""

_BROADER = {
    "tig welding": "welding",
    "mig welding": "welding",
    "arc welding": "welding",
    "gas tungsten arc welding": "welding",
    "gas metal arc welding": "welding",
    "cnc milling": "milling",
    "cnc turning": "turning",
    "machining": "cnc machining",
    "cnc machining": "machining",
    "mechanical assembly": "assembly",
    "laser cutting": "laser cutter",
}
"""A narrower word -> the one to try next. Only where whoever does the broader thing does the narrower: never laser
sintering -> 3D printing."""

_LINK = re.compile(r"https?://[^/\s]+(?:/[^?#\s]*)?/([^/?#\s]+)/?(?:[?#].*)?", re.IGNORECASE)
_ITEM = re.compile(r"Q\d{1,12}")


def word_of(text: str) -> str:
    """The word behind a link, an item number or a name; `Fused filament fabrication`. Empty when there is none."""
    found = _LINK.fullmatch(text.strip())
    last = unquote(found[1], errors="replace") if found else text
    if _ITEM.fullmatch(last.strip()):
        return _WIKIDATA.get(last.strip(), "")
    return clean_line(last.replace("_", " "), 80)


def words_to_try(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words, each followed by its broader one."""
    tried: list[str] = []
    for word in words:
        tried.append(word)
        broader = _BROADER.get(word.casefold())
        if broader is not None:
            tried.append(broader)
    return tuple(dict.fromkeys(tried))
