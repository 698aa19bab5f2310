#!/usr/bin/env python3
"""Checks the house rules.  house.py [--source DIR] [--build DIR] [CHECK...]

Each finding is one line "file: what".  Exit 0: clean, 1: findings, 77: a tool is missing.  The tests of `make test`
call one check each; tests/house/test_house.py proves that each check can fail."""
import argparse
import functools
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from header import Header  # noqa: E402

TABLE = "## Allowed includes"  # the heading of the table of allowed includes in docs/design.md
MAX_LINES = 800
MAX_COLUMNS = 100  # maximum number of columns of a line in the public headers
MAX_GOLDEN = 8 << 20
MAX_TRACKED = 60 << 20
MAX_FUNCTION = 60  # maximum number of lines of a function, including its braces
MAX_MODULE = 8000  # maximum number of lines of C in a folder of src
MAX_SUBJECT = 65
MAX_PROSE = 100  # maximum number of columns of a line in a document, outside tables and code
# only commits after this one are checked, because older ones were made before the rule on subjects
FIRST_CHECKED = "cc1b38b7d3c763e5ae1bb3009fd67efa4ee9fc66"
CLANG_FORMAT = 14  # only this version of clang-format is used, because other versions format differently
RULER = re.compile(rb"/\* -{66} \S.* \*/")

# The libraries by their names in docs/design.md, and patterns of their headers.
LIBRARIES = {
    "json-c": r"json-c/.*|json\.h",
    "xxHash": r"xxh.*\.h",
    "intrinsics": r"(imm|x86|[a-z]mm)intrin\.h|arm_(neon|sve|acle)\.h",
    "libdeflate": r"libdeflate\.h",
    "libpng": r"(.*/)?png.*\.h",
    "libjpeg-turbo": r"jpeglib\.h|jerror\.h|jmorecfg\.h|turbojpeg\.h",
    "libwebp": r"webp/.*",
    "libavif": r"avif/.*",
    "libjxl": r"jxl/.*",
    "giflib": r"gif_lib\.h",
    "libtiff": r"tiff(io|vers|conf)?\.h",
    "utf8proc": r"utf8proc\.h",
    "oneDNN": r"dnnl.*|oneapi/.*",
    "OpenMP": r"omp\.h",
    "zlib": r"z(lib|conf)\.h",
    "Snappy": r"snappy.*\.h",
    "Zstandard": r"zstd.*\.h|zdict\.h",
    "SQLite": r"sqlite3(ext)?\.h",
    "libcurl": r"curl/.*",
    "libcrypto": r"openssl/.*",
    "libmicrohttpd": r"microhttpd\.h",
}
# System headers that every module may include; SYSTEM_OF_BASE: only base may.
SYSTEM = set("""assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg
    stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar wctype
    dirent dlfcn fcntl fnmatch ftw getopt glob langinfo libgen poll pthread pwd sched semaphore spawn strings termios
    unistd netinet/in""".split())
SYSTEM_OF_BASE = {"cpuid.h", "sanitizer/asan_interface.h"}

FORBIDDEN = "strcpy strcat stpcpy sprintf vsprintf gets strtok atoi atol atoll atof system popen alloca tmpnam mktemp"
FORBIDDEN_OUTSIDE_CLI = "printf vprintf fprintf vfprintf dprintf puts putchar putc fputs fputc perror exit _exit abort"
# free() is allowed, for memory that a system library returns; all other memory comes from base/mem.c
FORBIDDEN_OUTSIDE_MEM = "malloc calloc realloc reallocarray aligned_alloc posix_memalign strdup strndup asprintf"


def public(header):
    return header == "goldpan.h" or header.startswith("goldpan/")


class House:
    def __init__(self, source, build):
        self.root = os.path.abspath(source)
        self.build = build
        self.found = []
        self.skipped = None
        self._files = None
        self._texts = {}

    # ---- helpers ----
    def say(self, path, what):
        self.found.append("%s: %s" % (path, what))

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    @functools.cached_property
    def header(self):
        return Header(self.root)

    def text(self, path):
        if path not in self._texts:
            with open(self.path(path), encoding="utf-8", errors="replace") as file:
                self._texts[path] = file.read()
        return self._texts[path]

    def files(self):
        """Returns the paths, from the root, of all files that git tracks or would track; without git, of all files
        outside build folders."""
        if self._files is None:
            git = subprocess.run(["git", "-C", self.root, "ls-files", "-z", "-co", "--exclude-standard"],
                                 capture_output=True, text=True) if os.path.exists(self.path(".git")) else None
            if git and git.returncode == 0:
                names = git.stdout.split("\0")
            else:
                names = []
                for folder, inner, found in os.walk(self.root):
                    inner[:] = [d for d in inner if not d.startswith((".git", "build", "__pycache__", ".venv"))]
                    names += [os.path.relpath(os.path.join(folder, f), self.root) for f in found]
            self._files = sorted(n for n in names if n and os.path.isfile(self.path(n)))
        return self._files

    def c_files(self, *folders):
        return [f for f in self.files() if f.endswith((".c", ".h")) and (not folders or f.startswith(folders))]

    def arrows(self):
        """Returns {module: (modules {name: [headers], [] for all}, libraries {name: [files]})} from the table of
        docs/design.md."""
        text = self.text("docs/design.md")
        section = re.split(r"^## ", text.split(TABLE, 1)[1] if TABLE in text else "", flags=re.M)[0]
        table = {}
        for line in section.splitlines():
            cells = [c.strip() for c in line.strip().strip("|").split("|")]
            if len(cells) != 3 or cells[0] in ("module", "") or set(cells[0]) <= set("-: "):
                continue
            split = [re.findall(r"([\w.\-/`]+)(?:\s*\(([^)]*)\))?", c if c[:1] not in "–-" else "") for c in cells[1:]]
            rooms, libraries = ({n: [f.strip() for f in only.split(",") if f.strip()] for n, only in part if "`" not in n}
                                for part in split)
            table[cells[0]] = (rooms, libraries)
        return table

    # ---- checks ----
    def check_arrows(self):
        table = self.arrows()
        rooms = sorted({f.split("/")[1] for f in self.c_files("src/") if f.count("/") > 1})
        if not table:
            self.say("docs/design.md", "no table under '%s'" % TABLE)
        for room in rooms:
            if room not in table:
                self.say("docs/design.md", "room %s is not in the table" % room)
        for room, (allowed, _) in table.items():
            for other in list(allowed) + [room]:
                if not os.path.isdir(self.path("src", other)):
                    self.say("docs/design.md", "row %s: there is no room '%s'" % (room, other))
                if other in ("api", "cli") and other != room:
                    self.say("docs/design.md", "row %s: nothing includes %s" % (room, other))
        self.check_cycles(table)
        for path in self.c_files("src/"):
            room = path.split("/")[1]
            for line, kind, header in self.includes(path):
                self.check_include(path, line, room, header, table.get(room, ({}, {}))[0])
                if kind == '"' and not (os.path.isfile(self.path("src", header)) or public(header)):
                    self.say(path, "line %d: \"%s\" is not a path from src/" % (line, header))

    def check_include(self, path, line, room, header, allowed):
        other = header.split("/")[0] if "/" in header else None
        if other is None or not os.path.isdir(self.path("src", other)):
            return
        if other == "kernel" and header.count("/") > 1 and not path.startswith("src/kernel/"):
            self.say(path, "line %d: kernel's variants are reached only through the table" % line)
        elif other in ("base", room):
            return
        elif other not in allowed:
            self.say(path, "line %d: %s may not include %s" % (line, room, header))
        elif allowed[other] and header.split("/", 1)[1] not in allowed[other]:
            self.say(path, "line %d: %s may include only %s of %s" % (line, room, ", ".join(allowed[other]), other))

    def check_cycles(self, table):
        done, path = set(), []

        def visit(room):
            if room in path:
                self.say("docs/design.md", "the includes form a cycle: " + " > ".join(path[path.index(room):] + [room]))
                return
            if room in done or room not in table:
                return
            path.append(room)
            for other in table[room][0]:
                visit(other)
            path.pop()
            done.add(room)

        for room in table:
            visit(room)

    def includes(self, path):
        for number, line in enumerate(self.text(path).splitlines(), 1):
            m = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
            if m:
                yield number, m.group(1), m.group(2)

    def check_libraries(self):
        table = self.arrows()
        for path in self.c_files("src/"):
            room, rest = path.split("/", 2)[1:]
            for line, kind, header in self.includes(path):
                if kind == '"' or public(header):
                    continue
                name = next((n for n, pattern in LIBRARIES.items() if re.fullmatch(pattern, header)), None)
                if name:
                    places = table.get(room, ({}, {}))[1].get(name)
                    if places is None:
                        self.say(path, "line %d: %s is not for room %s" % (line, name, room))
                    elif places and not any(rest == p or (p.endswith("/") and rest.startswith(p)) for p in places):
                        self.say(path, "line %d: %s only in %s" % (line, name, ", ".join(places)))
                elif header in SYSTEM_OF_BASE and room == "base":
                    continue
                elif not header.startswith("sys/") and header[:-2] not in SYSTEM:
                    self.say(path, "line %d: <%s> is of no library in docs/design.md or tools/house.py" % (line, header))

    def nm(self, path, *options):
        if not shutil.which("nm"):
            self.skipped = "nm is not installed"
            return None
        run = subprocess.run(["nm", "--defined-only", *options, path], capture_output=True, text=True)
        if run.returncode:
            self.say(path, run.stderr.strip() or "nm failed")
            return None
        return {f[-1] for f in (line.split() for line in run.stdout.splitlines()) if len(f) >= 2 and not f[-1].endswith(":")}

    def check_symbols(self):
        """Global names of the static library begin with gp_."""
        for name in sorted(self.nm(os.path.join(self.build, "libgoldpan.a"), "-g") or ()):
            if not name.startswith("gp_"):
                self.say("libgoldpan.a", "global symbol '%s'" % name)

    def check_exports(self):
        """The shared library exports the GP_API functions of goldpan.h and its parts, and nothing else."""
        functions = {f.name: f.path for f in self.header.functions}
        promised = set(functions)
        exported = self.nm(os.path.join(self.build, "libgoldpan.so"), "-D")
        if exported is None:
            return
        if not promised:
            self.say("include/goldpan.h", "no GP_API function found")
        for name in sorted(promised - exported):
            self.say(functions[name], "%s is not exported" % name)
        for name in sorted(exported - promised):
            self.say("libgoldpan.so", "%s is exported, but not in goldpan.h" % name)

    def check_headers(self):
        """Every header compiles alone, and twice; the public ones also as strict C11 and as C++."""
        jobs = []
        for compiler in [c for c in ("gcc", "clang") if shutil.which(c)]:
            for path in self.c_files("src/", "include/"):
                if path.endswith(".h") and not path.startswith(("src/kernel/x86/", "src/kernel/arm/")):
                    jobs.append((path, [compiler, "-std=c17", "-D_GNU_SOURCE"]))
            jobs += [(path, [compiler, "-std=c11", "-pedantic"]) for path in self.header.paths]
        for compiler in [c for c in ("g++", "clang++") if shutil.which(c)]:
            jobs += [(path, [compiler, "-std=c++11", "-pedantic"]) for path in self.header.paths]
        if not jobs:
            self.skipped = "no compiler is installed"
            return

        def compile_one(job):
            path, command = job
            name = path.split("/", 1)[1]
            language = "c++" if command[0].endswith("++") else "c"
            return job, subprocess.run(
                command + ["-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-I" + self.path("include"),
                           "-I" + self.path("src"), "-x", language, "-"],
                input='#include "%s"\n#include "%s"\nint gp_house_unit;\n' % (name, name), capture_output=True, text=True)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for (path, command), run in pool.map(compile_one, jobs):
                if run.returncode:
                    self.say(path, "%s: %s" % (" ".join(command), run.stderr.strip().replace("\n", "\n    ")))

    def check_labels(self):
        """In the public headers, every function has a comment with the labels that its declaration needs."""
        header = self.header
        cleared = {p[0].rstrip(" *") for f in header.functions if f.name.endswith("_clear") for p in f.parameters}
        for path in header.paths:
            for number, line in enumerate(self.text(path).splitlines(), 1):
                if len(line) > MAX_COLUMNS:
                    self.say(path, "line %d: more than %d columns" % (number, MAX_COLUMNS))
        for s in header.structs:
            for kind, name, _ in s.fields:
                if "," in re.sub(r"\(.*\)", "", kind):
                    self.say(s.path, "%s.%s: more than one field in a declaration" % (s.name, name))
        for f in header.functions:
            outputs = [p for p in f.parameters if "const" not in p[0] and "(" not in p[0]]
            owned = any(kind.endswith("**") or kind.rstrip(" *") in cleared for kind, _ in outputs)
            handle = any(re.sub("const|[ *]", "", kind) in header.opaque for kind, _ in f.parameters)
            if not f.comment:
                self.say(f.path, "line %d: %s has no comment" % (f.line, f.name))
                continue
            if f.returns == "gp_status" and "Errors:" not in f.comment:
                self.say(f.path, "line %d: %s: its comment has no 'Errors:'" % (f.line, f.name))
            if f.returns == "gp_status" and owned and "Owns:" not in f.comment:
                self.say(f.path, "line %d: %s: its comment has no 'Owns:'" % (f.line, f.name))
            if handle and "Threads:" not in f.comment:
                self.say(f.path, "line %d: %s: its comment has no 'Threads:'" % (f.line, f.name))
            for release in re.findall(r"is owned, (\w+)", f.comment):
                if release not in {g.name for g in header.functions}:
                    self.say(f.path, "line %d: %s: there is no function %s" % (f.line, f.name, release))

    def check_sizes(self):
        names = {}
        for path in self.c_files("src/", "include/", "tests/", "fuzz/", "bench/"):
            lines = self.text(path).count("\n")
            if lines > MAX_LINES:
                self.say(path, "%d lines, more than %d" % (lines, MAX_LINES))
            if path.startswith("src/"):
                names.setdefault(os.path.basename(path), []).append(path)
        for name, paths in names.items():
            if len(paths) > 1:
                self.say(paths[1], "same file name as %s" % paths[0])

    def check_functions(self):
        """No function of src has more lines than the limit, so that it fits on a screen."""
        for path in self.c_files("src/"):
            lines, begin = self.text(path).split("\n"), None
            for number, line in enumerate(lines):
                if line == "{":
                    begin = number
                elif line == "}" and begin is not None:
                    if number - begin + 1 > MAX_FUNCTION:
                        self.say(path, "line %d: a function of %d lines, more than %d" % (begin, number - begin + 1, MAX_FUNCTION))
                    begin = None

    def check_modules(self):
        """No module has more lines than the limit, so that a person can read it as a whole."""
        sizes = {}
        for path in self.c_files("src/"):
            module = "/".join(path.split("/")[:2])
            sizes[module] = sizes.get(module, 0) + self.text(path).count("\n")
        for module, lines in sorted(sizes.items()):
            if lines > MAX_MODULE:
                self.say(module, "%d lines, more than %d" % (lines, MAX_MODULE))

    def check_types(self):
        """Each gp_ type is defined in one file."""
        defined = {}
        pattern = re.compile(r"^\} (gp_\w+);|^(?:typedef )?(?:struct|enum|union) (gp_\w+) \{", flags=re.M)
        for path in self.c_files("src/", "include/"):
            for match in pattern.finditer(self.text(path)):
                defined.setdefault(match.group(1) or match.group(2), set()).add(path)
        for name, paths in sorted(defined.items()):
            for path in sorted(paths)[1:]:
                self.say(path, "type %s is also defined in %s" % (name, sorted(paths)[0]))

    def check_pure(self):
        """Modules that docs/design.md calls pure open no socket; those that it lists under "No files" open no file
        either."""
        text = self.text("docs/design.md")
        kinds = {}
        for kind in ("Pure", "No files"):
            match = re.search(r"\*\*%s\*\*: `([\w\s]+)`" % kind, text)
            kinds[kind] = match.group(1).split() if match else []
            if not match:
                self.say("docs/design.md", "no list of modules after '**%s**'" % kind)
        sockets = r"(?<![\w.>])(socket|connect|getaddrinfo|gp_http_\w+)\s*\("
        files = r"(?<![\w.>])(open|openat|fopen|opendir|mmap|gp_file_\w+|gp_atomic_file_\w+)\s*\("
        for path in self.c_files("src/"):
            module = path.split("/")[1]
            patterns = [sockets] * (module in kinds["Pure"]) + [files] * (module in kinds["No files"])
            for number, line in enumerate(self.code_only(self.text(path)).splitlines(), 1):
                for pattern in patterns:
                    for name in re.findall(pattern, line):
                        self.say(path, "line %d: %s() in a pure module" % (number, name))

    def check_commits(self):
        """Subjects of commits are short and imperative, and name one change."""
        git = ["git", "-C", self.root]
        if subprocess.run(git + ["cat-file", "-e", FIRST_CHECKED + "^{commit}"], capture_output=True).returncode:
            self.skipped = "no git history"
            return
        run = subprocess.run(git + ["log", "--no-merges", "--format=%h %s", FIRST_CHECKED + "..HEAD"], capture_output=True, text=True)
        for line in run.stdout.splitlines():
            commit, subject = line.split(" ", 1)
            for fault in self.subject_faults(subject):
                self.say(commit, "'%s': %s" % (subject, fault))

    @staticmethod
    def subject_faults(subject):
        if len(subject) > MAX_SUBJECT:
            yield "%d characters, more than %d" % (len(subject), MAX_SUBJECT)
        verb = re.sub(r"^[\w.,/* -]+: +", "", subject).split(" ")[0].lower()
        if re.fullmatch(r"\w+(ed|ing)", verb) and verb not in ("embed", "need", "feed", "seed", "speed", "bring", "string"):
            yield "'%s' is not imperative, as 'add' or 'fix' is" % verb
        if subject.endswith(".") or ";" in subject:
            yield "a subject is one phrase without ';' and full stop"

    def check_prose(self):
        """No line of a document is too long, outside tables and code."""
        for path in self.files():
            if not path.endswith(".md") or path.startswith(("fuzz/", "tests/golden/")):
                continue
            code = False
            for number, line in enumerate(self.text(path).splitlines(), 1):
                if line.lstrip().startswith("```"):
                    code = not code
                if code or line.startswith(("|", "    ")) or len(line) <= MAX_PROSE:
                    continue
                if not re.fullmatch(r"\s*[-*]?\s*!?\[.*\]\(\S+\)[.,;:]?", line) and "](http" not in line:
                    self.say(path, "line %d: %d columns, more than %d" % (number, len(line), MAX_PROSE))

    @staticmethod
    def code_only(text):
        """Returns the text with comments and strings blanked; the lines stay."""
        def blank(m):
            return re.sub(r"[^\n]", " ", m.group(0))
        return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)

    def check_banned(self):
        for path in self.c_files("src/"):
            words = FORBIDDEN.split()
            if not path.startswith(("src/cli/", "src/options/")):
                words += FORBIDDEN_OUTSIDE_CLI.split()
            if path != "src/base/mem.c":
                words += FORBIDDEN_OUTSIDE_MEM.split()
            pattern = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(map(re.escape, words)))
            for number, line in enumerate(self.code_only(self.text(path)).splitlines(), 1):
                for name in pattern.findall(line):
                    self.say(path, "line %d: %s()" % (number, name))

    def check_memory(self):
        """Messages of failed allocations are written by gp_fail_memory alone, so that they all read the same."""
        pattern = re.compile(r'\bgp_fail\w*\([^;{}"]*"(?:out of|no) memory')
        for path in self.c_files("src/"):
            for match in pattern.finditer(self.text(path)):
                line = self.text(path).count("\n", 0, match.end()) + 1
                self.say(path, "line %d: use gp_fail_memory(err, \"what the memory was for\")" % line)

    def check_encoders(self):
        """Only `model` knows CLIP: other modules call gp_encoder and gp_scorer, and `stage` does not contain the
        word."""
        for path in self.c_files("src/", "include/"):
            if path.startswith("src/model/"):
                continue
            for number, line in enumerate(self.text(path).splitlines(), 1):
                for name in re.findall(r"\bgp_clip\w*", line):
                    # this function of goldpan/model.h computes only the formula of the score, so it may be named
                    # after CLIP
                    if name != "gp_clip_score":
                        self.say(path, "line %d: %s outside model: use gp_encoder or gp_scorer" % (number, name))
                if path.startswith("src/stage/") and re.search(r"(?<![a-z])clip", line, re.I):
                    self.say(path, "line %d: stage names an encoder or scorer, 'clip'" % number)

    def check_text(self):
        for path in self.files():
            if path.endswith((".mjs", ".ts", ".js", ".svelte")):
                with open(self.path(path), encoding="utf-8") as file:
                    if re.search(r"SPDX-License-Identifier: MIT[ ]+(?!-->|\*/)", file.readline()):
                        self.say(path, "line 1: a comment continues the line of the licence")
            c = path.endswith((".c", ".h"))
            if not (c or path.endswith((".py", ".sh", "meson.build", "meson_options.txt"))) or "/corpus/" in path:
                continue
            if path.startswith("tests/golden/") and not c and not path.endswith("meson.build"):
                continue
            with open(self.path(path), "rb") as file:
                data = file.read()
            if c and not data.startswith(b"/* SPDX-License-Identifier: MIT\n"):
                self.say(path, "first line is not '/* SPDX-License-Identifier: MIT'")
            if data and (not data.endswith(b"\n") or data.endswith(b"\n\n")):
                self.say(path, "does not end with one newline")
            for number, line in enumerate(data.split(b"\n"), 1):
                if b"\t" in line:
                    self.say(path, "line %d: tab" % number)
                if line.rstrip() != line:
                    self.say(path, "line %d: blank at the end" % number)
                if c and max(line, default=0) > 126:
                    self.say(path, "line %d: not ASCII" % number)
                if c and not path.startswith("include/") and re.match(rb"/\* -{3}", line) and not RULER.fullmatch(line):
                    self.say(path, "line %d: a section ruler is '/* ', 66 dashes, a blank, its name, ' */'" % number)

    def check_format(self):
        tool = next((t for t in map(shutil.which, ("clang-format-%d" % CLANG_FORMAT, "clang-format")) if t and " version %d." % CLANG_FORMAT
                     in subprocess.run([t, "--version"], capture_output=True, text=True).stdout), None)
        if not tool:
            self.skipped = "clang-format %d is not installed" % CLANG_FORMAT
            return
        paths = self.c_files()
        groups = [paths[i::os.cpu_count() or 1] for i in range(os.cpu_count() or 1)]

        def formatted(group):
            return subprocess.run([tool, "--dry-run", *group], cwd=self.root, capture_output=True, text=True).stderr

        with ThreadPoolExecutor(len(groups)) as pool:
            output = "".join(pool.map(formatted, [g for g in groups if g]))
        seen = set()
        for path, line in re.findall(r"^(\S+?):(\d+):\d+: (?:warning|error)", output, flags=re.M):
            if path not in seen:
                self.say(path, "line %s: not as clang-format writes it (make format)" % line)
            seen.add(path)

    def check_listed(self):
        """Every C file is named in a meson.build above it, so no file stays uncompiled."""
        for path in self.files():
            if not path.endswith(".c") or not path.startswith(("src/", "tests/", "fuzz/", "bench/")):
                continue
            folder, listed = os.path.dirname(path), False
            while folder and not listed:
                build = os.path.join(folder, "meson.build")
                if os.path.isfile(self.path(build)):
                    listed = "'%s'" % os.path.relpath(path, folder) in self.text(build)
                folder = os.path.dirname(folder)
            if not listed:
                self.say(path, "in no meson.build")

    def check_corpus(self):
        targets = set(re.findall(r"^\s*fuzz_targets\s*\+=\s*\{'(\w+)'", self.text("fuzz/meson.build"), flags=re.M))
        corpora = {f.split("/")[2] for f in self.files() if f.startswith("fuzz/corpus/") and f.count("/") == 3}
        if not targets:
            self.say("fuzz/meson.build", "no target found")
        for name in sorted(targets - corpora):
            self.say("fuzz/meson.build", "target %s has no corpus" % name)
        for name in sorted(corpora - targets):
            self.say("fuzz/corpus/" + name, "no such target")

    def check_paths(self):
        """No file contains a path of a particular machine."""
        pattern = re.compile(rb"(?<![\w.])/(work|home/\w+|root)/")
        for path in self.files():
            with open(self.path(path), "rb") as file:
                data = file.read()
            if b"\0" in data[:4096]:
                continue
            for number, line in enumerate(data.split(b"\n"), 1):
                if pattern.search(line) and b"house: path allowed" not in line:
                    self.say(path, "line %d: path of one machine" % number)

    def check_golden(self):
        sizes = {f: os.path.getsize(self.path(f)) for f in self.files()}
        golden = sum(n for f, n in sizes.items() if f.startswith("tests/golden/"))
        if golden > MAX_GOLDEN:
            self.say("tests/golden", "%.1f MB, more than 8" % (golden / (1 << 20)))
        if sum(sizes.values()) > MAX_TRACKED:
            self.say(".", "%.1f MB in all, more than 60" % (sum(sizes.values()) / (1 << 20)))
        for path, size in sizes.items():
            if os.path.islink(self.path(path)) and not os.path.exists(self.path(path)):
                self.say(path, "link to nothing")


CHECKS = [n[len("check_"):] for n in vars(House) if n.startswith("check_") and n not in ("check_include", "check_cycles")]


def main():
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", default=here)
    parser.add_argument("--build", default=os.path.join(here, "build"))
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=", ".join(CHECKS))
    options = parser.parse_args()
    bad = skipped = 0
    for name in options.checks or CHECKS:
        house = House(options.source, options.build)
        getattr(house, "check_" + name)()
        for line in house.found:
            print("%s: %s" % (name, line))
        if house.skipped:
            print("skipped: %s" % house.skipped)
        bad += len(house.found)
        skipped += house.skipped is not None
    if not bad and not skipped:
        print("house: %s: clean" % " ".join(options.checks or CHECKS))
    return 1 if bad else 77 if skipped else 0


if __name__ == "__main__":
    sys.exit(main())
