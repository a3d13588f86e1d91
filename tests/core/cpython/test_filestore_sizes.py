"""The store at the ends of sizes: a state full of large messages, a
header that lies about its length. PROTOCOL.md 12.
"""

from sealcast.run.filestore import Files, FileStore
from solo import Peer, Solo, suite

KEY = b"s" * 32


def test_a_state_full_of_large_messages_can_be_stored(tmp_path):
    """One member fills its ring, and we read it for the first time: what is not taken yet is part of the state."""
    anna = Peer("anna", ring=64)
    solo = Solo(ring=64)
    solo.ch.taken = lambda message: None  # the application is slow
    solo.connect(anna.join())
    for seq in range(64):
        solo.give(*anna.note(seq, bytes(2000)))
    for _ in range(64):
        solo.run(solo.ch.send(bytes(2000), "note", solo.now))
    assert len(solo.ch.out.inbox) == 2 and len(solo.ch.out.outbox.entries) == 64
    FileStore(suite, KEY, str(tmp_path / "state")).store(solo.blob)
    assert FileStore(suite, KEY, str(tmp_path / "state")).load() == solo.blob


class Asked(Files):
    """Files that remember how much was asked for at once."""

    def __init__(self):
        self.most = 0

    def open(self, path, mode):
        file = super().open(path, mode)
        read = file.read

        def watched(n):
            self.most = max(self.most, n)
            return read(n)

        class File:
            def __enter__(self):
                return self

            def __exit__(self, *_):
                file.close()

        out = File()
        out.read, out.seek, out.close = watched, file.seek, file.close
        return out


def test_a_broken_header_cannot_ask_for_a_megabyte(tmp_path):
    (tmp_path / "state.0").write_bytes(b"SCst\x01\x00\x00\x00\x01\x00\x0f\xff\xff" + bytes(100))
    files = Asked()
    store = FileStore(suite, KEY, str(tmp_path / "state"), files)
    assert store.load() is None and store.damaged
    assert files.most <= 256


def test_a_journal_longer_than_any_is_read_so_far_that_it_shows(tmp_path):
    FileStore(suite, KEY, str(tmp_path / "state")).store(b"body")
    (tmp_path / "state.0j").write_bytes(bytes(200000))
    assert len(FileStore(suite, KEY, str(tmp_path / "state")).load()) == len(b"body") + 65536
