"""What days and months bring to a gateway: clocks that are wrong, identities that change, rows and points that pile
up."""

import asyncio
import contextlib
import json
import random
from dataclasses import replace

import pytest

from sealcast_host.gateway.prometheus import Prometheus
from sealcast_host.gateway.record import Event, Message
from sealcast_host.gateway.sqlite import OLD_FOR_NEW, Sqlite, recent
from sealcast_host.gateway.web import HISTORY
from sealcast_host.gateway.web_board import DRAWN, POINTS, Board, thinned

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


def test_this_computers_clock_may_be_set_back():
    """After some minutes ahead by years, before the network's time came, lines stood still for years, and who had long
    gone was seen just now."""
    board, metrics, wrong = Board(), Prometheus(None), NOW + 13 * 365 * DAY
    arrived = [said(NOW + i + by, seq=i) for i, by in enumerate((0, 0, wrong - NOW, wrong - NOW, 0, 0))]
    arrived.append(said(NOW + 6, NOW + 3, seq=6, historic=True))
    for m in arrived:
        board.take([m])
        asyncio.run(metrics.take([m]))
        if m.seq == 3:
            assert board.last == metrics._last == {"bench-1": wrong + 3}
    assert board.last == metrics._last == {"bench-1": NOW + 5}
    assert [at - NOW for at, _ in board.series["temperature"]["bench-1"]] == [0, 1, 4, 5]
    kept = Board()
    kept.take(arrived)  # out of a database
    assert kept.series == board.series and kept.last == board.last


def test_what_a_board_says_again_in_another_session_is_shown():
    """A button that was provisioned anew counts from 0 again, has no clock, and says what it always says: the page
    showed none of its messages until it came to a number that was new."""
    board = Board()
    first = [said(NOW + i, body=b"pressed", seq=i) for i in range(3)]
    board.take(first)
    board.take(first)  # out of the database, when the page begins anew
    assert board.count == 3
    board.take([said(NOW + 60 + i, body=b"pressed", seq=i) for i in range(3)])
    assert board.count == len(board.messages) == 6
    board.take([replace(first[2], at=NOW + 90, again=True)])  # handed over once more, after a power cut
    assert board.count == 6
    for _ in range(2):  # the page's server has ended, and begins anew
        board.take([said(NOW + 100 + i, seq=i) for i in range(HISTORY)])
        assert board.count == 6 + HISTORY and board.messages[-1].seq == HISTORY - 1


def test_a_clock_that_is_ahead_for_a_while_takes_no_history(tmp_path):
    """One message under a clock that was years ahead removed all that `keep_days` was to keep."""
    output = Sqlite(None, str(tmp_path / "a.db"), keep_days=30)

    async def go(*arrived):
        await output.open()
        for m in arrived:
            await output.take(m)
        await output.close()
        return [m.at for m in recent(tmp_path / "a.db", 2000)]

    history = [[said(NOW + i * 60, seq=i) for i in range(1000)]]
    assert len(asyncio.run(go(*history, [said(NOW + 13 * 365 * DAY)]))) == 1001 - OLD_FOR_NEW
    month = [[said(NOW + 40 * DAY + i, seq=2000 + i)] for i in range(120)]
    kept = asyncio.run(go(*month))
    assert [at for at in kept if at < NOW + 39 * DAY] == [] and len(kept) == len(month) + 1


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


def test_a_long_line_is_sent_with_fewer_points_and_all_its_peaks():
    rng = random.Random(5)
    for count in (0, 1, 2, DRAWN - 1, DRAWN, DRAWN + 1, 2 * DRAWN, POINTS - 1, POINTS):
        points = [(NOW + i, rng.gauss(20, 1)) for i in range(count)]
        if count > 700:
            points[617] = (NOW + 617, 99.0)
            points[618] = (NOW + 618, -99.0)
        drawn = thinned(points)
        assert len(drawn) <= DRAWN and set(drawn) <= set(points) and drawn == sorted(drawn)
        assert len(drawn) == count or len(drawn) > DRAWN / 3
        assert drawn[:1] == points[:1] and drawn[-1:] == points[-1:]
        assert count <= 700 or {(NOW + 617, 99.0), (NOW + 618, -99.0)} <= set(drawn)


class Chart:
    """What the page makes of a quantity."""

    made = []

    def __init__(self, options):
        self.options, self.sent = options, []
        Chart.made.append(self)

    def classes(self, names):
        return self

    def update(self):
        self.sent.append(self.options["series"])


def test_a_browser_is_sent_the_plots_that_have_grown(monkeypatch):
    """Each message redrew every plot in every browser: 24 plots of 8 lines were 6 MB."""
    ui = pytest.importorskip("nicegui").ui
    from sealcast_host.gateway import web_page

    monkeypatch.setattr(ui, "echart", Chart)
    monkeypatch.setattr(ui, "element", lambda tag: Part())
    monkeypatch.setattr(ui, "label", lambda text: Part())
    monkeypatch.setattr(Chart, "made", [])
    board = Board()
    for i in range(POINTS):
        board.take([said(NOW + i, seq=i, body=json.dumps({f"q{n}": i % 7 for n in range(3)}).encode())])
    pages = [web_page.Page(board, None) for _ in range(2)]
    for page in pages:
        page._plots = Part()
        page._draw_plots()
        page._draw_plots()
    assert [len(chart.sent) for chart in Chart.made] == [1] * 6
    assert all(len(chart.sent[0][0]["data"]) <= DRAWN for chart in Chart.made)
    board.take([said(NOW + POINTS, seq=POINTS, body=b'{"q1": 5}')])
    pages[0]._draw_plots()
    assert [len(chart.sent) for chart in Chart.made] == [1, 2, 1, 1, 1, 1]
    assert Chart.made[1].sent[1][0]["data"][-1] == [(NOW + POINTS) * 1000, 5.0]
    pages[1]._draw_plots()
    assert [len(chart.sent) for chart in Chart.made] == [1, 2, 1, 1, 2, 1]


class Part(contextlib.nullcontext):
    """A part of the page."""

    def classes(self, names):
        return self
