"""Several inputs in one turn of the engine: one state for all, then all effects in order; or nothing of it."""

from scripted import Memory, Script, Wire, internal, publish, run, running, started, until
from sealcast.errors import NoRoom, NotReady


def numbered(ch, failing=()):
    """Answers of rekey() in turn: n leaves the state n, and publishes n; `failing` n raises."""
    ch.n = 0

    def rekey():
        ch.n += 1
        if ch.n in failing:
            raise failing[ch.n]
        ch.state = [bytes((ch.n,))]
        return [publish(ch.n)]

    ch.answers["rekey"] = rekey
    return ch


def published(wire):
    return [entry[1] for entry in wire.log if entry[0] == "publish"]


def test_one_state_for_all_that_wait_then_their_effects_in_order():
    async def test():
        wire, storage = Wire(), Memory(3)
        ch = numbered(Script())
        s = await running(ch, wire, storage, batch=4)
        tasks, ended = started([s.rekey() for _ in range(6)])
        await until(lambda: storage.failures == 1)
        assert ch.n == 4 and not published(wire) and not ended  # nothing leaves before it is durable
        await until(lambda: len(ended) == len(tasks))
        assert storage.blobs == [[b"\x04"], [b"\x06"]]
        assert published(wire) == ["t/%d" % n for n in range(1, 7)] and not [e for _, e in ended if e]
        await s.close()

    run(test())


def test_one_that_the_channel_refuses_takes_no_other_with_it():
    async def test():
        wire = Wire()
        s = await running(numbered(Script(), {2: NotReady("no")}), wire, Memory(), batch=4)
        tasks, ended = started([s.rekey() for _ in range(3)])
        await until(lambda: len(ended) == len(tasks))
        assert sorted(ended, key=lambda end: end[0]) == [(0, None), (1, NotReady), (2, None)]
        await until(lambda: published(wire) == ["t/1", "t/3"])
        await s.close()

    run(test())


def test_an_internal_error_leaves_nothing_of_its_turn_and_what_was_asked_is_asked_again():
    async def test():
        wire, storage, remade = Wire(), Memory(), []
        ch = numbered(Script(), {3: ZeroDivisionError()})

        def remake():
            remade.append((list(storage.blobs), published(wire)))
            return ch

        s = await running(ch, wire, storage, batch=4, remake=remake)
        tasks, ended = started([s.rekey() for _ in range(3)])
        await until(lambda: len(ended) == len(tasks))
        assert remade == [([], [])]
        assert sorted(ended, key=lambda end: end[0]) == [(0, None), (1, None), (2, ZeroDivisionError)]
        assert storage.blobs == [[b"\x05"]] and ch.n == 5  # the first two once more, after the third failed
        assert internal(s)[0][1] == "ZeroDivisionError"
        await s.close()

    run(test())


def test_one_without_room_ends_its_turn_and_begins_the_next():
    async def test():
        wire, storage = Wire(), Memory()
        s = await running(numbered(Script(), {2: NoRoom("zpinc.joins")}), wire, storage, batch=4)
        tasks, ended = started([s.rekey() for _ in range(2)])
        await until(lambda: len(ended) == len(tasks))
        assert storage.blobs == [[b"\x01"], [b"\x03"]] and published(wire) == ["t/1", "t/3"]
        assert not [error for _, error in ended if error]
        await s.close()

    run(test())


def test_a_state_that_cannot_be_packed_is_told_to_who_waits():
    async def test():
        def commit():
            raise MemoryError()

        ch = numbered(Script())
        s = await running(ch, Wire(), Memory(), batch=4)
        kept, ch.commit = ch.commit, commit
        tasks, ended = started([s.rekey() for _ in range(2)])
        await until(lambda: len(ended) == len(tasks))
        assert sorted(ended, key=lambda end: end[0]) == [(0, MemoryError), (1, MemoryError)]
        ch.commit = kept
        await s.rekey()
        await s.close()

    run(test())


def test_the_start_and_the_first_connection_share_a_turn():
    """One state for both: a board stores once before it connects."""

    async def test():
        wire, storage, calls = Wire(), Memory(), []
        ch = Script(start=lambda: calls.append("start") or [], connecting=lambda: calls.append("connecting") or [])
        commit = ch.commit
        ch.commit = lambda: calls.append("commit") or commit()
        s = await running(ch, wire, storage, batch=4)
        await until(lambda: "connected" in ch.names())
        assert calls[:3] == ["start", "connecting", "commit"]
        await s.close()

    run(test())
