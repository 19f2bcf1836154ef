# SPDX-License-Identifier: Apache-2.0
"""How much of a statement's text is recorded in operations of this package.

The tracers in C mask the constants of a statement that may hold a secret, which
takes a lexer of SQL. Here such a statement is recorded up to the place where its
first constant could begin; the server's own operation shows the rest, masked.
"""

import re

LENGTH_MAX = 32768

# Words that tell of a secret, wherever they stand.
_SECRET = re.compile(
    r"""passw|passphrase|passcode|secret|token|credential|bearer|hmac|crypt|trace
    |(api|private|access|signing|encryption)[-_ ]?key|rekey|hexkey|textkey
    |set_con|dblink|pgpass|profiler|pg_settings|://|file:|u&"
    """, re.IGNORECASE | re.VERBOSE)

# Words of statements that set secrets under whatever name.
_SETTER = re.compile(
    r"""\b(set|role|user|group|server|database|system|subscription|wrapper|mapping
    |options|conninfo|program|pragma|attach|vacuum|execute|do|call)\b
    """, re.IGNORECASE | re.VERBOSE)

# A single statement of this kind holds such words as names only.
_QUERY = re.compile(r"\s*(select|insert|update|delete|merge|with|values)\b[^;]*;?\s*\Z",
                    re.IGNORECASE)

# A secret can begin here, in quotes or without.
_CONSTANT = re.compile(
    r"""['"$0-9=:\\]|--|/\*|\b(to|as|password|key|by)\b""", re.IGNORECASE)


def may_be_secret(text):
    """Returns whether the statement may hold a secret."""
    if _SECRET.search(text) is not None:
        return True
    return _SETTER.search(text) is not None and _QUERY.match(text) is None


def recorded(text):
    """Returns what is recorded of the text of a statement."""
    text = text[:LENGTH_MAX]
    if not may_be_secret(text):
        return text
    constant = _CONSTANT.search(text)
    return text if constant is None else text[:constant.start()] + "..."
