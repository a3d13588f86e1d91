"""The attacks on the group, its packages and a notice on CPython; tests/test_group_on_micropython.py runs the same there."""

import group_attacks
import lost_attacks
import package_attacks

for module in (group_attacks, package_attacks, lost_attacks):
    globals().update({name: getattr(module, name) for name in dir(module) if name.startswith("test_")})
