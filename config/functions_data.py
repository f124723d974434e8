"""The starter set of functions that ships with the program, as text."""

from importlib.resources import files


def starter_functions() -> dict[str, str]:
    """File name -> TOML text of each definition in `config/functions`, by name."""
    folder = files("config") / "functions"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return {name: (folder / name).read_text(encoding="utf-8") for name in names}
