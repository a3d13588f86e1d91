"""Pages that are written from the source are of today: docs/API.md, and the messages in docs/TROUBLESHOOTING.md."""

import api
import messages


def test_the_api_page_is_of_today():
    assert api.PAGE.read_text() == api.page(), "run: python tests/support/api.py"
    text = api.page()
    for name in ("await send(", "await approve(", "await attach(", "`identity_changed`", "`OutboxFull`"):
        assert name in text, name
    assert len(api.events()) > 20 and all(doc for _, doc in api.entries("shared/sealcast/run/session.py", "Session", ("send",)))


def test_every_message_of_the_product_is_in_the_page():
    page = messages.PAGE.read_text()
    assert page.endswith(messages.table()), "run: python tests/support/messages.py"
    assert len(messages.messages()) > 200
    assert page.count("\n") - page[: page.index(messages.MARK)].count("\n") > 200


def test_every_message_says_what_to_do():
    """Itself, or the page does."""
    assert messages.without_way_out() == []
    assert messages.split("no such file: give one") == ("no such file", "give one") and messages.split("odd") == ("odd", "")


def test_a_message_is_seen_however_it_is_made():
    import ast

    for code, text in (("'a'", "a"), ("f'a {b} c'", "a … c"), ("'a %d c' % b", "a … c"), ("'a' + b", "a…"), ("b", None)):
        assert messages.text_of(ast.parse(code, mode="eval").body) == text
