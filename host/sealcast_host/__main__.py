"""`python -m sealcast_host` is the same as the command `sealcast`."""

import sys

from sealcast_host.cli import main

sys.exit(main())
