"""The two-file store under power cuts at every step, on models of how
filesystems lose what was not synced, and on real files.
"""

import os

from check import raises
from disk import Disk, PowerCut
from sealcast.crypto import best_suite
from sealcast.run import slots
from sealcast.run.filestore import Files, FileStore

S = best_suite()
KEY = bytes(range(32))


def store_on(disk):
    return FileStore(S, KEY, "state", disk)


def steps_of(model, files, action):
    disk = Disk(model, files)
    action(store_on(disk))
    return disk.steps


def states(n):
    """n bodies of different lengths, none of which is all zeros."""
    return [bytes([65 + i]) * (300 + 7 * i) for i in range(n)]


def test_what_was_stored_is_loaded_and_the_older_one_is_gone():
    disk = Disk("now")
    store = store_on(disk)
    assert store.load() is None
    assert not store.damaged
    for body in states(5):
        store.store(body)
        assert store_on(disk).load() == body
        assert len(disk.disk) == 1, "the older slot stays"


def test_writes_alternate():
    disk = Disk("sync")
    store = store_on(disk)
    seen = []
    for body in states(4):
        store.store(body)
        seen += list(disk.disk)
    assert seen == ["state.0", "state.1", "state.0", "state.1"]


def test_a_power_cut_at_every_step_keeps_the_old_or_has_the_new_state():
    for model in ("now", "sync", "hole"):
        bodies = states(3)
        disk = Disk(model)
        store = store_on(disk)
        before = None
        for body in bodies:
            files = dict(disk.disk)

            def action(s, body=body):
                s.store(body)

            total = steps_of(model, files, action)
            assert total >= 3
            outcomes = []
            for budget in range(total):
                cut = Disk(model, files, budget)
                raises(PowerCut, store_on(cut).store, body)
                after = FileStore(S, KEY, "state", Disk(model, cut.disk)).load()
                assert after in (before, body), (model, budget)
                outcomes.append(after == body)
                recover(model, cut.disk, after)
            assert outcomes == sorted(outcomes), "the new state was there and went away again"
            assert outcomes[0] is False
            assert outcomes[-1] is True
            store.store(body)
            before = body


def recover(model, files, expected):
    """From any wreck: cutting the power in the recovery, too, changes nothing; and then storing works."""
    total = steps_of(model, files, lambda s: s.load())
    for budget in range(total):
        cut = Disk(model, files, budget)
        raises(PowerCut, store_on(cut).load)
        assert FileStore(S, KEY, "state", Disk(model, cut.disk)).load() == expected
    disk = Disk(model, files)
    store = store_on(disk)
    assert store.load() == expected
    store.store(b"afterwards")
    assert store_on(disk).load() == b"afterwards"
    assert len(disk.disk) == 1


def test_nothing_of_an_older_state_is_left_on_a_disk_that_writes_in_place():
    disk = Disk("now")
    kept = []
    remove = disk.remove

    def watched(path):
        kept.extend([disk.disk[path]] if path in disk.disk else [])
        remove(path)

    disk.remove = watched
    store = store_on(disk)
    store.store(b"secret of yesterday")
    store.store(b"secret of today")
    assert kept[0] == bytes(len(kept[0]))


def test_a_disk_that_does_not_keep_what_is_written_is_an_error_and_the_old_state_stands():
    for spoil in (
        lambda data: data[:-1],
        lambda data: data + b"\x00",
        lambda data: data[:20] + bytes((data[20] ^ 1,)) + data[21:],
        lambda data: b"",
    ):
        disk = Disk("sync")
        store = store_on(disk)
        store.store(b"good" * 100)
        sync = disk.sync

        def bad_sync(file, disk=disk, spoil=spoil):
            disk.disk[file.path] = spoil(bytes(file.data))

        disk.sync = bad_sync
        raises(OSError, store.store, b"new" * 100)
        assert store_on(disk).load() == b"good" * 100
        disk.sync = sync
        store.store(b"newer" * 100)
        assert store_on(disk).load() == b"newer" * 100


def test_a_state_under_another_key_or_garbage_is_damaged_not_loaded():
    disk = Disk("now")
    store_on(disk).store(b"state")
    other = FileStore(S, bytes(32), "state", disk)
    assert other.load() is None
    assert other.damaged
    other.store(b"mine")
    assert other.load() == b"mine"
    assert not store_on(disk).load()
    for garbage in (
        b"\xff",
        b"SCst",
        slots.pack(S, KEY, 3, b"x")[:-1],
        slots.pack(S, KEY, 3, b"x") + b"\x00",
        b"\x01" * 5000,
    ):
        store = store_on(Disk("now", {"state.0": garbage}))
        assert store.load() is None
        assert store.damaged


def test_an_old_slot_cannot_come_back_after_a_fresh_start():
    """Unreadable for once (worn flash), readable later: the state stored in between must still win."""
    old = slots.pack(S, KEY, 57, b"old")
    disk = Disk("now", {"state.1": b"?" + old[1:]})
    store = store_on(disk)
    assert store.load() is None
    store.store(b"new")
    assert "state.1" not in disk.disk
    assert store_on(disk).load() == b"new"


def appended(disk, *batches):
    store = store_on(disk)
    store.store(b"body")
    for batch in batches:
        store.append(batch)
    return store


def test_what_is_appended_is_loaded_behind_the_body():
    disk = Disk("now")
    store = appended(disk, b"one", b"two" * 200)
    assert store_on(disk).load() == b"body" + b"one" + b"two" * 200
    store.store(b"next")
    assert store_on(disk).load() == b"next" and sorted(disk.disk) == ["state.1"]


def test_nothing_is_appended_to_what_another_run_has_stored():
    disk = Disk("now")
    appended(disk, b"one")
    store = store_on(disk)
    assert raises(OSError, store.append, b"two")
    store.load()
    assert raises(OSError, store.append, b"two")
    assert store_on(disk).load() == b"bodyone"


def test_after_a_failed_append_only_a_body_is_taken():
    disk = Disk("now")
    store = appended(disk, b"one")
    sync, disk.sync = disk.sync, lambda file: 1 // 0
    raises(ZeroDivisionError, store.append, b"lost")
    disk.sync = sync
    raises(OSError, store.append, b"behind a hole")
    store.store(b"whole")
    store.append(b"again")
    assert store_on(disk).load() == b"wholeagain"


def test_a_disk_that_does_not_keep_what_is_appended_is_an_error():
    disk = Disk("sync")
    store = appended(disk, b"one")
    disk.sync = lambda file: None
    raises(OSError, store.append, b"two")
    assert store_on(disk).load() == b"bodyone"


def test_a_power_cut_at_every_step_of_an_append_leaves_what_was_there_and_a_beginning_of_it():
    for model in ("now", "sync", "hole"):
        for before in ((), (b"first batch",)):
            disk = Disk(model)
            appended(disk, *before)
            files, cuts, done = dict(disk.disk), 0, False
            had, batch = b"body" + b"".join(before), b"a batch of some length"
            while not done:
                cut = Disk(model, files)
                store = store_on(cut)
                store.load()
                store._appended = len(had) - 4  # as if it had stored it itself
                cut.budget = cuts
                try:
                    store.append(batch)
                    done = True
                except PowerCut:
                    cuts += 1
                found = store_on(Disk(model, cut.disk)).load()
                rest = found[len(had) :]
                assert found.startswith(had) and (batch.startswith(rest) or not any(rest)), model
            assert cuts >= 2 and found == had + batch


def test_a_power_cut_at_every_step_of_a_store_behind_a_journal():
    """The old state with all that was appended, or the new one alone: never the new one with the old one's journal."""
    for model in ("now", "sync", "hole"):
        disk = Disk(model)
        appended(disk, b"journal")
        files, cuts, new = dict(disk.disk), 0, False
        while True:
            cut = Disk(model, files, cuts)
            try:
                store_on(cut).store(b"new")
                break
            except PowerCut:
                cuts += 1
            found = store_on(Disk(model, cut.disk)).load()
            assert found in (b"bodyjournal", b"new") and not (new and found != b"new"), model
            new = found == b"new"
            next_one = Disk(model, cut.disk)
            store = store_on(next_one)
            store.store(b"third")
            store.append(b"more")
            assert store_on(next_one).load() == b"thirdmore" and len(next_one.disk) == 2
        assert new and cuts > 4


def test_forget_erases_both():
    disk = Disk("now", {"state.0": slots.pack(S, KEY, 1, b"x"), "state.1": b"left over"})
    store_on(disk).forget()
    assert disk.disk == {}
    appended(disk, b"batch").forget()
    assert disk.disk == {}


class Cutting(Files):
    """Real files; the power goes at step `budget`."""

    def __init__(self, budget):
        self.budget = budget

    def step(self):
        self.budget -= 1
        if self.budget < 0:
            raise PowerCut

    def open(self, path, mode):
        if mode != "rb":
            self.step()
        return Files.open(self, path, mode)

    def sync(self, file):
        self.step()
        Files.sync(self, file)

    def settle(self, path):
        self.step()
        Files.settle(self, path)

    def remove(self, path):
        self.step()
        Files.remove(self, path)


def test_the_same_on_real_files():
    path = "filestore-" + "".join(["%02x" % b for b in os.urandom(8)])
    try:
        before = None
        cuts = 0
        for round in range(2):
            body = bytes([round + 1]) * 1000
            budget = 0
            while True:
                try:
                    FileStore(S, KEY, path, Cutting(budget)).store(body)
                    break
                except PowerCut:
                    cuts += 1
                    after = FileStore(S, KEY, path).load()
                    assert after in (before, body)
                    if after == body:
                        FileStore(S, KEY, path).store(before or b"none")
                        before = before or b"none"
                budget += 1
            before = body
            assert FileStore(S, KEY, path).load() == body
        assert cuts >= 8
        store = FileStore(S, KEY, path)
        store.forget()
        assert store.load() is None
        assert not [name for name in os.listdir(".") if name.startswith(path)]
    finally:
        FileStore(S, KEY, path).forget()


def test_a_state_may_come_in_pieces():
    """What is stored is the same, whole or in pieces."""
    pieces, whole = Disk("now"), Disk("now")
    store_on(pieces).store([b"one ", b"", b"two ", b"three"])
    assert store_on(pieces).load() == b"one two three"
    store_on(whole).store(b"one two three")
    assert pieces.disk == whole.disk
