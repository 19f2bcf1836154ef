#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# on_terminal.py COLUMNS ROWS COMMAND...
#     Runs a command on a terminal of that size, prints what it writes there, and
#     ends with its exit status.

import fcntl
import os
import pty
import struct
import sys
import termios


def main():
    columns, rows, *command = sys.argv[1:]
    pid, terminal = pty.fork()
    if pid == 0:
        size = struct.pack("HHHH", int(rows), int(columns), 0, 0)
        fcntl.ioctl(1, termios.TIOCSWINSZ, size)
        settings = termios.tcgetattr(1)
        settings[1] &= ~termios.OPOST  # lines end as the command writes them
        termios.tcsetattr(1, termios.TCSANOW, settings)
        os.execvp(command[0], command)
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        os.write(1, data)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


sys.exit(main())
