"""The group's life, storage and size (group_cases.py) on CPython; tests/test_group_on_micropython.py runs the same there."""

from group_cases import (
    test_a_group_from_set_up_to_removal,
    test_the_state_of_a_large_group_is_kept_whole,
)

__all__ = ["test_a_group_from_set_up_to_removal", "test_the_state_of_a_large_group_is_kept_whole"]
