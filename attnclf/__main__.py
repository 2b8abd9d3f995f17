"""`python -m attnclf` is the command `attnclf`."""

from attnclf_cli.app import main

main()
