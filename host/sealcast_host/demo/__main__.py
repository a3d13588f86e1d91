"""`python -m sealcast_host.demo`."""

import sys

from sealcast_host.demo.run import main

sys.exit(main())
