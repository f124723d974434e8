"""How arguments are read: spans, moments, parameters, percentages, amounts and paths; all exact, none guessed.

Each is a click type, so that what cannot be read is a usage error (exit 2) that names the argument.
"""

import re
import time
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click

from dpnode.control.amounts import parse_amount
from dpnode.errors import Problem

_SPAN = re.compile(r"([0-9]{1,6})\s*(ms|s|min|m|h|d|w)")
_SPAN_MS = {"ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_PERCENT = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?\s*%?")
_PLACE = re.compile(r"-?[0-9]{1,2}(\.[0-9]{1,8})?\s*,\s*-?[0-9]{1,3}(\.[0-9]{1,8})?")
_BELOW_ZERO = re.compile(r"\s*[-\u2212]\s*\.?[0-9]")
_UNITS = re.compile(r"[0-9]{1,16}|[0-9]{1,3}(,[0-9]{3}){1,5}")
UNITS_MAX = 2**53 - 1
SPAN_MS_MAX = 10 * 365 * 86_400_000
"""Ten years: further ahead is a slip of the finger."""


def below_zero(text: str) -> bool:
    """Whether a word is a number below zero, whatever stands behind it: "-5 EUR"."""
    return _BELOW_ZERO.match(text) is not None


def read_span_ms(text: str) -> int:
    """ "90s", "15min", "3d", "1h30min" in milliseconds; raises ValueError."""
    compact = text.replace(" ", "")
    total = position = 0
    while position < len(compact):
        found = _SPAN.match(compact, position)
        if found is None:
            raise ValueError(f"{text!r} is not a time span; write it like 90s, 15min, 12h, 3d or 2w")
        total += int(found[1]) * _SPAN_MS[found[2]]
        position = found.end()
    if not compact or total > SPAN_MS_MAX:
        raise ValueError(f"{text!r} is not a time span of at most ten years")
    return total


def read_moment_ms(text: str, now_ms: int) -> int:
    """A span from now, or a date or date and time (local unless it says otherwise), in Unix ms; raises ValueError."""
    try:
        return now_ms + read_span_ms(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{text!r} is neither a span (3d) nor a date (2026-05-01, 2026-05-01T12:00)") from None
    if len(text) == 10:
        # A day given alone means until it ends.
        moment = moment.replace(hour=23, minute=59, second=59)
    return int(moment.timestamp()) * 1_000


def read_basis_points(text: str) -> int:
    """ "62.5%" as 6250; raises ValueError."""
    found = _PERCENT.fullmatch(text.strip())
    points = int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) if found else -1
    if not 0 <= points <= 10_000:
        raise ValueError(f"{text!r} is not a percentage from 0 to 100 with at most two decimals")
    return points


class Span(click.ParamType[int]):
    """A span as milliseconds."""

    name = "span"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds, or a usage error."""
        if isinstance(value, int):
            return value
        try:
            return read_span_ms(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Moment(click.ParamType[int]):
    """A span from now or a date, as Unix milliseconds."""

    name = "when"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Unix milliseconds in the future, or a usage error."""
        if isinstance(value, int):
            return value
        now_ms = time.time_ns() // 1_000_000
        try:
            moment_ms = read_moment_ms(str(value), now_ms)
        except (ValueError, OverflowError, OSError) as error:
            self.fail(str(error), param, ctx)
        if moment_ms <= now_ms:
            self.fail(f"{value!r} is not in the future", param, ctx)
        return moment_ms


class Percent(click.ParamType[int]):
    """A percentage as basis points."""

    name = "percent"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """0 to 10,000 basis points, or a usage error."""
        if isinstance(value, int):
            return value
        try:
            return read_basis_points(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class AmountText(click.ParamType[str]):
    """An amount, checked in form and passed on as text: only the ledger knows the credit's decimals."""

    name = "amount"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The same text, or a usage error."""
        if below_zero(str(value)):
            self.fail(f"{value!r} is below zero: an amount is more than nothing", param, ctx)
        try:
            parse_amount(str(value))
        except Problem as problem:
            self.fail(problem.sentence, param, ctx)
        return str(value)


class Assignment(click.ParamType[tuple[str, str]]):
    """A parameter, `name=value`."""

    name = "name=value"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Name and value, or a usage error."""
        if isinstance(value, tuple):
            return value
        name, sign, text = str(value).partition("=")
        if not sign or not name.strip() or not text.strip() or not name.isascii():
            self.fail(f"{value!r} is not name=value, such as material=PLA or length=120mm", param, ctx)
        return name.strip(), text.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """Units of an asset as they were asked for: a count, or a part of all of them."""

    count: int = 0
    basis_points: int | None = None


class UnitsText(click.ParamType[Units]):
    """Units as a whole number, groups of three allowed as they are shown (250,000), or as a percentage (25%)."""

    name = "units"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Units:
        """The units, or a usage error."""
        if isinstance(value, Units):
            return value
        text = str(value).strip()
        try:
            if text.endswith("%"):
                return Units(basis_points=read_basis_points(text))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if below_zero(text):
            self.fail(f"{value!r} is below zero: units are at least 1", param, ctx)
        count = int(text.replace(",", "")) if _UNITS.fullmatch(text) else 0
        if not 1 <= count <= UNITS_MAX:
            self.fail(f"{value!r} is not a number of units; write it like 250000, 250,000 or 25%", param, ctx)
        return Units(count=count)


class PlaceText(click.ParamType[str]):
    """ "lat,lon" in degrees, passed on as text."""

    name = "lat,lon"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The same text without blanks, or a usage error."""
        if not _PLACE.fullmatch(str(value)):
            self.fail(f"{value!r} is not a place; write latitude,longitude in degrees, such as 52.52,13.40", param, ctx)
        return str(value).replace(" ", "")


class FilePath(click.ParamType[str]):
    """A path, made absolute because the daemon stands in another folder; `exists` says what must be there."""

    name = "file"

    def __init__(self, *, exists: bool = True) -> None:
        self.exists = exists

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The absolute path as text, or a usage error."""
        path = Path(str(value)).expanduser().absolute()
        if self.exists and not path.is_file():
            self.fail(f"there is no file {str(value)!r}", param, ctx)
        text = unicodedata.normalize("NFC", str(path))
        if text != str(path) and self.exists and not Path(text).is_file():
            self.fail(f"the file name {str(value)!r} is not in Unicode's composed form; rename it", param, ctx)
        return text


SPAN = Span()
MOMENT = Moment()
PERCENT = Percent()
AMOUNT = AmountText()
ASSIGNMENT = Assignment()
UNITS = UnitsText()
PLACE = PlaceText()
EXISTING_FILE = FilePath()
NEW_FILE = FilePath(exists=False)
