"""The worlds of this folder shorten a time of the core's; the tests
of other folders that follow in the same process get it back.
"""

import pytest

from sealcast.smmp import outgoing


@pytest.fixture(autouse=True)
def refresh_time():
    before = outgoing.REFRESH_MS
    yield
    outgoing.REFRESH_MS = before
