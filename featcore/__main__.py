"""`python -m featcore ...` is the command `featcore ...`."""

from featcore.cli import app

app()
