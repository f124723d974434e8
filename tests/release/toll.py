"""A project of one small module with two sets of tests: one that knows every edge of it, one known to be weak."""

from __future__ import annotations

from pathlib import Path

MODULE = '''"""What crossing the bridge costs."""


def toll(wheels: int, *, is_empty: bool) -> int:
    """Two for each wheel, nothing for whoever carries nothing on fewer than three."""
    if wheels < 3 and is_empty:
        return 0
    return 2 * wheels
'''
GOOD = """from toll import toll


def test_the_toll() -> None:
    asked = {(2, True): 0, (3, True): 6, (2, False): 4, (4, False): 8}
    assert {key: toll(key[0], is_empty=key[1]) for key in asked} == asked
"""
WEAK = """from toll import toll


def test_the_toll() -> None:
    assert toll(4, is_empty=False) > 1
"""


def toll_street(folder: Path) -> Path:
    """That project, written into a folder."""
    files = {"toll.py": MODULE, "test_toll.py": GOOD, "test_toll_weakly.py": WEAK}
    files["pyproject.toml"] = '[tool.pytest.ini_options]\npythonpath = ["."]\n'
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    return folder
