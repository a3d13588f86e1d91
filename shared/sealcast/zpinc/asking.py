"""Joins that the broker forgot, or shows late: we ask for them, and show ours to who asks. PROTOCOL.md section 6.5.
Rare code; joins.seek remembers what is missed."""

from ..errors import Reject
from ..rare import load
from ..wire import HANDSHAKE, header
from .epochs import ASK
from .notes import MAX_MISSED


def ask(me, members, reading, now, out):
    """For the joins that have not come."""
    known = [s.sid for m in members.by_tag.values() for s in m.sessions]
    sids = [sid for sid in sorted(reading.missed) if reading.missed[sid] and sid not in known]
    reading.missed, reading.ask_at = {sid: False for sid in reading.missed if sid not in known}, None
    if sids and out.may_report("ask", now):
        out.publish(me.topic("h"), me.seal(header(HANDSHAKE, me.session.sid, 0), bytes((ASK,)) + b"".join(sids)))


def asked(me, reading, pt, now, out):
    """A member asks for joins that the broker does not show it: ours goes out again. Raises Reject."""
    sids = pt[1:]
    if not sids or len(sids) % 16 or len(sids) > 16 * MAX_MISSED:
        raise Reject("format")
    sids = [sids[i : i + 16] for i in range(0, len(sids), 16)]
    reading.missed.update({sid: False for sid in sids if sid in reading.missed})  # the answer goes to all
    if me.session.sid in sids and out.may_report("asked", now):
        load("zpinc.joins").publish(me, out)
