"""Run the sandbox: `python -m connector.sandbox`."""

from connector.sandbox.command import main

main()
