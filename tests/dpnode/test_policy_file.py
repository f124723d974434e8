"""Whatever is wrong with the owner's policy file is said with the file's name, and the key where it is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import Policy, Settings
from dpnode.assembly import POLICY_BYTES_MAX, read_policy
from dpnode.errors import Problem

OWN = Settings(policy=Policy(overrides="mine.toml"))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[prise]\nleast = 1\n", "did you mean price"),
        ("[provider\n", "cannot be used"),
        ("\udcff", "cannot be used"),
        ("#" * (POLICY_BYTES_MAX + 1), "longer than"),
        (None, "cannot be used"),
    ],
    ids=["a wrong key", "no TOML", "no text", "too long", "not there"],
)
def test_a_wrong_policy_file_is_named(tmp_path: Path, text: str | None, what: str) -> None:
    path = tmp_path / "mine.toml"
    if text is not None:
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(Problem) as told:
        read_policy(OWN, tmp_path)
    assert str(path) in told.value.sentence and what in told.value.sentence


def test_no_file_of_ones_own_is_needed(tmp_path: Path) -> None:
    assert read_policy(Settings(), tmp_path) is not None
