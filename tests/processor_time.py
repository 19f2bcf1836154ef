#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# processor_time.py FILE COMMAND [ARGUMENT...]
#     Runs a command, and writes to FILE how many seconds of processor time it and
#     all of its descendants have used. Exits as the command does.
#
# A process whose parent has ended, as a server that was started in the background,
# becomes a child of this program and is counted when it ends. Not counted is what
# still runs when the command ends.

import ctypes
import os
import subprocess
import sys

PR_SET_CHILD_SUBREAPER = 36


def main():
    file, command = sys.argv[1], sys.argv[2:]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        sys.exit("processor_time: prctl: %s" % os.strerror(ctypes.get_errno()))
    child = subprocess.Popen(command)
    ended = None
    while ended != child.pid:
        ended, status = os.wait()
    used = os.times()
    with open(file, "w", encoding="ascii") as out:
        out.write("%.0f\n" % (used.children_user + used.children_system))
    code = os.waitstatus_to_exitcode(status)
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
