#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The installation is complete: install_test.py BUILD PREFIX LIBDIR

Installs into an empty folder.  The command must run there, and a program must find the library by pkg-config alone."""
import os
import subprocess
import sys
import tempfile

build, prefix, libdir = sys.argv[1:]
PROGRAM = '#include <goldpan.h>\n#include <stdio.h>\nint main(void) { return puts(gp_version()) < 0; }\n'


def said(*words, **more):
    run = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    assert run.returncode == 0, (words, run.returncode, run.stdout)
    return run.stdout.strip()


with tempfile.TemporaryDirectory() as folder:
    said("meson", "install", "-C", build, "--no-rebuild", "--destdir", folder)
    top = folder + prefix
    lib = os.path.join(top, libdir)
    assert os.path.isfile(os.path.join(lib, "libgoldpan.so.0")), os.listdir(lib)
    assert os.path.isfile(os.path.join(top, "share/goldpan/models/drawn-world-mini/config.json"))
    for name in ("man/man1/goldpan.1", "man/man1/goldpan-model-get.1", "bash-completion/completions/goldpan",
                 "zsh/site-functions/_goldpan", "fish/vendor_completions.d/goldpan.fish"):
        assert os.path.getsize(os.path.join(top, "share", name)) > 100, name
    version = said(os.path.join(top, "bin", "goldpan"), "--version")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PKG_CONFIG", "LD_LIBRARY"))}
    env["PKG_CONFIG_PATH"] = os.path.join(lib, "pkgconfig")
    flags = said("pkg-config", "--define-prefix", "--cflags", "--libs", "goldpan", env=env).split()
    with open(os.path.join(folder, "try.c"), "w", encoding="utf-8") as file:
        file.write(PROGRAM)
    program = os.path.join(folder, "try")
    said("cc", program + ".c", "-o", program, *flags)
    env["LD_LIBRARY_PATH"] = lib
    assert said(program, env=env) in version, version
    print(version, flags)
