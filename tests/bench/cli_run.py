#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""cli_run.py RUNS LABEL COMMAND...: least wall time and peak memory of a command."""
import os
import subprocess
import sys
import time


def main():
    runs, label, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    least, peak = None, 0
    for _ in range(runs):
        begin = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - begin
        if process.returncode != 0:
            sys.exit("%s: exit status %d" % (label, process.returncode))
        least = seconds if least is None else min(least, seconds)
        peak = max(peak, usage.ru_maxrss)
    print("%-20s %8.3f s  %7.1f MB" % (label, least, peak / 1024))


main()
