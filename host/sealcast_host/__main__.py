"""`python -m sealcast_host` is the same as the command `sealcast`."""

import sys

from sealcast_host.cli.main import main

sys.exit(main())
