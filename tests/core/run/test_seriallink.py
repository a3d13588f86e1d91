"""The serial link on a port that loses, flips, invents and repeats bytes: messages arrive complete, in order, once."""

from check import raises
from sealcast.run.seriallink import LINE, MESSAGE, SEGMENT, Lines, Link, line, unline


class Dice:
    """Small reproducible numbers on both Pythons."""

    def __init__(self, seed):
        self._state = seed * 2654435 + 1 & 0x3FFFFFF

    def below(self, n):
        self._state = self._state * 1103515 + 12345 & 0x3FFFFFF
        return (self._state >> 9) % n

    def bytes(self, n):
        return bytes([self.below(256) for _ in range(n)])


class End:
    """One end: its link, and what came of it."""

    def __init__(self, window):
        self.link = Link(window)
        self.lines = Lines()
        self.messages = []
        self.texts = []
        self.opened = []
        self.gone = []
        self.queue = []

    def feed(self, data, now):
        for kind, value in self.lines.put(data):
            if kind == "text":
                self.texts.append(value)
            else:
                self._note(self.link.take(value, now))

    def _note(self, event):
        if event:
            {"message": self.messages, "opened": self.opened, "gone": self.gone}[event[0]].append(event[1])

    def turn(self, now):
        """Time passes; -> bytes to write."""
        self._note(self.link.tick(now))
        if self.queue and self.link.idle:
            self.link.send([self.queue.pop(0)], now)
        out = b"".join(self.link.out)
        self.link.out = []
        return out


def clean(data, dice):
    return data


def run(board, bridge, turns, noise=clean, dice=None, now=0, step=50):
    """Both ends over a port with this noise for so many turns -> the time after."""
    for _ in range(turns):
        now += step
        bridge.feed(noise(board.turn(now), dice), now)
        board.feed(noise(bridge.turn(now), dice), now)
    return now


def pair(board_window=1, bridge_window=16):
    board, bridge = End(board_window), End(bridge_window)
    board.link.open(7, 30, 0)
    return board, bridge


def test_a_session_opens_and_messages_of_every_length_pass_both_ways():
    board, bridge = pair()
    sizes = [1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, 1000, MESSAGE]
    there = [bytes([n & 255]) * n for n in sizes]
    back = [bytes([n + 1 & 255]) * n for n in sizes]
    board.queue, bridge.queue = list(there), list(back)
    run(board, bridge, 200)
    assert bridge.opened == [30] and board.opened == [30]
    assert bridge.messages == there
    assert board.messages == back
    assert not board.gone and not bridge.gone


def test_a_port_that_damages_loses_and_invents_bytes():
    def noise(data, dice):
        out = bytearray()
        for byte in data:
            fate = dice.below(600)
            if fate == 0:
                continue
            out.append(byte ^ (1 << dice.below(8)) if fate == 1 else byte)
            if fate == 2:
                out.extend(dice.bytes(1 + dice.below(20)))
        return bytes(out)

    for seed in range(3):
        dice = Dice(seed + 1)
        board, bridge = pair(1 + dice.below(3), 1 + dice.below(20))
        there = [dice.bytes(1 + dice.below(500)) for _ in range(10)]
        back = [dice.bytes(1 + dice.below(500)) for _ in range(10)]
        board.queue, bridge.queue = list(there), list(back)
        now = 0
        while len(bridge.messages) < 10 or len(board.messages) < 10:
            assert now < 3000000, (seed, len(bridge.messages), len(board.messages))
            now = run(board, bridge, 20, noise, dice, now)
            assert not board.gone and not bridge.gone, seed
        assert bridge.messages == there and board.messages == back, seed
        assert board.lines.damaged + bridge.lines.damaged > 0  # the noise was there


def test_every_packet_sent_twice_arrives_once():
    board, bridge = pair(4, 4)
    there = [bytes([i]) * 300 for i in range(40)]  # more packets than numbers: they wrap
    board.queue = list(there)
    run(board, bridge, 400, lambda data, dice: data + data)
    assert bridge.messages == there


def test_a_packet_lost_at_any_place_is_sent_again():
    message = bytes(range(250)) + bytes(230)
    count, lost = 0, 0

    def noise(data, dice):
        nonlocal count
        out = b""
        for part in data.split(b"\n")[:-1]:
            if count != lost:
                out += part + b"\n"
            count += 1
        return out

    while count >= lost:
        count = 0
        board, bridge = pair(1, 2)
        board.queue = [message]
        run(board, bridge, 120, noise)
        assert bridge.messages == [message], lost
        lost += 1
    assert lost > 10


def test_text_between_packets_is_text_and_text_inside_one_spoils_only_that():
    packet = line(b"\x05\x00\x07\x00\x00")
    said = b"boot: ok\r\n>>> " + packet + packet[:9] + b"Traceback\n" + packet + b"\r\nlast\n"
    for size in (1, 2, 3, 7, 50, len(said)):  # in whatever pieces it comes
        lines, found = Lines(), []
        for at in range(0, len(said), size):
            found += lines.put(said[at : at + size])
        assert found == [
            ("text", b"boot: ok"),
            ("text", b">>> "),
            ("packet", b"\x05\x00\x07\x00\x00"),
            ("packet", b"\x05\x00\x07\x00\x00"),
            ("text", b"last"),
        ], size
        assert lines.damaged == 1


def test_any_garbage_leaves_the_next_packet_whole_and_memory_bounded():
    dice = Dice(3)
    for _ in range(40):
        lines, byte_by_byte = Lines(), Lines()
        garbage = dice.bytes(dice.below(3 * LINE))
        wanted = dice.bytes(5 + dice.below(SEGMENT))
        found = lines.put(garbage + line(wanted))
        assert found[-1] == ("packet", wanted)
        assert len(lines._part) <= LINE
        alone = []
        for at in range(len(garbage)):
            alone += byte_by_byte.put(garbage[at : at + 1])
        assert alone + byte_by_byte.put(line(wanted)) == found and byte_by_byte.damaged == lines.damaged


def test_a_text_without_end_comes_in_pieces_and_a_packet_without_end_is_dropped():
    lines = Lines()
    assert lines.put(b"x" * LINE) == [] and lines.put(b"x" * (LINE + 1)) == [("text", b"x" * LINE)] * 2
    assert lines.put(b"\n") == [("text", b"x")]
    assert lines.put(b"\x1e" + b"A" * LINE) == [] and lines.damaged == 0
    assert lines.put(b"AB\n") == [("text", b"B")] and lines.damaged == 1


def test_one_flipped_bit_anywhere_in_a_line_is_seen():
    packet = bytes(range(30))
    whole = line(packet)
    for i in range(1, len(whole) - 1):
        for bit in (1, 64):
            damaged = bytearray(whole)
            damaged[i] ^= bit
            assert unline(bytes(damaged[1:-1])) is None, i
    assert unline(whole[1:-1]) == packet


def test_the_longest_packet_fits_a_line_and_small_boards_buffer():
    assert len(line(bytes(5 + SEGMENT))) <= LINE + 2 <= 260


def test_silence_ends_a_session_on_both_sides():
    board, bridge = pair()
    now = run(board, bridge, 5)
    assert bridge.link.up and board.link.up
    bridge.turn(now + 44000)
    assert bridge.link.up
    bridge.turn(now + 45000)
    assert bridge.gone == ["the serial port is silent"] and not bridge.link.up
    board.turn(now + 30000)
    assert board.gone == ["the serial port is silent"]


def test_pings_keep_an_idle_session():
    board, bridge = pair()
    run(board, bridge, 3000)
    assert board.link.up and bridge.link.up and not board.gone and not bridge.gone


def test_a_bridge_that_was_restarted_says_so_and_a_restarted_board_takes_over():
    board, bridge = pair()
    now = run(board, bridge, 5)
    fresh = End(16)
    board.queue = [b"lost"]
    now = run(board, fresh, 5, now=now)
    assert board.gone == ["the bridge was restarted"] and not fresh.messages
    again = End(1)
    again.link.open(8, 60, now)
    again.queue = [b"hello"]
    run(again, bridge, 5, now=now)
    assert bridge.opened == [30, 60] and bridge.messages == [b"hello"]


def test_a_session_is_ended_with_a_reason_that_is_shown_harmless():
    board, bridge = pair()
    now = run(board, bridge, 5)
    bridge.link.gone("the broker\x1b[2J is away" + "!" * 200)
    run(board, bridge, 2, now=now)
    assert board.gone[0].startswith("the broker?[2J is away!") and len(board.gone[0]) <= 100
    assert not board.link.up


def test_a_window_is_never_exceeded():
    board, bridge = pair(3, 5)
    now = run(board, bridge, 5)
    for end, room in ((board, 5), (bridge, 3)):
        end.queue = [bytes(MESSAGE)]
        sent = end.turn(now).split(b"\n")[:-1]
        assert len([s for s in sent if unline(s[1:])[0] in (3, 4)]) == room


def test_strangers_and_bad_packets_change_nothing():
    board, bridge = pair()
    now = run(board, bridge, 5)
    dice = Dice(9)
    for _ in range(300):
        packet = bytes((dice.below(9),)) + dice.bytes(4 + dice.below(40))
        if packet[1:3] == b"\x00\x07" or packet[0] == 1:
            continue
        board.feed(line(packet), now)
        bridge.feed(line(packet), now)
    assert board.link.up and bridge.link.up and not board.messages and not bridge.messages
    bridge.link.out = []
    board.queue = [b"still here"]
    run(board, bridge, 5, now=now)
    assert bridge.messages == [b"still here"]


def test_sending_at_the_wrong_time_or_size_is_refused():
    board, bridge = pair()
    raises(ValueError, board.link.send, [b"x"], 0)
    run(board, bridge, 5)
    raises(ValueError, board.link.send, [b""], 0)
    raises(ValueError, board.link.send, [bytes(MESSAGE), b"x"], 0)
    board.link.send([bytes(MESSAGE)], 0)
    raises(ValueError, board.link.send, [b"x"], 0)
