#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs tools/deps.sh on simulated systems: which package names it selects, which it leaves out, and when it asks for
nothing."""
import os
import pty
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOLS = "sh awk cat cut dirname env find grep head id ls mktemp rm sed sha256sum sort tail tr xargs echo".split()
STUBS = {
    # the simulated apt reads two files: `known` lists all packages that exist, and `installed` lists the installed ones
    "dpkg-query": 'for name; do :; done; grep -qx "$name" "$SYSTEM/installed" && echo "install ok installed"',
    "apt-cache": 'case $1 in policy) grep -qx "$2" "$SYSTEM/known" && echo "  Candidate: 1" || echo "  Candidate: (none)" ;;\n'
                 'depends) echo "  Depends: clang-$(cat "$SYSTEM/clang")" ;; esac',
    "apt-get": 'shift; echo "$*" >>"$SYSTEM/done"; [ "$1" != update ] || [ ! -f "$SYSTEM/later" ] || cat "$SYSTEM/later" >>"$SYSTEM/known"',
    "sudo": ': >"$SYSTEM/sudo"; exec "$@"',
    "id": 'echo "${WHO:-0}"',
}


def required(purpose):
    """Returns the names of each line for the purposes of deps.sh."""
    with open(os.path.join(ROOT, "tools", "packages.txt"), encoding="utf-8") as file:
        lines = [line.split() for line in file if line.strip() and not line.startswith("#")]
    return [[w for w in words[1:] if w != "|" and not w.startswith("command:") and w != "optional"]
            for words in lines if words[0] in ("build", "page", purpose)]


class Packages(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        os.makedirs(self.at("bin"))
        for tool in TOOLS:
            os.symlink(shutil.which(tool), self.at("bin", tool))
        for name, text in STUBS.items():
            if os.path.lexists(self.at("bin", name)):
                os.unlink(self.at("bin", name))
            self.write("bin/" + name, "#!/bin/sh\n%s\n" % text)
            os.chmod(self.at("bin", name), 0o755)
        os.makedirs(self.at("tools"))
        for name in ("deps.sh", "packages.txt"):
            shutil.copy(os.path.join(ROOT, "tools", name), self.at("tools", name))
        self.write("tools/page.sh", "#!/bin/sh\nexit 1\n")  # the page is not built
        os.chmod(self.at("tools/page.sh"), 0o755)
        self.write("clang", "14")
        self.write("installed", "")

    def at(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, text):
        with open(self.at(name), "w", encoding="utf-8") as file:
            file.write(text)

    def known(self, *names):
        self.write("known", "".join(n + "\n" for n in names))

    def all_but(self, purpose, *names):
        return [n.replace("CLANG", "14") for line in required(purpose) for n in line if n not in names]

    def run_deps(self, purpose, code=0, **env):
        run = subprocess.run(["sh", self.at("tools/deps.sh"), purpose], env={"PATH": self.at("bin"), "SYSTEM": self.folder, "TMPDIR": self.folder, **env},
                             stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(run.returncode, code, run.stderr)
        try:
            with open(self.at("done"), encoding="utf-8") as file:
                did = file.read().splitlines()
        except FileNotFoundError:
            did = []
        installs = [line.split()[3:] for line in did if line.startswith("install")]
        return (installs[0] if installs else []), run.stderr

    def test_first_names_where_all_are_known(self):
        self.known(*self.all_but("test"))
        took, said = self.run_deps("test")
        self.assertEqual(took, list(dict.fromkeys(line[0].replace("CLANG", "14") for line in required("test"))))
        self.assertIn("about to install", said)

    def test_another_release(self):
        self.write("clang", "19")
        self.known("libclang-rt-19-dev", *self.all_but("test", "libjpeg-dev", "libclang-rt-CLANG-dev", "chromium", "clang-format-14"))
        took, said = self.run_deps("test")
        self.assertIn("libjpeg62-turbo-dev", took)
        self.assertIn("libclang-rt-19-dev", took)
        self.assertRegex(said, "left out, since no package source here has them: clang-format-14 chromium\n")

    def test_an_old_clang_has_its_runtime_elsewhere(self):
        self.known(*self.all_but("fuzz", "libclang-rt-CLANG-dev", "libclang-rt-dev"))
        self.assertIn("libclang-common-14-dev", self.run_deps("fuzz")[0])

    def test_another_name_is_installed_already(self):
        self.known(*self.all_but("build"))
        self.write("installed", "libjpeg-turbo8-dev\ngcc\n")
        took, _ = self.run_deps("build")
        self.assertFalse({"libjpeg-dev", "gcc"} & set(took))
        self.assertIn("libpng-dev", took)

    def test_no_node_where_the_page_is_built(self):
        self.known(*self.all_but("build"))
        self.write("tools/page.sh", "#!/bin/sh\nexit 0\n")
        self.assertFalse({"nodejs", "npm"} & set(self.run_deps("build")[0]))

    def test_nothing_is_missing(self):
        self.known()
        self.write("installed", "".join(n + "\n" for n in self.all_but("build")))
        self.assertEqual(self.run_deps("build"), ([], ""))

    def test_lists_are_read_where_nothing_is_known(self):
        self.known()
        self.write("later", "".join(n + "\n" for n in self.all_but("build")))
        self.assertIn("meson", self.run_deps("build")[0])

    def test_what_nobody_has_is_said(self):
        self.known(*self.all_but("build", "libdnnl-dev"))
        took, said = self.run_deps("build", 1)
        self.assertEqual(took, [])
        self.assertIn("no package source here has: libdnnl-dev\n", said)

    def on_a_terminal(self, answer, **env):
        """Runs deps.sh as a user without root rights, on a terminal that types `answer`."""
        self.known(*self.all_but("build"))
        ours, theirs = pty.openpty()
        os.write(ours, answer)
        run = subprocess.run(["sh", self.at("tools/deps.sh"), "build"], stdin=theirs, stdout=theirs, stderr=theirs,
                             timeout=60,
                             env={"PATH": self.at("bin"), "SYSTEM": self.folder, "TMPDIR": self.folder, "WHO": "1000", **env})
        said = os.read(ours, 65536).decode().replace("\r\n", "\n")
        os.close(theirs)
        os.close(ours)
        return run.returncode, said, os.path.exists(self.at("done")), os.path.exists(self.at("sudo"))

    def test_asks_before_sudo(self):
        code, said, installed, sudo = self.on_a_terminal(b"n\n")
        self.assertEqual((code, installed, sudo), (1, False, False))
        packages = re.search("goldpan: (?:reading the package lists, to install|about to install) (gcc .*)\n", said).group(1)
        self.assertLess(said.index(packages), said.index("[Y/n]"))
        self.assertIn("goldpan: nothing was installed\n", said)
        self.assertIn("run:  sudo apt-get install --no-install-recommends %s\n" % packages, said)
        code, said, installed, sudo = self.on_a_terminal(b"\n")
        self.assertEqual((code, installed, sudo, said.count("[Y/n]")), (0, True, True, 1))

    def test_yes_does_not_ask(self):
        code, said, installed, sudo = self.on_a_terminal(b"\x04", YES="1")
        self.assertEqual((code, installed, sudo), (0, True, True))
        self.assertNotIn("[Y/n]", said)
        self.assertIn("about to install gcc", said)

    def test_root_is_told_but_not_asked(self):
        code, said, installed, sudo = self.on_a_terminal(b"\x04", WHO="0")
        self.assertEqual((code, installed, sudo), (0, True, False))
        self.assertNotIn("[Y/n]", said)
        self.assertIn("about to install gcc", said)

    def test_nobody_is_asked_without_a_terminal(self):
        self.known(*self.all_but("build"))
        took, said = self.run_deps("build", WHO="1000")
        self.assertIn("meson", took)
        self.assertNotIn("[Y/n]", said)
        self.assertTrue(os.path.exists(self.at("sudo")))

    def test_without_sudo_the_command_is_shown(self):
        self.known(*self.all_but("build"))
        os.unlink(self.at("bin/sudo"))
        took, said = self.run_deps("build", 1, WHO="1000")
        self.assertEqual(took, [])
        self.assertRegex(said, "run:  apt-get install --no-install-recommends gcc .* meson ")


if __name__ == "__main__":
    unittest.main()
