"""How an amount is written: "12.50 EUR@founder", "3 output:asset-k3...", "1000 units:printer"; exact, never a float.

A credit is named by its symbol and its issuer, because another member's "EUR" is another thing; the issuer is a name
or id, and may be left out where only one credit of that symbol is known. Decimals are the credit's own: more digits
after the point than it has are refused, never rounded. A space must stand between number and symbol, so that
"1e3 EUR" is no amount instead of one "e3".
"""

import re
from dataclasses import dataclass
from typing import Any

from dpnode.errors import FailKind, Problem

DIGITS_MAX = 16
"""2^53 - 1, the largest number on the ledger, has sixteen digits."""
INTEGER_MAX = 2**53 - 1
DECIMALS_MAX = 9

_HUGE = re.compile(r"\s*[0-9]{17,}(\.[0-9]*)?\s+\S.*")
_WRITTEN = re.compile(r"\s*([0-9]{1,16})(?:\.([0-9]{1,9}))?\s+(\S.*?)\s*")
_KINDS = {"units": "units", "output": "output"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """A written amount whose thing is not yet looked up."""

    digits: int
    """All digits as one whole number: 12.50 is 1250."""
    decimals: int
    """How many of them stand after the point: 12.50 has 2."""
    kind: str
    """"credit", "units" or "output"."""
    thing: str
    """The credit's symbol or id, or the asset's name or id."""
    issuer: str = ""
    """Name or id of a credit's issuer; empty when it was left out."""

    def in_smallest(self, decimals: int) -> int:
        """The whole number of smallest units of a thing with so many decimals.

        Errors:
            Problem: USAGE, when the amount is finer than the thing allows or too large.
        """
        if self.decimals > decimals:
            raise Problem(
                FailKind.USAGE, f"{self.thing} has {decimals} decimals, the amount is written with {self.decimals}"
            )
        smallest: int = self.digits * 10 ** (decimals - self.decimals)
        if smallest > INTEGER_MAX:
            raise Problem(FailKind.USAGE, f"the amount is larger than the ledger can hold ({INTEGER_MAX})")
        return smallest


def parse_amount(text: str) -> Amount:
    """Read a written amount.

    Errors:
        Problem: USAGE, when it is none.
    """
    found = _WRITTEN.fullmatch(text)
    if found is None and _HUGE.fullmatch(text):
        raise Problem(FailKind.USAGE, f"the amount is larger than the ledger can hold ({INTEGER_MAX})")
    if found is None:
        raise Problem(FailKind.USAGE, f'{text[:60]!r} is not an amount; write it like "12.50 EUR@founder"')
    whole, part, thing = found[1], found[2] or "", found[3]
    prefix, colon, rest = thing.partition(":")
    kind = _KINDS.get(prefix, "credit") if colon else "credit"
    if kind == "credit":
        symbol, _, issuer = thing.partition("@")
    else:
        symbol, issuer = rest, ""
    symbol, issuer = symbol.strip(), issuer.strip()
    spaced = kind == "credit" and any(letter.isspace() for letter in symbol)
    if (
        not symbol
        or spaced
        or symbol[0] in ".,-+"
        or symbol[0].isdigit()
        or ("@" in thing and kind == "credit" and not issuer)
    ):
        raise Problem(FailKind.USAGE, f'{text[:60]!r} is not an amount; write it like "12.50 EUR@founder"')
    if kind != "credit" and part:
        raise Problem(FailKind.USAGE, f"{kind} are whole numbers, {text[:60]!r} is not")
    return Amount(digits=int(whole + part), decimals=len(part), kind=kind, thing=symbol, issuer=issuer)


def shown_amount(
    *, kind: str, identity: str, amount: int, name: str, decimals: int = 0, issuer: str = ""
) -> dict[str, Any]:
    """The map an answer carries for one amount of a credit, units or output; `identity` is the full written id."""
    return {
        "kind": kind,
        "id": identity,
        "amount": amount,
        "name": name,
        "decimals": decimals,
        "issuer": issuer,
    }


def decimal_text(amount: int, decimals: int) -> str:
    """1250 with 2 decimals as "12.50"."""
    sign, digits = ("-" if amount < 0 else ""), str(abs(amount)).rjust(decimals + 1, "0")
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}" if decimals else f"{sign}{digits}"


def amount_text(shown: dict[str, Any]) -> str:
    """A map of `shown_amount` as it would be written; not yet safe for a terminal, its names come from peers."""
    number = decimal_text(shown.get("amount", 0), min(shown.get("decimals", 0), DECIMALS_MAX))
    name, issuer = shown.get("name", ""), shown.get("issuer", "")
    if shown.get("kind", "credit") == "credit":
        return f"{number} {name}@{issuer}" if issuer else f"{number} {name}"
    return f"{number} {shown['kind']}:{name}"
