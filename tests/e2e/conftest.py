"""What the tests share whose own process has members."""

import pytest


@pytest.fixture
def home(monkeypatch, tmp_path):
    """Their channel files, states and caches are in the test's folder."""
    for name in ("CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
