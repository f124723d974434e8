"""The presets that ship are policies: each parses, and `ask-me` states every key with the value the code gives it."""

import tomllib

import pytest

from config.data import preset_names, preset_text
from protocol.negotiation.policy import Policy
from protocol.negotiation.policy_parse import keys, parse


def stated(name: str) -> set[str]:
    return {f"{section}.{key}" for section, content in tomllib.loads(preset_text(name)).items() for key in content}


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_a_policy(name: str) -> None:
    assert isinstance(parse(tomllib.loads(preset_text(name))), Policy)


def test_ask_me_is_what_a_policy_without_keys_is() -> None:
    assert parse(tomllib.loads(preset_text("ask-me"))) == parse({}) == Policy()


def test_ask_me_states_every_key_there_is() -> None:
    assert stated("ask-me") == set(keys())


def test_accept_what_fits_decides_by_itself_on_both_sides() -> None:
    policy = parse(tomllib.loads(preset_text("accept-what-fits")))
    assert (policy.sell.decide, policy.buy.decide) == ("automatic", "automatic")
