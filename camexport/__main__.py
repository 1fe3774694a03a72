"""`python -m camexport`."""

from camexport.cli import main

main()
