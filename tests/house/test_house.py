#!/usr/bin/env python3
"""Each check of tools/house.py finds its fault: breaks a small clean tree in one way at a time."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tools"))
import house  # noqa: E402

SPDX = "/* SPDX-License-Identifier: MIT\n * Idea. */\n"
TREE = {
    "docs/design.md": "# Design\n\n- **Pure**: `kernel model`.\n- **No files**: `kernel`.\n\n## Allowed includes\n\n| module | may include | outside library allowed here only |\n|---|---|---|\n"
                      "| base | `goldpan.h` (the types) | xxHash (hash.c) |\n| kernel | – | intrinsics (x86/) |\n"
                      "| model | kernel (kernel.h) | – |\n| cli | `goldpan.h` | – |\n\n## More\n\n| a | b | c |\n",
    "include/goldpan.h": SPDX + "#ifndef G\n#define G\n#define GP_API __attribute__((visibility(\"default\")))\n"
                                "/* One. */\nGP_API int gp_one(void); /* GP_API int gp_no(void); */\n#endif\n",
    "include/goldpan/part.h": SPDX + "#ifndef P\n#define P\n#include <goldpan.h>\n#endif\n",
    "src/base/hash.c": SPDX + "#include <xxhash.h>\n#include <goldpan.h>\nint gp_one(void) { return 1; }\n",
    "src/base/meson.build": "room_src = files('hash.c')\n",
    "src/kernel/kernel.h": SPDX + "#ifndef K\n#define K\n#include <stdint.h>\nuint8_t gp_k(void);\n#endif\n",
    "src/kernel/x86/k_avx2.c": SPDX + "#include <immintrin.h>\n#include \"kernel/kernel.h\"\n",
    "src/kernel/meson.build": "room_src = files('x86/k_avx2.c')\n",
    "src/model/clip.c": SPDX + "#include \"kernel/kernel.h\"\n#include <stdio.h>\n/* printf(\"\") */ char c = '\"';\n",
    "src/model/meson.build": "room_src = files('clip.c')\n",
    "src/cli/main.c": SPDX + "int main(void) { return puts(\"x\"); }\n",
    "src/cli/meson.build": "files('main.c')\n",
    "fuzz/meson.build": "fuzz_targets += {'png': files('png.c')}\n",
    "fuzz/png.c": SPDX,
    "fuzz/corpus/png/a": "x",
    "tests/golden/a.bin": "x",
    ".clang-format": "BasedOnStyle: LLVM\nSortIncludes: false\n",
}


class Checks(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp()
        for path, text in TREE.items():
            self.write(path, text)

    def tearDown(self):
        shutil.rmtree(self.root)

    def write(self, path, text, add=False):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "ab" if add else "wb") as file:
            file.write(text.encode())

    def run_check(self, name):
        here = house.House(self.root, self.root)
        getattr(here, "check_" + name)()
        if here.skipped:
            self.skipTest(here.skipped)
        return here.found

    def broken(self, check, path, text, expected, add=True):
        """The check finds nothing before the change and exactly one fault after it, with the file's name and the
        text `expected`."""
        self.assertEqual(self.run_check(check), [])
        self.write(path, text, add)
        found = self.run_check(check)
        self.assertEqual(len(found), 1, found)
        self.assertIn(expected, found[0])

    def test_arrow_missing(self):
        self.write("src/model/clip.h", SPDX)
        self.broken("arrows", "src/kernel/kernel.h", '#include "model/clip.h"\n', "kernel may not include model/clip.h")

    def label(self, declaration, expected):
        self.broken("labels", "include/goldpan/part.h", SPDX + "\ntypedef struct gp_h gp_h;\n\n" + declaration + "\n",
                    expected, add=False)

    def test_label_none(self):
        self.label("/* One. */\n\nGP_API int gp_x(void);", "gp_x has no comment")

    def test_label_shared(self):
        self.write("include/goldpan/part.h", SPDX + "\n/* Two. */\nGP_API int gp_x(void);\nGP_API int gp_y(void);\n")
        self.assertEqual(self.run_check("labels"), [])

    def test_label_errors(self):
        self.label("/* One. */\nGP_API gp_status gp_x(int a);", "gp_x: its comment has no 'Errors:'")

    def test_label_owns(self):
        self.label("/* One.\n * Errors: IO.\n * Threads: any. */\nGP_API gp_status gp_x(int n,\n    gp_h **out);",
                   "gp_x: its comment has no 'Owns:'")

    def test_label_owns_struct(self):
        self.label("/* C. */\nGP_API void gp_r_clear(gp_r *r);\n\n/* One.\n * Errors: IO. */\n"
                   "GP_API gp_status gp_x(gp_r *out);", "gp_x: its comment has no 'Owns:'")

    def test_label_release(self):
        self.label("/* One.\n * Owns: *a is owned, gp_gone.\n * Errors: IO. */\nGP_API gp_status gp_x(char **a);",
                   "there is no function gp_gone")

    def test_label_threads(self):
        self.label("/* One. */\nGP_API int gp_x(const gp_h *h);", "gp_x: its comment has no 'Threads:'")

    def test_label_field(self):
        self.label("typedef struct gp_s {\n    int a, b;\n} gp_s;", "gp_s.b: more than one field")

    def test_label_columns(self):
        self.label("/*" + 99 * " " + "*/", "more than 100 columns")

    def test_arrow_header(self):
        self.write("src/kernel/other.h", SPDX)
        self.broken("arrows", "src/model/clip.c", '#include "kernel/other.h"\n', "may include only kernel.h")

    def test_arrow_headers(self):
        self.write("docs/design.md", TREE["docs/design.md"].replace("(kernel.h)", "(kernel.h, second.h)"))
        self.write("src/kernel/second.h", SPDX)
        self.write("src/kernel/third.h", SPDX)
        self.write("src/model/clip.c", '#include "kernel/second.h"\n', add=True)
        self.assertEqual(self.run_check("arrows"), [])
        self.broken("arrows", "src/model/clip.c", '#include "kernel/third.h"\n', "may include only kernel.h, second.h")

    def test_arrow_variant(self):
        self.write("src/kernel/x86/x.h", SPDX)
        self.broken("arrows", "src/model/clip.c", '#include "kernel/x86/x.h"\n', "only through the table")

    def test_arrow_relative(self):
        self.broken("arrows", "src/model/clip.c", '#include "other.h"\n', "not a path from src/")

    def test_room_not_in_table(self):
        self.broken("arrows", "src/attic/a.c", SPDX, "room attic is not in the table")

    def test_row_without_room(self):
        self.broken("arrows", "docs/design.md", TREE["docs/design.md"].replace("| cli |", "| gone | – | – |\n| cli |"),
                    "no room 'gone'", add=False)

    def test_row_to_cli(self):
        self.broken("arrows", "docs/design.md", TREE["docs/design.md"].replace("| kernel | – |", "| kernel | cli |"),
                    "nothing includes cli", add=False)

    def test_cycle(self):
        self.broken("arrows", "docs/design.md", TREE["docs/design.md"].replace("| kernel | – |", "| kernel | model |"),
                    "form a cycle: kernel > model > kernel", add=False)

    def test_no_table(self):
        self.write("docs/design.md", "# Design\n")
        self.assertIn("no table", "\n".join(self.run_check("arrows")))

    def test_library_room(self):
        self.broken("libraries", "src/model/clip.c", "#include <sqlite3.h>\n", "SQLite is not for room model")

    def test_library_file(self):
        self.broken("libraries", "src/base/more.c", SPDX + "#include <xxhash.h>\n", "only in hash.c")

    def test_library_intrinsics(self):
        self.broken("libraries", "src/kernel/k.c", SPDX + "#include <immintrin.h>\n", "only in x86/")

    def test_library_unknown(self):
        self.broken("libraries", "src/model/clip.c", "#include <gtk/gtk.h>\n", "of no library")

    def compile_library(self, code):
        self.write("lib.c", code)
        for command in (["cc", "-c", "-fPIC", "-fvisibility=hidden", "lib.c"], ["ar", "rc", "libgoldpan.a", "lib.o"],
                        ["cc", "-shared", "-o", "libgoldpan.so", "lib.o"]):
            subprocess.run(command, cwd=self.root, check=True)

    def test_symbols(self):
        self.compile_library("int gp_a; static int b; int gp_c(void) { return b; }\n")
        self.assertEqual(self.run_check("symbols"), [])
        self.compile_library("int gp_a; int helper;\n")
        self.assertEqual(self.run_check("symbols"), ["libgoldpan.a: global symbol 'helper'"])

    def test_exports(self):
        api = '#define GP_API __attribute__((visibility("default")))\n'
        self.compile_library(api + "GP_API int gp_one(void); int gp_one(void) { return 1; } int gp_hidden;\n")
        self.assertEqual(self.run_check("exports"), [])
        self.compile_library(api + "GP_API int gp_two(void); int gp_two(void) { return 1; }\n")
        self.assertEqual(self.run_check("exports"), ["include/goldpan.h: gp_one is not exported",
                                                     "libgoldpan.so: gp_two is exported, but not in goldpan.h"])

    def test_headers(self):
        self.assertEqual(self.run_check("headers"), [])
        self.write("src/kernel/bad.h", SPDX + "size_t gp_bad(void);\n")
        self.assertIn("size_t", "\n".join(self.run_check("headers")))

    def test_header_twice(self):
        self.assertEqual(self.run_check("headers"), [])
        self.write("src/kernel/bad.h", SPDX + "struct gp_bad { int a; };\n")
        self.assertIn("redefinition", "\n".join(self.run_check("headers")))

    def test_long_file(self):
        self.broken("sizes", "src/model/clip.c", "\n" * 800, "lines, more than 800")

    def test_same_name(self):
        self.broken("sizes", "src/model/hash.c", SPDX, "same file name")

    def test_banned(self):
        self.broken("banned", "src/cli/main.c", "void f(char *a) { strcpy(a, a); }\n", "strcpy()")

    def test_banned_print(self):
        self.broken("banned", "src/model/clip.c", "void f(void) { printf (\"\"); }\n", "line 6: printf()")

    def test_banned_exit(self):
        self.broken("banned", "src/base/hash.c", "void f(void) { exit(1); }\n", "exit()")

    def test_banned_malloc(self):
        self.broken("banned", "src/base/hash.c", "void f(void) { malloc(1); }\n", "malloc()")

    def test_banned_is_a_word(self):
        self.write("src/model/clip.c", "void f(void) { gp_printf(snprintf(a), x.exit(1), y->puts(2)); }\n", True)
        self.assertEqual(self.run_check("banned"), [])

    def test_memory_has_one_idiom(self):
        self.broken("memory", "src/base/hash.c",
                    'int f(void) { return gp_fail(err, GP_ERR_MEMORY,\n    "out of memory for a hash"); }\n', "gp_fail_memory")

    def test_memory_by_a_status(self):
        self.broken("memory", "src/model/clip.c",
                    'int f(void) { return gp_fail_path(err, st, "no memory for \'%s\'", path); }\n', "gp_fail_memory")

    def test_memory_elsewhere_is_fine(self):
        self.write("src/model/clip.c", 'int f(void) { return gp_fail_memory(err, "a view"), strcmp(x, "out of memory"); }\n', True)
        self.assertEqual(self.run_check("memory"), [])

    def test_clip_outside_model(self):
        self.broken("encoders", "src/cli/main.c", "void gp_clip_open(void);\n", "gp_clip_open outside model")

    def test_clip_in_stage(self):
        self.broken("encoders", "src/stage/score.c", SPDX + "/* 100 * CLIP */\n", "line 3: stage names", add=False)

    def test_clip_score_of_the_header(self):
        self.write("src/cli/main.c", "void gp_clip_score(void);\n", True)
        self.assertEqual(self.run_check("encoders"), [])

    def test_tab(self):
        self.broken("text", "src/model/clip.c", "\tint a;\n", "tab")

    def test_licence_line(self):
        self.broken("text", "tests/ui/page.mjs", "// SPDX-License-Identifier: MIT Tests the page.\n", "continues the line")

    def test_trailing_blank(self):
        self.broken("text", "src/model/clip.c", "int a; \n", "blank at the end")

    def test_no_newline(self):
        self.broken("text", "src/model/clip.c", "int a;", "newline")

    def test_not_ascii(self):
        self.broken("text", "src/model/clip.c", "/* \u00d7 */\n", "not ASCII")

    def test_ruler(self):
        self.broken("text", "src/model/clip.c", "/* ---- opening */\n", "section ruler")

    def test_no_licence(self):
        self.broken("text", "src/model/x.c", "int a;\n", "SPDX")

    def test_format(self):
        here = house.House(self.root, self.root)
        here.check_format()
        if here.skipped:
            print("skipped: %s" % here.skipped)
            self.skipTest(here.skipped)
        self.assertEqual(here.found, [])
        self.write("src/model/clip.c", "int   a;\n", True)
        self.assertEqual(len(self.run_check("format")), 1)

    def test_function(self):
        self.broken("functions", "src/base/hash.c", "int gp_long(void)\n{\n" + "\n" * 59 + "}\n", "a function of 61 lines")

    def test_module(self):
        self.broken("modules", "src/base/hash.c", "\n" * 8000, "src/base: 8005 lines")

    def test_type(self):
        self.write("src/kernel/kernel.h", "typedef struct gp_one {\n    int a;\n} gp_one;\n", True)
        self.broken("types", "src/model/clip.c", "typedef enum gp_one { GP_A } gp_one;\n", "gp_one is also defined in src/kernel/kernel.h")

    def test_pure_socket(self):
        self.broken("pure", "src/model/clip.c", "int s = socket(0, 0, 0);\n", "socket() in a pure module")

    def test_pure_file(self):
        # this module may open files, so the check must not report it
        self.write("src/model/clip.c", "int f = open(0, 0);\n", True)
        self.broken("pure", "src/kernel/k.c", "int f = open(0, 0);\n", "open() in a pure module")

    def test_subjects(self):
        faults = lambda subject: len(list(house.House.subject_faults(subject)))  # noqa: E731
        for good in ("Hub: split the download into plan, questions and transfer", "Fix a leak", "embed: add --json"):
            self.assertEqual(faults(good), 0, good)
        for bad in ("Fixed a leak", "Hub: adding a test", "Fix a leak; add a test", "Fix a leak.", "Fix " + "x" * 62):
            self.assertEqual(faults(bad), 1, bad)

    def test_commits(self):
        git = ["git", "-C", self.root, "-c", "user.name=a", "-c", "user.email=a@b"]
        commit = git + ["commit", "-q", "--allow-empty", "-m"]
        for command in (git + ["init", "-q"], commit + ["Start"]):
            subprocess.run(command, check=True)
        first = subprocess.run(git + ["rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        before, house.FIRST_CHECKED = house.FIRST_CHECKED, first
        self.addCleanup(setattr, house, "FIRST_CHECKED", before)
        subprocess.run(commit + ["Add a test"], check=True)
        self.assertEqual(self.run_check("commits"), [])
        subprocess.run(commit + ["Added a test"], check=True)
        self.assertIn("'added' is not imperative", self.run_check("commits")[0])

    def test_prose(self):
        self.write("docs/a.md", "| " + "x" * 200 + " |\n```\n" + "y" * 200 + "\n```\n")
        self.broken("prose", "docs/a.md", "z " * 51 + "\n", "102 columns, more than 100")

    def test_not_listed(self):
        self.broken("listed", "src/model/lost.c", SPDX, "in no meson.build")

    def test_no_corpus(self):
        self.broken("corpus", "fuzz/meson.build", "fuzz_targets += {'csv': files('csv.c')}\n", "csv has no corpus")

    def test_no_target(self):
        self.broken("corpus", "fuzz/corpus/gif/a", "x", "no such target")

    def test_machine_path(self):
        self.broken("paths", "README.md", "see /" + "work/x\n", "line 1: path of one machine")

    def test_golden(self):
        self.broken("golden", "tests/golden/a.bin", "x" * (8 << 20), "more than 8")

    def test_tracked(self):
        self.broken("golden", "docs/a.bin", "x" * (60 << 20), "more than 60")


if __name__ == "__main__":
    unittest.main()
