"""Hands out the files that ship with a node: the commented default settings, presets, the service unit.

They are read through `importlib.resources`, so they are found in a checkout and in an installed package alike.
"""

from importlib.resources import files


def default_text() -> str:
    """The whole `config.toml` a new home starts with: every key, its default, and a comment that explains it."""
    return (files("config") / "default.toml").read_text(encoding="utf-8")


def service_text() -> str:
    """The systemd user unit that keeps a node running."""
    return (files("config") / "dpnode.service").read_text(encoding="utf-8")


def preset_names() -> tuple[str, ...]:
    """The policies that ship, in alphabetical order."""
    names = (one.name for one in (files("config") / "presets").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def preset_text(name: str) -> str:
    """The policy file, TOML, of the preset `name`.

    Errors:
        KeyError: there is no such preset.
    """
    if name not in preset_names():
        raise KeyError(name)
    return (files("config") / "presets" / f"{name}.toml").read_text(encoding="utf-8")
