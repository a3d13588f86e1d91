"""After a move to a new key: of a member's stored state and the
channel's file, whichever knows the newer key leads. No network.
"""

import json
import stat

import pytest

from packed import pack_state
from sealcast import wire
from sealcast.channel import Channel
from sealcast.crypto import host as suite
from sealcast.run.settings import complete
from sealcast.zpinc import revocation
from sealcast.zpinc.members import Member
from sealcast_host.member import channels, migration

OLD, NEW, OTHER = b"o" * 32, b"n" * 32, b"x" * 32
PINNED = b"p" * 64


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Writes the channel's file with that key and generation."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def write(key, generation):
        known = channels.ChannelFile("g", key, "anna", roster={"thief": wire.b64(b"t" * 64)}, generation=generation)
        path = channels.store(known, replace=True)
        return path, complete(known.settings() | {"identity": wire.b64(b"i" * 32)})

    return write


def state(config, moved):
    """A stored state that began at `config`'s key and knows ben;
    `moved` (generation, key): it has gone on to that one.
    """
    ch = Channel(suite, config, None, bytes)
    ben = Member(ch.me.keys.name(b"ben"), "ben")
    ben.public = PINNED
    ch.others.by_tag[ben.tag] = ben
    if moved:
        ch._move(revocation.move(ch.me, ch.others, ch.places, moved[1], moved[0], b"notice", "thief", ["ben"], ch.out))
    return pack_state(ch)


def test_a_state_at_the_files_key_goes_on(file):
    _, config = file(OLD, 0)
    ch = migration.restored(suite, config, state(config, None))
    assert (ch.me.root, ch.places.generation) == (OLD, 0) and [m.uid for m in ch.others.by_tag.values()] == ["ben"]


def test_a_file_left_behind_by_a_power_cut_is_brought_forward(file):
    path, config = file(OLD, 0)
    ch = migration.restored(suite, config, state(config, (1, NEW)))
    assert (ch.me.root, ch.places.generation) == (NEW, 1)
    migration.follow(ch, "thief")
    known = channels.load("g")
    assert (known.key, known.generation, known.roster) == (NEW, 1, {})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and [p.name for p in path.parent.iterdir()] == ["g.json"]


def test_a_state_that_slept_through_the_move_begins_at_the_new_key_with_its_pins(file):
    _, before = file(OLD, 0)
    blob = state(before, None)
    _, config = file(NEW, 1)
    ch = migration.restored(suite, config, blob)
    assert (ch.me.root, ch.places.generation, ch.others.by_tag) == (NEW, 1, {})
    assert ch.places.pins["ben"] == PINNED


def test_the_state_of_an_older_channel_of_the_same_name_is_not_followed(file):
    path, before = file(OLD, 0)
    blob = state(before, (1, NEW))
    _, config = file(OTHER, 0)
    ch = migration.restored(suite, config, blob)
    assert (ch.me.root, ch.places.generation, ch.others.by_tag) == (OTHER, 0, {})
    migration.follow(ch)
    assert json.loads(path.read_text())["key"] == wire.b64(OTHER)


def test_a_fresh_member_knows_how_often_the_channel_has_moved(file):
    _, config = file(NEW, 3)
    assert migration.restored(suite, config, None).places.generation == 3
