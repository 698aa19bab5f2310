# SPDX-License-Identifier: MIT
"""Tests the output of the command: run.py GOLDPAN [--update] [CASE...]

A case is a file cases/<name>.test of steps:

    $ goldpan score --modle x          a command; words as a shell would split them, nothing else of a shell
    > a line of stdout                 exactly, or with ~> as a pattern (*, ? and [...]; [[] is a bracket)
    ! a line of stderr                 the same, ~!
    = 2                                exit code, when not 0
    # a remark

Between steps, `@ file NAME TEXT` writes a file, `@ folder NAME` makes one, `@ copy PATH NAME` takes one from the
sources, `@ cd NAME` makes that folder of the case the present one, `@ env NAME=VALUE` sets a variable, `@ in TEXT` is the standard input of the next step (\\n for new lines).
Each case runs in a folder of its own with an empty home and cache; that folder's path is written $CASE, the sources'
$SOURCE.  A text that differs fails; --update writes what came instead, and the difference is for people to read."""
import fnmatch
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))


def environment(folder):
    env = {k: v for k, v in os.environ.items() if k in ("PATH", "LD_LIBRARY_PATH") or k.endswith("SAN_OPTIONS")}
    env.update(HOME=folder + "/home", LC_ALL="C", TERM="dumb")
    return env


def matches(wanted, got):
    """Returns true if the lines equal, or match, the expected lines. wanted: list of (is_pattern, text)."""
    return len(wanted) == len(got) and all(
        fnmatch.fnmatchcase(g, w) if pattern else g == w for (pattern, w), g in zip(wanted, got))


class Step:
    def __init__(self, command):
        self.command, self.stdout, self.stderr, self.code, self.stdin = command, [], [], 0, ""
        self.present = None  # the folder to run in; None: the current folder


def lines_of(text):
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines[:-1] + [lines[-1] + "<no newline>"]


def filled(text, folder):
    return text.replace("$CASE", folder).replace("$SOURCE", SOURCE)


def run_step(goldpan, step, folder, env, present):
    words = [filled(w, folder) for w in shlex.split(step.command)]
    if words[0] == "goldpan":
        words[0] = goldpan
    done = subprocess.run(words, cwd=present, env=dict(env, PWD=present), input=step.stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, errors="backslashreplace", timeout=1800)
    hide = lambda text: lines_of(text.replace(folder, "$CASE").replace(SOURCE, "$SOURCE"))
    return hide(done.stdout), hide(done.stderr), done.returncode


def setting(words, folder, env, step):
    kind, _, rest = words.partition(" ")
    if kind == "cd":
        step.present = os.path.normpath(os.path.join(folder, rest))
    elif kind == "env":
        name, _, value = rest.partition("=")
        env[name] = filled(value, folder)
    elif kind == "folder":
        os.makedirs(os.path.join(folder, rest), exist_ok=True)
    elif kind == "file":
        name, _, text = rest.partition(" ")
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text.replace("\\n", "\n"))
    elif kind == "copy":  # from the sources
        name, _, to = rest.partition(" ")
        shutil.copy(os.path.join(SOURCE, name), os.path.join(folder, to))
    elif kind == "in":
        step.stdin = rest.replace("\\n", "\n")
    else:
        raise SystemExit("unknown setting '@ %s'" % words)


def read_case(path):
    """Returns the file as a list of ("step", Step) and ("text", line), in order."""
    parts, step = [], None
    with open(path, encoding="utf-8") as file:
        for line in file.read().splitlines():
            mark, _, rest = line.partition(" ")
            if mark == "$":
                step = Step(rest)
                parts.append(("step", step))
            elif mark in (">", "~>"):
                step.stdout.append((mark == "~>", rest))
            elif mark in ("!", "~!"):
                step.stderr.append((mark == "~!", rest))
            elif mark == "=":
                step.code = int(rest)
            else:
                step = None
                parts.append(("text", line))
    return parts


def joined(mark, text):
    return mark + " " + text if text else mark


def written(step, out, err, code):
    """Returns the lines of a step with its new output.  A pattern that matches stays a pattern."""
    lines = ["$ " + step.command]
    for mark, wanted, got in ((">", step.stdout, out), ("!", step.stderr, err)):
        for i, text in enumerate(got):
            pattern = i < len(wanted) and wanted[i][0] and fnmatch.fnmatchcase(text, wanted[i][1])
            lines.append(joined("~" + mark, wanted[i][1]) if pattern else joined(mark, text))
    return lines + (["= %d" % code] if code else [])


def show(mark, wanted, got):
    for pattern, text in wanted:
        print("      wanted  %s%s %s" % ("~" if pattern else "", mark, text))
    for text in got:
        print("      got     %s %s" % (mark, text))


def run_case(goldpan, path, update):
    good, lines = True, []
    with tempfile.TemporaryDirectory(prefix="goldpan-cli-") as folder:
        folder = os.path.realpath(folder)
        os.mkdir(folder + "/home")
        env, waiting = environment(folder), Step("")
        for kind, part in read_case(path):
            if kind == "text":
                lines.append(part)
                if part.startswith("@ "):
                    setting(part[2:], folder, env, waiting)
                continue
            part.stdin, waiting.stdin = waiting.stdin, ""
            out, err, code = run_step(goldpan, part, folder, env, waiting.present or folder)
            lines += written(part, out, err, code)
            fits = matches(part.stdout, out) and matches(part.stderr, err) and code == part.code
            if not fits and not update:
                print("%s: $ %s" % (os.path.basename(path), part.command))
                if not matches(part.stdout, out):
                    show(">", part.stdout, out)
                if not matches(part.stderr, err):
                    show("!", part.stderr, err)
                if code != part.code:
                    print("      wanted exit code %d, got %d" % (part.code, code))
            good = good and fits
    if update and not good:
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        print("%s: rewritten" % os.path.basename(path))
    return good or update


def main(arguments):
    update = "--update" in arguments
    arguments = [a for a in arguments if a != "--update"]
    goldpan, wanted = os.path.abspath(arguments[0]), arguments[1:]
    names = sorted(f for f in os.listdir(os.path.join(HERE, "cases")) if f.endswith(".test"))
    names = [n for n in names if not wanted or n[:-5] in wanted]
    if not names:
        raise SystemExit("no such case")
    bad = [n for n in names if not run_case(goldpan, os.path.join(HERE, "cases", n), update)]
    print("%d cases, %d failed" % (len(names), len(bad)))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
