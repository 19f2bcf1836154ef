#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# structure.py [BUILD]
#     Is the structure of the code still what docs/architecture.md says? Prints a
#     TAP line for each rule, and what breaks it. Run by tests/lint.sh, in a tree
#     that has been built: calls between files are read from the object files.
#
# Rules: calls and includes between folders go one way (ORDER), and rules of findings
# do not use those of other folders; no cycle of calls
# joins more than two files of a part; no two source files have the same name; no
# folder holds more than 25 source files; no function is longer than 100 lines,
# tables in it not counted; a file that a comment names exists; libosprofiler.so
# exports what the public headers declare, and what begins with osp__ or is
# declared OSP_SHARED under a version of its own; no driver holds an OpenSSL of
# its own.

import collections
import functools
import os
import re
import subprocess
import sys

FILES_MAX = 25
FUNCTION_MAX = 100
CYCLE_MAX = 2

# A folder may use those before it, and itself.
ORDER = {
    "common": ["base", "sql", "json", "context", "record", "notify",
               ("profiler", "ship", "report"), "otlp"],
    "pg_osprofiler": ["state", "context", "worker", "usage", "fast",
                      "operations", "sql", "hooks"],
}

PARTS = ["common", "drivers", "cli", "client_hooks", "sqlite_osprofiler",
         "pg_osprofiler"]

# Names that the preload library takes from others.
BORROWED = {"dlopen"}

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else
                        os.path.join(TOP, "build"))


@functools.cache
def sources(*endings):
    found = []
    for folder, names, files in os.walk(TOP):
        names[:] = sorted(n for n in names if n not in
                          ("build", "third_party", ".git", "tmp_check"))
        found += [os.path.relpath(os.path.join(folder, name), TOP)
                  for name in sorted(files) if name.endswith(endings)]
    return found


def object_of(source):
    part = source.split("/")[0]
    base = TOP if part == "pg_osprofiler" else BUILD
    return os.path.join(base, source[:-2] + ".o")


def symbols(files):
    """The global symbols that each file defines, and those that it needs."""
    table = {object_of(f): (set(), set()) for f in files}
    out = subprocess.run(["nm", "-P", "-A", "-g", *table], text=True,
                         capture_output=True, check=False)
    if out.returncode != 0:
        sys.exit("structure: not all has been built; run make first: " +
                 out.stderr.splitlines()[0])
    for line in out.stdout.splitlines():
        file, name, kind = line.split()[:3]
        defined, needed = table[file.rstrip(":")]
        if kind == "U":
            needed.add(name)
        elif kind.isupper():
            defined.add(name)
    return {f: table[object_of(f)] for f in files}


@functools.cache
def calls(part):
    """Which file of the part uses what of which other one."""
    files = [f for f in sources(".c") if f.startswith(part + "/")]
    table = symbols(files)
    owner = {}
    for file, (defined, _) in table.items():
        for name in defined:
            owner.setdefault(name, file)
    edges = collections.defaultdict(dict)
    for file, (_, needed) in table.items():
        for name in needed - BORROWED:
            to = owner.get(name)
            if to is not None and to != file:
                edges[file].setdefault(to, name)
    return files, edges


def cycles(files, edges):
    """Sets of files that reach each other (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(file):
        index[file] = low[file] = len(index)
        stack.append(file)
        for to in edges[file]:
            if to not in index:
                visit(to)
                low[file] = min(low[file], low[to])
            elif to in stack:
                low[file] = min(low[file], index[to])
        if low[file] == index[file]:
            at = stack.index(file)
            found.append(stack[at:])
            del stack[at:]

    sys.setrecursionlimit(10000)
    for file in files:
        if file not in index:
            visit(file)
    return [c for c in found if len(c) > CYCLE_MAX]


def check_cycles():
    for part in PARTS:
        files, edges = calls(part)
        for cycle in cycles(files, edges):
            yield f"{part}: {len(cycle)} files call each other: " + " ".join(
                os.path.basename(f) for f in sorted(cycle))


def includes(part):
    """Which file of the part includes what of which folder of it."""
    for file in sources(".c", ".h"):
        if file.count("/") < 2 or file.split("/")[0] != part:
            continue
        with open(os.path.join(TOP, file), encoding="utf-8") as text:
            for name in re.findall(r'^#include "(\w+/\w+\.h)"', text.read(),
                                   re.MULTILINE):
                if os.path.exists(os.path.join(TOP, part, name)):
                    yield file, f"{part}/{name}"


def are_rules_of_others(file, to):
    """Findings' rules use what all have, and files of their own folder."""
    rules = "common/report/findings/"
    folder = os.path.dirname(to)
    return (file.startswith(rules) and folder.startswith(rules) and
            folder != os.path.dirname(file) and
            (file.count("/") > rules.count("/") or
             os.path.basename(file) != "findings.c"))


def check_direction():
    for part, order in ORDER.items():
        rank = {}
        for number, folders in enumerate(order):
            for folder in [folders] if isinstance(folders, str) else folders:
                rank[folder] = number
        uses = [(file, to, name + " of ")
                for file, to_files in calls(part)[1].items()
                for to, name in to_files.items()]
        uses += [(file, to, "") for file, to in includes(part)]
        for file, to, name in sorted(uses):
            a, b = file.split("/")[1], to.split("/")[1]
            if a != b and (a not in rank or b not in rank or
                           rank[b] >= rank[a]):
                yield f"{file} must not use {name}{to}"
            elif are_rules_of_others(file, to):
                yield f"{file} must not use {name}{to}"


def check_names():
    seen = {}
    for file in sources(".c", ".h", ".t", ".pl", ".pm", ".py", ".sh"):
        name = os.path.basename(file)
        if name in seen:
            yield f"{file} has the name of {seen[name]}"
        seen[name] = file


def check_folders():
    count = collections.Counter(
        os.path.dirname(f) for f in sources(".c")
        if not f.startswith("tests/"))
    for folder, number in sorted(count.items()):
        if number > FILES_MAX:
            yield f"{folder} holds {number} source files"


def check_functions():
    for file in sources(".c", ".h"):
        begin = None
        with open(os.path.join(TOP, file), encoding="utf-8") as text:
            lines = text.read().splitlines()
        table = tables = 0
        for number, line in enumerate(lines):
            if line.endswith("= {") and line.startswith("\t"):
                table = number
            elif line == "\t};" and table:
                tables += number - table
                table = 0
            if line == "{" and number > 0 and re.search(r"\)$|\)\s*\\?$",
                                                        lines[number - 1]):
                begin = number
                tables = 0
            elif line == "}" and begin is not None:
                length = number - begin + 1 - tables
                if length > FUNCTION_MAX:
                    yield (f"{file}:{begin + 1}: a function of "
                           f"{length} lines")
                begin = None


def check_comments():
    known = {os.path.basename(f) for f in sources(".c", ".h")}
    known |= {"sqlite3ext.h"}
    for file in sources(".c", ".h"):
        with open(os.path.join(TOP, file), encoding="utf-8") as text:
            comments = re.findall(r"/\*.*?\*/", text.read(), re.DOTALL)
        for name in re.findall(r"(?<![\w/.<-])\w+\.[ch]\b",
                               " ".join(comments)):
            if name not in known:
                yield f"{file} names {name}, which does not exist"


def check_exports():
    declared = set()
    for file in sources(".h"):
        if not file.startswith("common/include/"):
            continue
        with open(os.path.join(TOP, file), encoding="utf-8") as text:
            code = re.sub(r"/\*.*?\*/", "", text.read(), flags=re.DOTALL)
        for declaration in re.findall(r"OSP_API\s+([^;{]*?);", code):
            name = (re.search(r"\b(osp_\w+)\s*\(", declaration) or
                    re.search(r"(\w+)\s*$", declaration))
            declared.add(name.group(1))
    library = os.path.join(BUILD, "common", "libosprofiler.so")
    lines = subprocess.run(["nm", "-D", "--defined-only", library], text=True,
                           capture_output=True, check=True).stdout.split("\n")
    names = [line.split()[2] for line in lines if "@@" in line]
    exported = {n.split("@@")[0] for n in names if n.endswith("@@OSPROFILER_0")}
    for name in sorted(declared ^ exported):
        yield (f"{name} is declared in a public header, and not exported"
               if name in declared else
               f"{name} is exported, and declared in no public header")
    for name in names:
        if not name.startswith("osp_"):
            yield f"{name} is exported"


def check_openssl():
    """A second OpenSSL beside libssl's own would not know its objects."""
    folder = os.path.join(BUILD, "drivers")
    for name in sorted(os.listdir(folder)):
        library = os.path.join(folder, name)
        if not name.endswith(".so"):
            continue
        out = subprocess.run(["nm", library], text=True, capture_output=True,
                             check=True).stdout
        own = re.findall(r" [Tt] ((?:X509|BIO|EVP)_\w+)$", out, re.MULTILINE)
        if own:
            yield f"{name} has {len(own)} functions of OpenSSL in it: {own[0]}"


def main():
    checks = [
        ("calls and includes between folders go one way", check_direction),
        ("no cycle of more than two files", check_cycles),
        ("no name of a source file twice", check_names),
        ("no folder of more than 25 source files", check_folders),
        ("no function of more than 100 lines", check_functions),
        ("files that comments name exist", check_comments),
        ("the library exports what public headers declare", check_exports),
        ("no driver holds an OpenSSL of its own", check_openssl),
    ]
    failed = 0
    for number, (what, check) in enumerate(checks, 1):
        found = list(check())
        failed += bool(found)
        print(f"{'not ok' if found else 'ok'} {number} - {what}")
        for line in found:
            print(f"# {line}")
    print(f"1..{len(checks)}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
