"""``python -m cluster_sd``: the command ``cluster-sd``."""

from __future__ import annotations

import sys

from cluster_sd.cli import main

if __name__ == "__main__":
    sys.exit(main())
