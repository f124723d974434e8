"""How single values are written for people: ids short, times local, amounts with their issuer.

Everything here gives plain text that may still hold a peer's characters; `blocks` makes it safe when it is printed.
"""

import time
from collections.abc import Mapping
from typing import Any

from dpnode.control.amounts import amount_text
from dpnode.safe_text import safe_name

SHORT_LETTERS = 10
"""As `ledger.names.short`."""

_SPANS = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000))


def ident(text: Any) -> str:
    """A full written id as its kind and first ten letters."""
    kind, dash, letters = str(text).partition("-")
    return f"{kind}-{letters[:SHORT_LETTERS]}" if dash else str(text)


def name(text: Any) -> str:
    """A name a peer chose, with a warning where it looks counterfeited."""
    return safe_name(str(text))


def party(value: Any) -> str:
    """A member, `{"id", "name"}`, as name and short id."""
    if not isinstance(value, Mapping):
        return ident(value)
    called, identity = value.get("name", ""), ident(value.get("id", ""))
    return f"{safe_name(called)} ({identity})" if called and identity else safe_name(called) or identity


def when(ms: Any) -> str:
    """Unix milliseconds as local time to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(int(ms) // 1_000))


def span(ms: Any) -> str:
    """Milliseconds as their two largest parts: "2 d 3 h", "45 s", "0 s"."""
    left = abs(int(ms))
    if 0 < left < 1_000:
        return f"{left} ms"
    parts: list[str] = []
    for unit, unit_ms in _SPANS:
        count, left = divmod(left, unit_ms)
        if count or (parts and len(parts) < 2):
            parts.append(f"{count} {unit}")
        if len(parts) == 2:
            break
    return ("-" if int(ms) < 0 else "") + (" ".join(part for part in parts if not part.startswith("0 ")) or "0 s")


def count(value: Any) -> str:
    """A whole number in groups of three."""
    return f"{int(value):,}"


def size(value: Any) -> str:
    """Bytes in the unit that suits them, one digit after the point, exact below 1 KiB."""
    left = int(value)
    if left < 1_024:
        return f"{left} B"
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        if left < 1_048_576 or unit == "TiB":
            tenths = left * 10 // 1_024
            return f"{tenths // 10:,}.{tenths % 10} {unit}"
        left //= 1_024
    return f"{left} B"


def root(value: Any) -> str:
    """A hash as its first 16 hexadecimal digits."""
    return (value.hex() if isinstance(value, bytes) else str(value))[:16]


def yes(value: Any) -> str:
    """A flag."""
    return "yes" if value else "no"


def amount(value: Any) -> str:
    """One amount map of `amounts.shown_amount`."""
    return amount_text(value) if isinstance(value, dict) else str(value)


def price(value: Any) -> str:
    """A price: amounts joined by " + "."""
    return " + ".join(amount(line) for line in value) or "nothing"


def listed(value: Any) -> str:
    """Texts joined by commas."""
    return ", ".join(str(one) for one in value)


def by_name(value: Any) -> str:
    """A map of texts as "name: text" pairs."""
    return ", ".join(f"{key}: {text}" for key, text in value.items())


def share(row: Any) -> str:
    """`{"units", "total"}` as an exact or rounded-down percentage to four places."""
    units, total = int(row["units"]), int(row["total"])
    part = units * 1_000_000 // total if total else 0
    return f"{part // 10_000}.{part % 10_000:04d} %"


def percent_bp(value: Any) -> str:
    """Basis points as a percentage."""
    return f"{int(value) // 100}.{int(value) % 100:02d} %"
