"""From an owner's table of keys to a `Policy`: unknown keys, wrong types and bounds are the owner's to mend, and are
named.

What is absent keeps the value of the policy it is read on top of. Types and bounds are read off the fields of
`policy`, so no key has two descriptions. Source: SPEC N-10.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields, replace
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from ledger.letters import is_plain
from ledger.names import NotAnId, parse_id
from protocol.negotiation.policy import Policy


class PolicyWrong(ValueError):
    """The policy cannot be used: `key` says `what`; `nearest` is the right key that looks most like it, or None."""

    def __init__(self, key: str, what: str, nearest: str | None = None) -> None:
        hint = f" (did you mean {nearest}?)" if nearest else ""
        super().__init__(f"{key}: {what}{hint}")
        self.key = key
        self.what = what
        self.nearest = nearest


def keys() -> tuple[str, ...]:
    """Every key there is, as ``section.key``, in order."""
    blank = Policy()
    return tuple(
        f"{section.name}.{key.name}" for section in fields(blank) for key in fields(getattr(blank, section.name))
    )


def parse(table: Mapping[str, Any], base: Policy | None = None) -> Policy:
    """`base` (default: `ask-me`) with the values of `table`, a map of sections; raises `PolicyWrong`."""
    policy = base or Policy()
    known = {section.name for section in fields(policy)}
    changed: dict[str, Any] = {}
    for name, content in table.items():
        if name not in known:
            raise PolicyWrong(name, "there is no such section", _nearest(name, sorted(known)))
        if not isinstance(content, Mapping):
            raise PolicyWrong(name, "a section of keys is expected")
        changed[name] = _section(name, getattr(policy, name), content)
    result = replace(policy, **changed)
    buy = result.buy
    if buy.weight_price + buy.weight_date + buy.weight_distance + buy.weight_standing == 0:
        raise PolicyWrong("buy.weight_price", "at least one of the four weights is above 0")
    return result


def _section(section: str, old: Any, content: Mapping[str, Any]) -> Any:
    known = {each.name: each for each in fields(old)}
    new: dict[str, Any] = {}
    for name, value in content.items():
        key = f"{section}.{name}"
        if name not in known:
            raise PolicyWrong(key, "there is no such key", _nearest(key, keys()))
        new[name] = _read(key, known[name], getattr(type(old)(), name), value)
    return replace(old, **new)


def _read(key: str, described: Field[Any], default: Any, value: Any) -> Any:
    facts = described.metadata
    if isinstance(default, StrEnum):
        options = [option.value for option in type(default)]
        if value not in options:
            raise PolicyWrong(key, f"one of {', '.join(options)} is expected")
        return type(default)(value)
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise PolicyWrong(key, "true or false is expected")
        if value is not facts.get("only", value):
            raise PolicyWrong(key, "only false is possible in this version")
        return value
    if isinstance(default, int):
        if type(value) is not int or not facts["least"] <= value <= facts["most"]:
            raise PolicyWrong(key, f"a whole number from {facts['least']} to {facts['most']} is expected")
        return value
    if isinstance(default, str):
        return _text(key, facts["bytes_max"], value)
    if not isinstance(value, list) or len(value) > facts["most"]:
        raise PolicyWrong(key, f"a list of at most {facts['most']} is expected")
    if "kind" not in facts:
        return tuple(_text(key, facts["bytes_max"], each) for each in value)
    return tuple(_id(key, facts["kind"], each) for each in value)


def _text(key: str, bytes_max: int, value: Any) -> str:
    if (
        not isinstance(value, str)
        or not 1 <= len(value.encode("utf-8", "surrogatepass")) <= bytes_max
        or not is_plain(value)
    ):
        raise PolicyWrong(key, f"printable text of 1 to {bytes_max} bytes, in signs of Unicode 14, is expected")
    return value


def _id(key: str, kind: Any, value: Any) -> bytes:
    try:
        return parse_id(kind, value if isinstance(value, str) else "")
    except NotAnId as problem:
        raise PolicyWrong(key, problem.reason) from None


def _nearest(name: str, options: tuple[str, ...] | list[str]) -> str | None:
    return next(iter(get_close_matches(name, options, n=1)), None)
