"""`python -m camruntime`."""

from camruntime.cli import main

main()
