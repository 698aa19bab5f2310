#!/usr/bin/env python3
"""Programs that use every struct, default and initialiser of goldpan.h, made from the header itself, so that a new struct
cannot be forgotten.  They compile as C11, C17 and C++11 and run: sized structs have no padding at their end, the
functions give the defaults of the macros, and callers with shorter or longer structs are safe.
header_use.py SOURCE BUILD"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

source, build = map(os.path.abspath, sys.argv[1:])
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(source, "tools"))
from header import Header  # noqa: E402

header = Header(source)
defaults = {m.group(1): name for name, value in header.macros.items() if name.endswith("_DEFAULTS")
            for m in [re.match(r"\{sizeof\((\w+)\)", value)] if m}
sized = [s for s in header.structs if s.fields and s.fields[0][1] == "size" and s.fields[0][0] == "size_t"]
inits = {f.name[:-len("_init")] for f in header.functions if f.name.endswith("_init")}
assert len(sized) > 30 and len(defaults) > 20, "the header was not understood"
assert inits == set(defaults), "options without macro or function: %s" % sorted(inits ^ set(defaults))
for s in sized:
    assert s.name in defaults or not s.name.endswith("_options"), s.name + " has no defaults"

lines = ["#include <goldpan.h>", "#include <stdio.h>", "#include <string.h>", "static int bad;",
         "#define CHECK(what) do { if (!(what)) { bad++; printf(\"%s\\n\", #what); } } while (0)",
         "#ifdef __cplusplus", "#define SAME(what) static_assert(what, #what)", "#else",
         "#define SAME(what) _Static_assert(what, #what)", "#endif",
         "static int is(const unsigned char *bytes, size_t from, size_t to, int value)", "{",
         "    for (size_t i = from; i < to; i++) if (bytes[i] != value) return 0;", "    return 1;", "}"]
for s in sized:
    last = s.fields[-1][1]
    lines += ["SAME(offsetof(%s, %s) + sizeof(((%s *)0)->%s) == sizeof(%s));" % (s.name, last, s.name, last, s.name)]
for number, s in enumerate(sized):
    lines += ["static void test_%d(void)" % number, "{"]
    if s.name in defaults:
        lines += ["    static const %s usual = %s;" % (s.name, defaults[s.name]),
                  "    unsigned char bytes[sizeof(%s) + 16];" % s.name, "    size_t older = sizeof usual - 8, newer = sizeof usual + 8;",
                  "    %s *given = (%s *)(void *)bytes;" % (s.name, s.name),
                  "    memset(bytes, 0xA5, sizeof bytes), %s_init(given, sizeof usual);" % s.name,
                  "    CHECK(memcmp(bytes, &usual, sizeof usual) == 0 && is(bytes, sizeof usual, sizeof bytes, 0xA5));",
                  "    memset(bytes, 0xA5, sizeof bytes), %s_init(given, older);" % s.name,
                  "    CHECK(memcmp(bytes, &older, 8) == 0 && memcmp(bytes + 8, (const char *)&usual + 8, older - 8) == 0);",
                  "    CHECK(is(bytes, older, sizeof bytes, 0xA5));",
                  "    memset(bytes, 0xA5, sizeof bytes), %s_init(given, newer);" % s.name,
                  "    CHECK(is(bytes, sizeof usual, newer, 0) && is(bytes, newer, sizeof bytes, 0xA5));"]
    else:
        lines += ["    %s sized = GP_INIT(%s);" % (s.name, s.name), "    CHECK(sized.size == sizeof sized);"]
    lines += ["}"]
lines += ["static void test_callers(void)", "{",
          "    struct { gp_machine known; unsigned char more[16]; } m;", "    gp_error err;",
          "    memset(&m, 0xA5, sizeof m), m.known.size = sizeof m.known - 4;",
          "    CHECK(gp_machine_describe(&m.known, &err) == GP_OK && m.known.isa[0]);",
          "    CHECK(is((unsigned char *)&m, sizeof m.known - 4, sizeof m, 0xA5)); /* an older caller's guard */",
          "    m.known.size = sizeof m.known + 8;", "    CHECK(gp_machine_describe(&m.known, &err) == GP_OK && m.known.threads > 0);",
          "    CHECK(is(m.more, 0, 8, 0) && is(m.more, 8, 16, 0xA5));",
          "    m.known.size = 0;", "    CHECK(gp_machine_describe(&m.known, &err) == GP_ERR_USAGE);",
          "    CHECK(strstr(err.message, \"gp_machine.size is not set\") != NULL);",
          "    struct { gp_model_options known; size_t later; } o;", "    gp_model *model = NULL;",
          "    gp_model_options_init(&o.known, sizeof o), o.later = 1;",
          "    CHECK(gp_model_open(\"/nowhere\", &o.known, &model, &err) == GP_ERR_UNSUPPORTED);",
          "    CHECK(strstr(err.message, \"gp_model_options\") != NULL);", "    o.later = 0;",
          "    CHECK(gp_model_open(\"/nowhere\", &o.known, &model, &err) == GP_ERR_NOT_FOUND);",
          "    CHECK(gp_version_num() == GP_VERSION_NUM && strcmp(gp_version(), GP_VERSION) == 0);", "}",
          "int main(void)", "{"] + ["    test_%d();" % n for n in range(len(sized))] + ["    test_callers();", "    return bad != 0;", "}"]

with tempfile.TemporaryDirectory() as folder:
    with open(os.path.join(folder, "use.c"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    ran = 0
    for compiler, language, standard in (("cc", "c", "c11"), ("cc", "c", "c17"), ("g++", "c++", "c++11")):
        if not shutil.which(compiler):
            continue
        subprocess.run([compiler, "-x", language, "-std=" + standard, "-pedantic-errors", "-Wall", "-Wextra", "-Werror",
                        "-I" + os.path.join(source, "include"), "use.c", "-o", "use", "-L" + build,
                        "-lgoldpan", "-Wl,-rpath," + build], cwd=folder, check=True)
        subprocess.run(["./use"], cwd=folder, check=True, timeout=60)
        ran += 1
    print("%d sized structs, %d compilations" % (len(sized), ran))
    assert ran
