"""Run the command line: `python -m connector`."""

from connector.cli import main

main()
