"""`python -m gvlm_assets` is the `gvlm` command."""

from gvlm_assets.cli import main

main()
