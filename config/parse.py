"""Reads an owner's TOML file into `Settings`, or says in sentences what is wrong with it.

Driven by the annotations in `settings`: no code per key. Every problem of a file is found in one reading, and each
sentence names the file and the key; a misspelt key is answered with the nearest right one. Nothing is guessed: a file
with a problem gives no settings at all.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from config.settings import Settings, Text, Whole


class ConfigWrong(Exception):
    """The owner's file cannot be used; `problems` holds one sentence for each thing that is wrong."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load(path: Path) -> Settings:
    """Read the settings file at `path`; what it leaves out has its default.

    Errors:
        ConfigWrong: it cannot be read, is not TOML, or has keys or values that are not allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigWrong((f"{path}: cannot be read: {error.strerror}",)) from error
    except UnicodeDecodeError as error:
        raise ConfigWrong((f"{path}: is not UTF-8 text (byte {error.start})",)) from error
    return parse(text, file=str(path))


def parse(text: str, *, file: str) -> Settings:
    """Read settings from TOML `text`; `file` is what its problems are reported under.

    Errors:
        ConfigWrong: it is not TOML, or has keys or values that are not allowed.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigWrong((f"{file}: is not TOML: {error}",)) from error
    _refuse(file, _problems(table))
    sections = get_type_hints(Settings)
    settings = Settings(
        **{
            name: sections[name](**{key: tuple(v) if isinstance(v, list) else v for key, v in section.items()})
            for name, section in table.items()
        }
    )
    _refuse(file, _wrong_together(settings))
    return settings


def keys() -> Mapping[str, Mapping[str, tuple[Any, Whole | Text | None]]]:
    """Every key that can be set: section -> key -> (its type, its bounds)."""
    found: dict[str, dict[str, tuple[Any, Whole | Text | None]]] = {}
    for section, form in get_type_hints(Settings).items():
        plain, annotated = get_type_hints(form), get_type_hints(form, include_extras=True)
        found[section] = {
            one.name: (plain[one.name], next(iter(getattr(annotated[one.name], "__metadata__", ())), None))
            for one in fields(form)
        }
    return found


def _refuse(file: str, problems: Iterator[str]) -> None:
    if found := tuple(f"{file}: {problem}" for problem in problems):
        raise ConfigWrong(found)


def _problems(table: Mapping[str, object]) -> Iterator[str]:
    known = keys()
    for section, content in table.items():
        if section not in known:
            yield f"{section}: no such {'section' if isinstance(content, dict) else 'key'}{_nearest(section, known)}"
        elif not isinstance(content, dict):
            yield f"{section}: is a section, so it is written [{section}]"
        else:
            for key, value in content.items():
                if key not in known[section]:
                    yield f"{section}.{key}: no such key{_nearest(f'{section}.{key}', known)}"
                elif what := _wrong(value, *known[section][key]):
                    yield f"{section}.{key}: {what}"


def _nearest(wrong: str, known: Mapping[str, Mapping[str, object]]) -> str:
    section, _, key = wrong.rpartition(".")
    if not section:
        near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.5)
        near = near or [f"{name}.{wrong}" for name, names in known.items() if wrong in names][:1]
        return f"; the nearest is {near[0]}" if near else f"; there are {', '.join(known)}"
    elsewhere = [f"{name}.{key}" for name, names in known.items() if key in names]
    close = difflib.get_close_matches(key, known[section], n=1, cutoff=0.5)
    near = elsewhere[:1] or [f"{section}.{name}" for name in close]
    return f"; the nearest is {near[0]}" if near else f"; [{section}] has {', '.join(known[section])}"


def _wrong(value: object, form: Any, bounds: Whole | Text | None) -> str | None:
    """What is wrong with a value, as the second half of a sentence; `None` if nothing is."""
    if form is bool:
        return None if type(value) is bool else f"must be true or false, not {value!r}"
    if form is int:
        assert isinstance(bounds, Whole), "every whole number in settings has bounds"
        if type(value) is not int:  # bool is an int to Python, and true is no number to an owner
            return f"must be a whole number, not {value!r}"
        fits = bounds.least <= value <= bounds.most
        return None if fits else f"must be from {bounds.least} to {bounds.most}, not {value}"
    assert isinstance(bounds, Text), "every text in settings has bounds"
    if form is str:
        return _wrong_text(value, bounds)
    if not isinstance(value, list):
        return f'must be a list such as ["..."], not {value!r}'
    if len(value) > bounds.items_max:
        return f"must have at most {bounds.items_max} items, not {len(value)}"
    return next(filter(None, (_wrong_text(one, bounds) for one in value)), None)


def _wrong_text(value: object, bounds: Text) -> str | None:
    if not isinstance(value, str):
        return f"must be {bounds.meaning} in quotes, not {value!r}"
    if bounds.words and value not in bounds.words:
        near = difflib.get_close_matches(value, bounds.words, n=1, cutoff=0.5)
        hint = f"; the nearest is {near[0]}" if near else ""
        return f"must be one of {', '.join(bounds.words)}, not {value!r}{hint}"
    if len(value) > bounds.characters_max:
        return f"must have at most {bounds.characters_max} characters, not {len(value)}"
    if bounds.pattern and not re.fullmatch(bounds.pattern, value):
        return f"must be {bounds.meaning}, not {value!r}"
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in value):
        return f"must not hold control characters: {value!r}"
    return None


def _wrong_together(settings: Settings) -> Iterator[str]:
    """What is wrong between values each of which is right."""
    network, spot = settings.network, settings.owner.spot
    if network.redial_ms_min > network.redial_ms_max:
        yield f"network.redial_ms_min: must not be above redial_ms_max ({network.redial_ms_max})"
    if spot and (abs(spot.latitude_e2) > 90_00 or abs(spot.longitude_e2) > 180_00):
        yield f"owner.place: latitude goes to 90 degrees and longitude to 180, not {settings.owner.place!r}"
