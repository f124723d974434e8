"""Settings: the file that ships says exactly what the code does, and a wrong file is answered in sentences."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.data import default_text, preset_names, preset_text, service_text
from config.parse import ConfigWrong, keys, load, parse
from config.settings import Place, Settings, Text, Whole, hundredths


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigWrong) as caught:
        parse(text, file="config.toml")
    return caught.value.problems


def test_the_default_file_sets_every_key_to_the_default_of_the_code() -> None:
    table = tomllib.loads(default_text())
    assert {section: set(content) for section, content in table.items()} == {
        section: set(names) for section, names in keys().items()
    }
    assert parse(default_text(), file="default.toml") == Settings()


def test_every_key_of_the_default_file_has_a_comment_above_it() -> None:
    lines = default_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"\w+ *=", line):
            assert lines[number - 1].startswith("# "), f"no comment explains {line!r}"


def test_the_comment_of_a_number_names_its_unit() -> None:
    text = default_text()
    for section, names in keys().items():
        for key, (form, _) in names.items():
            if form is int:
                unit = next((word for sign, word in UNITS if sign in key), None)
                comment = re.search(rf"((?:^#.*\n)+){key} =", text, re.MULTILINE)
                assert unit and comment and unit in comment[1].lower(), f"[{section}] {key} does not say its unit"


UNITS = (
    ("_ms", "milliseconds"),
    ("bytes", "bytes"),
    ("connections", "connections"),
    ("files", "files"),
    ("entries", "entries"),
)


def test_every_key_has_bounds_that_hold_its_default() -> None:
    for names in keys().values():
        for form, bounds in names.values():
            assert form is bool or isinstance(bounds, Whole if form is int else Text)


def test_every_key_is_read_by_the_node(project: Path) -> None:
    """A setting that nobody reads would be a promise that nobody keeps."""
    files = [*(project / "dpnode").rglob("*.py"), project / "config" / "settings.py"]
    code = "\n".join(file.read_text("utf-8") for file in files)
    for section, names in keys().items():
        for key in names:
            assert re.search(rf"(settings\.{section}|\bown|\bself)\.{key}\b", code), f"nobody reads [{section}] {key}"


def test_an_empty_file_gives_the_defaults() -> None:
    assert parse("", file="config.toml") == Settings()


def test_what_a_file_sets_is_set_and_the_rest_stays_default() -> None:
    settings = parse('[network]\nmdns = false\nlisten = ["/ip6/::/tcp/0"]\n[owner]\nplace = "52.52, -13.4"', file="x")
    assert (settings.network.mdns, settings.network.listen) == (False, ("/ip6/::/tcp/0",))
    assert settings.network.relays == Settings().network.relays
    assert settings.owner.spot == Place(latitude_e2=5252, longitude_e2=-1340)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[network]\nlisen = []", "network.lisen: no such key; the nearest is network.listen"),
        ("[network]\nnotify_command = []", "network.notify_command: no such key; the nearest is owner.notify_command"),
        ("[owner]\nzzz = 1", "owner.zzz: no such key; [owner] has place, notify_command"),
        ("[netwrk]\nmdns = true", "netwrk: no such section; the nearest is network"),
        ("mdns = true", "mdns: no such key; the nearest is network.mdns"),
        ("xyzzy = 1", "xyzzy: no such key; there are network, ledger, policy, owner, log"),
        ("network = 3", "network: is a section, so it is written [network]"),
        ('[network]\nmdns = "yes"', "network.mdns: must be true or false, not 'yes'"),
        ("[network]\nmdns = 1", "network.mdns: must be true or false, not 1"),
        ("[network]\nconnections_max = true", "network.connections_max: must be a whole number, not True"),
        ("[network]\nconnections_max = 2.5", "network.connections_max: must be a whole number, not 2.5"),
        ("[network]\nconnections_max = 0", "network.connections_max: must be from 4 to 1000, not 0"),
        ('[network]\nlisten = "/ip4/0.0.0.0/tcp/1"', "network.listen: must be a list such as"),
        ('[network]\nlisten = ["0.0.0.0:4711"]', "network.listen: must be an address such as"),
        ("[network]\nlisten = [4711]", "network.listen: must be an address such as"),
        ('[network]\nknown_peers = ["/ip4/1.2.3.4/tcp/1"]', "network.known_peers: must be an address that ends in"),
        (f"[network]\nlisten = {['/ip4/0.0.0.0/tcp/1'] * 17}", "network.listen: must have at most 16 items, not 17"),
        ("[network]\nredial_ms_min = 200000", "network.redial_ms_min: must not be above redial_ms_max (120000)"),
        ('[policy]\npreset = "askme"', "policy.preset: must be one of ask-me, accept-what-fits, not 'askme'"),
        (f'[policy]\noverrides = "{"x" * 4097}"', "policy.overrides: must have at most 4096 characters, not 4097"),
        ('[policy]\noverrides = "a\\u001b[31m"', "policy.overrides: must not hold control characters"),
        ('[owner]\nplace = "Berlin"', "owner.place: must be a latitude and a longitude"),
        ('[owner]\nplace = "91, 0"', "owner.place: latitude goes to 90 degrees"),
        ("[network", "is not TOML: "),
    ],
)
def test_a_wrong_file_is_answered_with_its_name_the_key_and_what_is_wrong(text: str, sentence: str) -> None:
    (problem,) = problems(text)
    assert problem.startswith(f"config.toml: {sentence}")


def test_all_problems_of_a_file_are_told_at_once() -> None:
    assert len(problems('[network]\nlisen = []\nmdns = 3\n[log]\nlevel = "loud"')) == 3


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b"name = '\xe9'")
    for name, why in (("none.toml", "cannot be read"), ("latin.toml", "is not UTF-8")):
        with pytest.raises(ConfigWrong, match=f"{name}: {why}"):
            load(tmp_path / name)


def test_a_file_is_read_as_its_text_is(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(default_text())
    assert load(tmp_path / "config.toml") == Settings()


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())
NAMES = st.sampled_from([name for section, names in keys().items() for name in (section, *names)]) | st.text()


@given(st.text() | st.lists(st.tuples(NAMES, NAMES, LEAVES)).map(lambda rows: as_toml(rows)))
def test_any_text_gives_settings_or_sentences_and_never_another_error(text: str) -> None:
    try:
        parse(text, file="config.toml")
    except ConfigWrong as wrong:
        assert all(problem.startswith("config.toml: ") for problem in wrong.problems)


def as_toml(rows: list[tuple[str, str, object]]) -> str:
    """Almost TOML: Python's own writing of values, some of which is TOML as well."""
    return "\n".join(f"[{section}]\n{key} = {str(value).lower()}" for section, key, value in rows)


@pytest.mark.parametrize(
    ("degrees", "whole"), [("13.409", 1340), ("-0.019", -1), ("7", 700), ("-7.5", -750), (" 0", 0), ("-89.999", -8999)]
)
def test_degrees_become_whole_hundredths_cut_toward_zero(degrees: str, whole: int) -> None:
    assert hundredths(degrees) == whole


def test_a_node_that_tells_no_place_has_none() -> None:
    assert Settings().owner.spot is None


def test_the_presets_that_can_be_chosen_are_those_that_ship() -> None:
    _, bounds = keys()["policy"]["preset"]
    assert isinstance(bounds, Text)
    assert set(bounds.words) == set(preset_names())
    with pytest.raises(KeyError):
        preset_text("../default")


def test_ask_me_is_the_reference_that_names_every_key_of_the_other_presets() -> None:
    reference = tomllib.loads(preset_text("ask-me"))
    for name in preset_names():
        for section, content in tomllib.loads(preset_text(name)).items():
            assert content.keys() <= reference[section].keys(), f"{name}: [{section}]"


def test_the_service_runs_in_the_foreground_and_never_restarts_a_node_that_does_not_verify() -> None:
    unit = service_text()
    assert re.search(r"^ExecStart=\S+/dpnode up --foreground$", unit, re.MULTILINE)
    assert re.search(r"^RestartPreventExitStatus=.*\b8\b", unit, re.MULTILINE)
