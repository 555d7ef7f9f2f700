"""One file per format of a mixture. Each has

- ``SUFFIX`` of its files, and ``STEM`` if their name is not the format's;
- ``COUNTS``, what its weights are shares of: "tokens" or "documents";
- ``COMMENT``, what begins a line that its reader skips, or None if it has none: then a second file says what the
  mixture is;
- ``render(blend, weights)``: the content for one phase, whose positive weights by domain sum to 1. With ``SCHEDULES``,
  ``render(blend)``: the content for all phases.
"""
