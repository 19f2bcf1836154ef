# SPDX-License-Identifier: Apache-2.0
"""Takes our comment out of the text of a driver's exception.

The server quotes a part of the statement in some messages about its syntax. If a
statement ends too early, or in an open quote, that part may hold the comment, and
whoever records the message (OSProfiler's own handler does) would record the
signature with it.
"""

import re

# "LINE 2: ..." of libpq, with the caret below it.
_EXCERPT = re.compile(r"\nLINE \d+: (?P<line>.*)\n *\^ *")

# Where a statement ends in an open quote, the comment's own quotes close and open
# it, and the message shows what stands between two of them, if it is this long.
_PART_MIN = 4

# What libpq shows of a long line begins or ends with this.
_CUT = "..."


def without_comment(text, comment):
    """Returns the text without the comment and without parts of it."""
    whole = comment.lstrip("\n")

    def excerpt(match):
        shown = match.group("line").strip()
        shown = shown[len(_CUT):] if shown.startswith(_CUT) else shown
        shown = shown[:-len(_CUT)] if shown.endswith(_CUT) else shown
        return "" if shown and shown in whole else match.group()

    text = _EXCERPT.sub(excerpt, text.replace(comment, "").replace(whole, ""))
    for part in whole.split("'"):
        if len(part) > _PART_MIN:
            text = text.replace(part, "")
    return text


def clean_exception(error, comment):
    """Cleans an exception that a statement with the comment raised, and its causes."""
    while error is not None and comment:
        error.args = tuple(without_comment(arg, comment) if isinstance(arg, str)
                           else arg for arg in error.args)
        error = error.__cause__
