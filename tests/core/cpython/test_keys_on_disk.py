"""What a thief of the files finds: no key that was used before the last snapshot, in no file; and none at all in a
journal as it lies there. PROTOCOL.md 12.1, THREATS.md."""

from sealcast.crypto import best_suite
from sealcast.effects import APPEND, STORE
from sealcast.run.filestore import FileStore
from solo import Peer, Solo, agree, talk


def test_keys_that_were_used_are_in_no_file_after_the_next_snapshot(tmp_path):
    store, snapshots, batches = FileStore(best_suite(), bytes(32), str(tmp_path / "state")), 0, 0
    store.load()

    def kept(effects):
        nonlocal snapshots, batches
        for effect in effects:
            if effect[0] == STORE:
                store.store(effect[1])
                snapshots += 1
            elif effect[0] == APPEND:
                store.append(effect[1])
                batches += 1

    anna = Peer("anna")
    solo = Solo().connect(anna.join())
    solo.ch.journal.room = 1200
    solo.give(*anna.presence())
    epoch = agree(solo, anna)[1]
    kept(solo.ch.snapshot())
    at, used, since = epoch.index(anna.tag), [], []
    for i in range(30):
        key, before = solo.ch.epochs.current.chains[at][0], snapshots
        kept(solo.give(*talk(anna, epoch, b"%d" % i)))
        since.append(bytes(key))
        if snapshots > before:
            used, since = used + since, []
        files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        assert len([name for name in files if not name.endswith("j")]) == 1 and len(files) <= 2
        assert not [key for key in used if any(key in data for data in files.values())]
        assert not [key for key in since if any(key in files[name] for name in files if name.endswith("j"))]
        assert not since or since[0] in b"".join(files.values())  # so long it is there, and THREATS.md says so
    assert snapshots > 3 and batches > 15
