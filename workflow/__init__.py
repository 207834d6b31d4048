"""The workflow engine: definitions, expressions, steps, runs. Knows no connector and no HTTP."""
