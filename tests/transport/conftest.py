"""What the tests of the node's MQTT client share."""

import pytest

from mqtt_support import Driver


@pytest.fixture
def driver(micropython):
    """Starts MQTT clients in processes of their own; all are killed at the end."""
    running = []

    def start():
        running.append(Driver(micropython))
        return running[-1]

    yield start
    for program in running:
        program.__exit__()
