import signal
import sys

if sys.argv[0] == "-m":  # `python -m stages.NAME`: an interrupt while it still imports ends it without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)
