"""What days and months bring to a gateway: clocks that are wrong, identities that change, rows and points that pile
up."""

import asyncio

from sealcast_host.gateway.prometheus import Prometheus
from sealcast_host.gateway.record import Event, Message
from sealcast_host.gateway.web_board import Board

NOW = 1_800_000_000.0
DAY = 86400


def said(at=NOW, clock=0, body=b'{"temperature": 21.5}', sender="bench-1", seq=1, historic=False):
    """A message. clock: the sender's, 0: it has none."""
    return Message(at, sender, body, "note", "member", int(clock), seq, historic, False, False, None)


def test_a_senders_clock_that_is_wrong_hides_none_of_its_messages():
    """A board whose clock was a year ahead for an hour was "seen" a year long, and its line in the plot stood still."""
    assert said(clock=NOW + 365 * DAY).when == NOW and said(clock=NOW - 5).when == NOW - 5 and said().when == NOW
    board, metrics = Board(), Prometheus(None)
    ahead, right, behind = (said(NOW + i, NOW + by, seq=i) for i, by in ((1, 365 * DAY), (2, 0), (3, -365 * DAY)))
    late = said(NOW + 4, NOW - DAY, seq=0, historic=True)
    for number, m in enumerate((ahead, right, behind, late), 1):
        board.take([m])
        asyncio.run(metrics.take([m]))
        seen = NOW + min(number, 3)  # what was said the day before tells of no sign of life now
        assert board.last == {"bench-1": seen}
        assert metrics._last == {"bench-1": seen}
    assert list(board.series["temperature"]["bench-1"]) == [(NOW + i, 21.5) for i in (1, 2, 3)]


def test_an_identity_that_was_approved_is_no_alarm_any_more():
    board = Board()
    for end in ("approved", "pinned"):
        board.take([Event(NOW, "identity_changed", {"uid": "bench-1", "fingerprint": "abcd"})])
        assert board.changed == {"bench-1": "abcd"}
        board.take([Event(NOW, end, {"uid": "bench-2"})])
        assert board.changed == {"bench-1": "abcd"}
        board.take([Event(NOW, end, {"uid": "bench-1"})])
        assert board.changed == {}
    assert [text for _, text in board.events if "approved" in text] == [
        f"bench-{n} is known by the identity that was approved" for n in (2, 1)
    ]
