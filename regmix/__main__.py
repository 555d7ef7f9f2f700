"""python -m regmix: the command ``regmix``."""

from regmix.cli.main import main

main()
