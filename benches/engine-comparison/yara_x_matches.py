#!/usr/bin/env python3
"""Prints what the rules of a folder match in files, as JSON lines: yara-x's side of the comparison.

The other side is the example `dump_matches` of booster-engine. Needs the yara-x package from PyPI.
"""

import json
import os
import sys
import time

import yara_x

MOST_MATCHES = 100


def files_below(root):
    """Plain files below a folder, in order."""
    if os.path.isfile(root) and not os.path.islink(root):
        yield root
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                yield path


def compile_rules(root):
    """Compiles with the settings of the product, every file a namespace."""
    compiler = yara_x.Compiler()
    compiler.enable_includes(False)
    for name in ["filename", "filepath", "extension", "filetype", "owner"]:
        compiler.define_global(name, "")
    rejected = []
    for path in files_below(root):
        if path.endswith((".yar", ".yara")):
            name = os.path.relpath(path, root)
            compiler.new_namespace(name)
            with open(path, encoding="utf-8", errors="replace") as file:
                try:
                    compiler.add_source(file.read())
                except yara_x.CompileError as error:
                    rejected.append(f"{name}: {error}".splitlines()[0])
    return compiler.build(), rejected


def told(rule):
    """The rule, and each match of each of its strings."""
    name = f"{rule.namespace}:{rule.identifier}"
    yield name
    for pattern in rule.patterns:
        for match in list(pattern.matches)[:MOST_MATCHES]:
            yield f"{name} {pattern.identifier} {match.offset}+{match.length}"


def main():
    rules_folder, roots = sys.argv[1], sys.argv[2:]
    started = time.monotonic()
    rules, rejected = compile_rules(rules_folder)
    compiled = time.monotonic() - started
    scanner = yara_x.Scanner(rules)
    scanner.set_timeout(60)
    before = time.process_time()
    files = size = 0
    slowest = 0.0
    for path in (path for root in roots for path in files_below(root)):
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError:
            continue
        one = time.monotonic()
        found, ended = [], None
        try:
            found = sorted(line for rule in scanner.scan(content).matching_rules for line in told(rule))
        except yara_x.TimeoutError:
            ended = "timeout"
        except yara_x.ScanError as error:
            ended = str(error)
        slowest = max(slowest, time.monotonic() - one)
        files += 1
        size += len(content)
        if found or ended:
            print(json.dumps({"path": path, "found": found, "ended": ended}))
    print(
        json.dumps(
            {
                "engine": "yara-x",
                "rules": sum(1 for _ in rules),
                "rejected": rejected,
                "files": files,
                "bytes": size,
                "compile_seconds": compiled,
                "scan_cpu_seconds": time.process_time() - before,
                "slowest_seconds": slowest,
            }
        )
    )


if __name__ == "__main__":
    main()
