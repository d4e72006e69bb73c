"""`python -m quorate.cli` is `quorate`."""

from quorate.cli.main import main

main()
