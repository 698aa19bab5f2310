#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes src/text/tables.c from tests/golden/tokenizer/classes.tsv and lowercase.tsv.

    python3 tools/unicode_tables.py [--check]     (--check: only compare, exit 1 if the file would change)

The two tables were measured on the reference tokenizer, code point by code point: the Unicode versions of its regex
engine and its lower-casing differ from those of the available C libraries.  Adjacent ranges form one row; lower-case
pairs are stored as runs of (first, last, step 1 or 2, distance)."""
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests/golden/tokenizer"
TARGET = ROOT / "src/text/tables.c"
CLASSES = {"L": 1, "N": 2, "S": 3}


def rows(name):
    return [line.split("\t") for line in (GOLDEN / name).read_text("ascii").splitlines()[1:]]


def classes():
    ranges = sorted((int(a, 16), int(b, 16), CLASSES[c]) for c, a, b in rows("classes.tsv"))
    out = []
    for a, b, c in ranges:
        assert a <= b and (not out or out[-1][1] < a), "ranges overlap"
        if out and out[-1][1] + 1 == a and out[-1][2] == c:
            out[-1] = (out[-1][0], b, c)
        else:
            out.append((a, b, c))
    return out


def lower():
    runs, double = [], []
    for source, target in rows("lowercase.tsv"):
        a, to = int(source, 16), [int(x, 16) for x in target.split()]
        if len(to) > 1:
            double.append((a, to))
            continue
        distance = to[0] - a
        if runs:
            first, last, step, d = runs[-1]
            gap = a - last
            if d == distance and gap in (1, 2) and (first == last or gap == step):
                runs[-1] = (first, a, gap, d)
                continue
        runs.append((a, a, 1, distance))
    assert double == [(0x130, [0x69, 0x307])], "gp_text_lower knows one code point that becomes two"
    return runs


def lines(items, width=120):
    out, line = [], "   "
    for item in items:
        if len(line) + len(item) + 2 > width:
            out.append(line)
            line = "   "
        line += " " + item + ","
    return "\n".join(out + [line])


def text():
    cs, ls = classes(), lower()
    ascii_class = ["0"] * 128
    for a, b, c in cs:
        for p in range(a, min(b, 127) + 1):
            ascii_class[p] = str(c)
    return f"""/* SPDX-License-Identifier: MIT
 *
 * Made by tools/unicode_tables.py from tests/golden/tokenizer: do not edit.
 * Classes of code points and lower case, as the reference tokenizer has them. */
#include "text/tables.h"

/* clang-format off */
const uint8_t gp_text_ascii_class[128] = {{
{lines(ascii_class)}
}};

const gp_text_class_range gp_text_class_ranges[] = {{
{lines("{0x%X, 0x%X, %d}" % r for r in cs)}
}};
const size_t gp_text_class_range_count = {len(cs)};

const gp_text_lower_run gp_text_lower_runs[] = {{
{lines("{0x%X, 0x%X, %d, %d}" % r for r in ls)}
}};
const size_t gp_text_lower_run_count = {len(ls)};
/* clang-format on */
"""


def main():
    made = text()
    if sys.argv[1:] == ["--check"]:
        if TARGET.read_text("ascii") != made:
            sys.exit("src/text/tables.c is not what tools/unicode_tables.py makes: run it")
    else:
        TARGET.write_text(made, "ascii")


if __name__ == "__main__":
    main()
