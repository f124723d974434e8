"""A definition file is read, or refused with the key that is wrong and what was probably meant (SPEC C-15)."""

from __future__ import annotations

import pytest

from protocol.capability.definition_files import read_definition
from protocol.capability.reading import WrongFile
from tests.protocol.capability.workshop import SMALL

WRONG_FILES = [
    ("name = ", "nme = ", "drilling.toml: name: missing (there is \"nme\")"),
    ('name = "drilling"', 'name = "Drilling!"', "drilling.toml: name: small letters"),
    ('title = "drilling"', 'title = "drilling"\ntitel = "x"', 'titel: unknown key; did you mean "title"?'),
    ('title = "drilling"', 'title = 5', "title: a text in quotes"),
    ('title = "drilling"', 'title = "a\\u001bb"', "title: 1 to 1000 bytes of text without control"),
    ('unit = "mm"\nleast', 'unit = "mmm"\nleast', 'parameter.width.unit: unknown unit "mmm"; did you mean "mm"?'),
    ('kind = "flag"', 'kind = "flg"',
     'parameter.clean.kind: "flg" is not one of measure, choice, flag, text; did you mean "flag"?'),
    ('kind = "flag"', "", "parameter.clean.kind: \"\" is not one of"),
    ("least = 1\n", "least = 600\n", "parameter.width: the least is more than the most"),
    ('words.steel = ["iron"]', 'words.steal = ["iron"]',
     'parameter.material.words.steal: there is no such choice; did you mean "steel"?'),
    ('["wood", "steel"]', '["wood", "wood"]', "parameter.material.choices: a choice stands twice"),
    ('["wood", "steel"]', '["Wood"]', "parameter.material"),
    ('choices = ["wood", "steel"]\nwords.steel = ["iron"]', "choices = []", "parameter.material: a choice has choices"),
    ('"$material"', '"$colour"', "in.plate: a property refers to a parameter that is not defined"),
    ('[["width", "depth"]]', '[["width", "note"]]', "turn: only measures"),
    ('[["width", "depth"]]', '[["width", "width"]]', "turn: a group is sorted"),
    ('[["width", "depth"]]', '["width"]', "turn: a list of at most"),
    ('kind = "part/drilled"', 'kind = "Part"', "output[0].kind: a path of names"),
    ('kind = "part/drilled"', 'kind = "part/drilled"\nplace = "here"', 'output[0].place: "here" is not one of'),
    ("[[output]]", "[[outputs]]", "output: a function has at least one"),
    ("[parameter.clean]", "[parameter.Clean]", "parameter.Clean: small letters"),
    ("[parameter.clean]", '[parameter.clean]\nunit = "mm"', "parameter.clean.unit: unknown key"),
    ("required = true", 'required = "yes"', "parameter.material.required: true or false"),
    ("most = 500.5", "most = 1e99999", "not TOML"),
    ("most = 500.5", "most = nan", "not TOML"),
    ("most = 500.5", 'most = "5"', "parameter.width.most: a number is expected"),
    ("most = 500.5", "most = 99999999999999999", "parameter.width.most: a number with fewer digits"),
    ("name = ", "name = = ", "drilling.toml: not TOML"),
    ("{ material = ", "{ Material = ", "input[0].properties"),
    ('[[input]]\nname = "plate"',
     '[[input]]\nname = "part"\nkind = "x"\nunit = "1"\n[[input]]\nname = "part"', "input: two of them"),
    ("[parameter.clean]\nkind = \"flag\"", "[parameter]\nclean = 5", "parameter.clean: a table is expected"),
    ('properties = { material = "$material" }', 'properties = 5', "input[0].properties: a table is expected"),
    ('turn = [["width", "depth"]]', 'turn = [["width", "depth"]]\naliases = 5', "aliases: a list of at most"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "sentence"), WRONG_FILES, ids=[row[2][:60] for row in WRONG_FILES])
def test_a_wrong_definition_file_is_refused_with_file_and_key(old: str, new: str, sentence: str) -> None:
    """C-15"""
    assert old in SMALL
    with pytest.raises(WrongFile) as caught:
        read_definition(SMALL.replace(old, new, 1), "drilling.toml")
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("drilling.toml: ")


def test_a_file_that_is_too_long_or_too_deep_or_means_too_much_is_refused() -> None:
    with pytest.raises(WrongFile, match="bytes where at most"):
        read_definition("#" * 262_145, "long.toml")
    with pytest.raises(WrongFile, match="nested too deeply"):
        read_definition("a = " + "[" * 100_000, "deep.toml")
    many = "\n".join(f'[parameter.p{n}]\nkind = "text"' for n in range(65))
    with pytest.raises(WrongFile, match="at most 64 parameters"):
        read_definition(f'name = "a"\ntitle = "a"\n[[output]]\nname = "a"\nkind = "a"\nunit = "1"\n{many}', "many.toml")
    names = ", ".join(f'"{"x" * 40}{n:03d}"' for n in range(200))
    wide = "\n".join(f'[parameter.p{n}]\nkind = "choice"\nchoices = [{names}]' for n in range(9))
    with pytest.raises(WrongFile, match="its meaning is longer"):
        read_definition(f'name = "a"\ntitle = "a"\n[[output]]\nname = "a"\nkind = "a"\nunit = "1"\n{wide}', "wide.toml")
