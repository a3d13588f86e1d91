"""The files of version 0.1: the two-file store's, whole and after power cuts. docs/VERSIONS.md."""

import json
import shutil
from pathlib import Path

import pytest

from sealcast.crypto import host, soft
from sealcast.run import slots
from sealcast.run.filestore import FileStore

VECTORS = Path(__file__).resolve().parents[2] / "vectors"
KEPT = VECTORS / "v0.1"
MEMBERS = sorted(path.name for path in (KEPT / "slots").iterdir())


def states(story, uid):
    """The member's key, and the states in the run that it began with, in their order."""
    member = json.loads((KEPT / f"{story}.json").read_text())["members"][uid]
    settings = member["settings"]
    key = slots.key_for(host, bytes.fromhex(settings["identity"]), settings["channel"].encode(), uid.encode())
    return key, [bytes.fromhex(state) for given, _, state in member["steps"] if given[1] == "boot" and state]


@pytest.mark.parametrize("suite", [host, soft])
@pytest.mark.parametrize("name", MEMBERS)
def test_slots_are_read_and_the_newest_that_is_whole_wins(name, suite, tmp_path):
    key, known = states(*name.split("-"))
    found = {}
    for left in ("left", "not-erased", "half-erased", "half-written"):
        folder = tmp_path / left
        shutil.copytree(KEPT / "slots" / name / left, folder)
        store = FileStore(suite, key, str(folder / name))
        found[left] = store.load()
        assert not store.damaged
        assert len([p for p in folder.iterdir() if p.stat().st_size]) == 1  # what was interrupted is finished
        store.store(b"the next one")
        assert FileStore(suite, key, str(folder / name)).load() == b"the next one"
    assert found["left"] == found["not-erased"] == found["half-erased"] != found["half-written"] == known[-1]


@pytest.mark.parametrize("name", MEMBERS)
def test_a_slot_is_written_as_it_was(name, tmp_path):
    key, _ = states(*name.split("-"))
    for path in (KEPT / "slots" / name / "left").iterdir():
        data = path.read_bytes()
        generation, body = slots.unpack(host, key, data)
        assert slots.pack(host, key, generation, body) == data
