#!/usr/bin/env python3
"""Counts the tests of several meson logs, lists skipped tests with their reasons, and sets the exit code.

summary.py [--broken=TEXT ...] [--skipped=PART: REASON ...] TITLE=LOG.json ...

A cmocka program counts by its cases, any other test as one.  A skip is a line "skipped: reason" (or a cmocka case or
meson test without one); it must match a pattern of tests/skips_allowed.txt.  The last line is the sum."""
import fnmatch
import json
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GOOD = {"OK", "EXPECTEDFAIL"}


def allowed_patterns():
    shared = os.environ.get("GOLDPAN_SHARED", os.path.join(ROOT, "..", "shared"))
    patterns = []
    with open(os.path.join(ROOT, "tests", "skips_allowed.txt"), encoding="utf-8") as file:
        for line in file:
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            if line.startswith("without-shared "):
                if os.path.isdir(shared):
                    continue
                line = line.split(None, 1)[1]
            patterns.append(line)
    return patterns


def count(test):
    """Returns (passed, failed, reasons of skips) of one test of a log."""
    text = test.get("stdout", "") + "\n" + test.get("stderr", "")
    passed = len(re.findall(r"^\[ +OK +\] \S", text, re.M))
    # \s*$ leaves out the headings of the lists that cmocka prints at the end: "group: 1 test(s), listed below:"
    failed = len(set(re.findall(r"^\[ +FAILED +\] ([A-Za-z_]\w*)\s*$", text, re.M)))
    said = re.findall(r"^skipped: (.*?)\s*$", text, re.M)
    reasons = list(dict.fromkeys(said))
    cases = set(re.findall(r"^\[ +SKIPPED +\] ([A-Za-z_]\w*)\s*$", text, re.M))
    result = test["result"]
    reasons += ["%s (no reason given)" % c for c in sorted(cases)][: max(0, len(cases) - len(said))]
    if result == "SKIP":
        return passed, failed, reasons or ["no reason given"]
    if result not in GOOD:
        return passed, max(failed, 1), reasons
    if cases:
        return passed, 0, reasons
    return max(passed, 1), 0, reasons


def main():
    broken, total, bad_skips, names = [], [0, 0, 0], 0, set()
    patterns = allowed_patterns()

    def skip(title, text):
        fine = any(fnmatch.fnmatchcase(text, p) for p in patterns)
        if (text, fine) not in names:
            print("skipped %s  %s%s" % (title, text, "" if fine else "  (NOT ALLOWED)"))
        names.add((text, fine))
        return not fine

    for argument in sys.argv[1:]:
        if argument.startswith("--broken="):
            if argument != "--broken=":
                broken.append(argument[len("--broken="):])
            continue
        if argument.startswith("--skipped="):
            if argument != "--skipped=":
                bad_skips += skip("part", argument[len("--skipped="):])
                total[2] += 1
            continue
        title, path = argument.split("=", 1)
        sums, seconds = [0, 0, 0], 0.0
        tests = []
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                tests = [json.loads(line) for line in file if line.strip()]
        for test in tests:
            name = test["name"].split(" / ")[-1].split(":")[-1].strip()
            passed, failed, reasons = count(test)
            seconds += test.get("duration", 0)
            for i, n in enumerate((passed, failed, len(reasons))):
                sums[i] += n
                total[i] += n
            for reason in reasons:
                bad_skips += skip(title, "%s: %s" % (name, reason))
            if failed:
                print("FAILED  %s  %s (%s)" % (title, name, test["result"].lower()))
        if not tests:
            broken.append("%s: no tests were run" % title)
        print("%-11s %4d passed, %d failed, %d skipped, %.0f s of tests" % (title, *sums, seconds))
    for text in broken:
        print("BROKEN  " + text)
    if bad_skips:
        print("%d skips are not in tests/skips_allowed.txt" % bad_skips)
    total[1] += len(broken) + bad_skips
    print("%d passed, %d failed, %d skipped" % tuple(total))
    return total[1] != 0


if __name__ == "__main__":
    sys.exit(main())
