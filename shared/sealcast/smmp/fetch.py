"""Accepted frames from the retained slots, a few ahead at a time, and the one that should stand in our last one's place.

PROTOCOL.md 18.3, 18.4.
"""

from ..compat import const
from ..wire import u32
from .control import NEED, seal_control
from .ratchet import frame_epoch, frame_hash, frame_prev

SLOTS = const(64)  # retained slots of accepted frames: how far a member may fall behind
AHEAD = const(4)  # asked for at a time
CHASES = const(2)  # other frames of our last epoch that we look for, a round


class Fetching:
    """`group`: see group.Group."""

    def __init__(self, group):
        self.g = group
        self.ch = group.ch
        self.clear()

    def clear(self):
        self.chased = []  # hashes of other frames of our last epoch that we have looked for
        self.again()

    def again(self):
        """What was asked for may have been dropped."""
        self._upto = 0  # slots below this epoch have been asked for
        self._early = {}  # epoch -> frame, for when we are there
        self._other = None

    def look(self, epoch):
        self.ch.subscribe(self.ch.topics.make(self.g.name, "e", epoch % SLOTS))

    def everything(self):
        """Is an agreement among the retained frames that takes us in?"""
        self.ch.subscribe(self.ch.topics.make(self.g.name, "e") + "/+")

    def towards(self, target):
        """The next slots on the way to this epoch."""
        epoch = self.g.state.epoch
        for e in range(max(epoch, self._upto), min(target, epoch + AHEAD)):
            self.look(e)
            self._upto = e + 1

    def need(self, epoch, wanted):
        """Ask the others to put a frame into its slot again. wanted: its hash, or zeros."""
        self.g.publish(seal_control(self.ch, self.g.id, NEED, u32(epoch) + wanted))
        self.look(epoch)

    def keep(self, epoch, frame):
        """A frame that comes before its turn. True when it is one."""
        early = self.g.state.epoch < epoch < self.g.state.epoch + AHEAD
        if early:
            self._early[epoch] = frame
        return early

    def take(self):
        """The frame for our state, if it came early."""
        return self._early.pop(self.g.state.epoch, None)

    def shows(self, frame):
        """Does what came early stand on this frame, which fits our state?"""
        st, early = self.g.state, self._early.get(self.g.state.epoch + 1)
        fits = frame_epoch(frame) == st.epoch and frame_prev(frame) == st.head
        return fits and early is not None and frame_prev(early) == frame_hash(self.ch.suite, frame)

    def chase(self, other):
        """Look for the frame of our last epoch with this hash. False when we cannot go back, or have looked for it."""
        new = self.g.undo is not None and other not in self.chased and len(self.chased) < CHASES
        self.chased.append(other)
        if new:
            self._other = other
            self.look(self.g.state.epoch - 1)
        return new

    def chase_on(self):
        self.need(self.g.state.epoch - 1, self._other)

    def caught(self, frame):
        """Is this the frame that we chase?"""
        return frame_epoch(frame) == self.g.state.epoch - 1 and frame_hash(self.ch.suite, frame) == self._other
