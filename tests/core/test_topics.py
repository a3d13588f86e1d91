"""Topics are read strictly: there is one text for each name, and every other one is refused."""

from check import raises
from sealcast.errors import Reject
from sealcast.wire import Topics, b64, unb64

NAME = bytes(range(200, 232))


def refused(text):
    return raises(Reject, unb64, text).reason == "topic"


def test_base64_has_one_text_for_each_value():
    for n in range(70):
        data = bytes([(37 * i + n) & 255 for i in range(n)])
        text = b64(data)
        assert unb64(text) == data
        for foreign in ("+", "/", "=", "\n", " ", "é", "*", "\x00"):
            for at in range(len(text)):
                assert refused(text[:at] + foreign + text[at + 1 :]), (text, foreign, at)
            assert refused(text + foreign) and refused(foreign + text) and refused(text + 4 * foreign)
        if len(text) % 4:  # the last letter has bits to spare, which are 0
            alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
            assert len([c for c in alphabet if not _refuses(text[:-1] + c)]) == (4 if len(text) % 4 == 2 else 16)
        assert len(text) % 4 or refused(text + "A")


def _refuses(text):
    try:
        unb64(text)
    except Reject:
        return True
    return False


def test_what_is_remembered_is_read_like_all_else():
    topics = Topics(bytes(32))
    for known in (False, True):
        if known:
            topics.remember(NAME)
        for stream, slot in (("p", None), ("n", 0), ("n", 25), ("e", 999)):
            topic = topics.make(NAME, stream, slot)
            assert topics.parse(topic) == (NAME, stream)
            for more in ("/", "x", "00", "/0", "\n", "/" + stream):
                assert raises(Reject, topics.parse, topic + more).reason == "topic", more
        wrong = ("", "/", "/00", "/01", "/+1", "/-1", "/1000", "/1/2", "/ 1", "/1 ", "/x")
        for slot in wrong + ("/\u0661", "/\u00b2", "/1\u00b2"):
            assert raises(Reject, topics.parse, topics.prefix + b64(NAME) + "/n" + slot).reason == "topic"
        for stream in ("", "np", "P", "/", "+"):
            assert raises(Reject, topics.parse, topics.prefix + b64(NAME) + "/" + stream).reason == "topic"
        assert raises(Reject, topics.parse, topics.prefix + b64(NAME)).reason == "topic"
        assert raises(Reject, topics.parse, topics.prefix[1:] + b64(NAME) + "/p").reason == "topic"
