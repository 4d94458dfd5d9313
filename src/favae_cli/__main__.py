"""`python -m favae_cli` is `favae-run`."""

import sys

from favae_cli.cli import main

sys.exit(main())
