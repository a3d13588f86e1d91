"""Root keys of passwords, at the stretch of 0.1 and above: PROTOCOL.md 4.1, tests/vectors/root_keys.json."""

import json
from pathlib import Path

import pytest

from reference import names
from sealcast.crypto import host, keys

CASES = json.loads((Path(__file__).parents[1] / "vectors/root_keys.json").read_text())["cases"]


@pytest.mark.parametrize("password,channel,stretch,root", CASES, ids=lambda v: str(v)[:8])
def test_the_root_key_of_a_password(password, channel, stretch, root):
    assert keys.root_key(host, password.encode(), channel.encode(), stretch).hex() == root
    assert names.root_key(password, channel, stretch).hex() == root


def test_what_nothing_is_said_of_is_stretched_as_in_0_1():
    password, channel, stretch, root = CASES[0]
    assert stretch == keys.STRETCH == 15
    assert keys.root_key(host, password.encode(), channel.encode()).hex() == root
    assert names.root_key(password, channel).hex() == root
    for wrong in (14, 21):
        with pytest.raises(ValueError):
            names.root_key(password, channel, wrong)
