#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests goldpan watch.  Each test writes files as generators do and waits for the lines that goldpan prints.
watch_test.py GOLDPAN"""
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

from command import GOLDPAN, SAMPLE, environment, goldpan, read

HANGS = 120 * float(os.environ.get("GOLDPAN_SLOW", "1"))
SHAPES = sorted(os.path.join(SAMPLE, "shapes", name) for name in os.listdir(os.path.join(SAMPLE, "shapes")) if name.endswith(".png"))
PLANTS = sorted(os.path.join(SAMPLE, "plants", name) for name in os.listdir(os.path.join(SAMPLE, "plants")) if name.endswith(".png"))


def without_prompt(path):
    """Returns the bytes of a PNG without its text chunks."""
    data, out, at = read(path), [], 8
    out.append(data[:8])
    while at < len(data):
        size = int.from_bytes(data[at:at + 4], "big") + 12
        if data[at + 4:at + 8] not in (b"tEXt", b"iTXt", b"zTXt"):
            out.append(data[at:at + size])
        at += size
    return b"".join(out)


class Watch:
    """A running goldpan watch."""

    def __init__(self, *words):
        self.process = subprocess.Popen([GOLDPAN, "watch", "--json", *words], env=environment(), stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.lines, self.notes, self.said = queue.Queue(), queue.Queue(), []
        self.threads = [threading.Thread(target=self.copy, args=pair, daemon=True)
                        for pair in ((self.process.stdout, self.lines), (self.process.stderr, self.notes))]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def copy(stream, to):
        for line in stream:
            to.put(line)
        to.put(None)

    def note(self, text):
        """Waits for a line on standard error that contains the text."""
        while True:
            line = self.notes.get(timeout=HANGS)
            assert line is not None, (text, self.said)
            self.said.append(line)
            if text in line:
                return line

    def started(self):
        self.note("watching for new images")
        return self

    def next(self):
        line = self.lines.get(timeout=HANGS)
        assert line is not None, self.rest()
        return json.loads(line)

    def expect(self, *names):
        """Waits for the lines of these files, in any order, and returns them by name."""
        found = {}
        while len(found) < len(names):
            event = self.next()
            assert event["event"] == "score" and os.path.basename(event["path"]) in names, (event, names)
            found[os.path.basename(event["path"])] = event
        return found

    def rest(self):
        while (line := self.notes.get(timeout=HANGS)) is not None:
            self.said.append(line)
        return "".join(self.said)

    def end(self, number=signal.SIGTERM):
        """Ends the command by a signal.  Returns the summary."""
        self.process.send_signal(number)
        event = self.next()
        assert event["event"] == "end", event
        assert self.process.wait(HANGS) == 128 + number, (self.process.returncode, self.rest())
        return event

    def kill(self):
        self.process.kill()
        self.process.wait()
        for thread in self.threads:
            thread.join()
        self.process.stdout.close()
        self.process.stderr.close()


class WatchTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.pictures = os.path.join(self.folder, "pictures")
        os.mkdir(self.pictures)
        self.running = []

    def tearDown(self):
        for watch in self.running:
            watch.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def at(self, *names):
        return os.path.join(self.pictures, *names)

    def start(self, *words):
        self.running.append(Watch(self.pictures, *words))
        return self.running[-1].started()

    def put(self, name, data):
        with open(self.at(name), "wb") as file:
            file.write(data)

    def status(self):
        return json.loads(goldpan("status", self.pictures, "--json").stdout)

    def both(self, test):
        for words in (), ("--poll", "0.1"):
            with self.subTest(words=words):
                shutil.rmtree(self.pictures, ignore_errors=True)
                os.mkdir(self.pictures)
                test(*words)

    def test_files(self):
        def files(*words):
            shutil.copy(SHAPES[0], self.at("old.png"))
            watch = self.start(*words)
            first = watch.expect("old.png")["old.png"]
            self.assertTrue(first["best"] and first["rank"] == first["candidates"] == 1 and first["prompt"])
            shutil.copy(SHAPES[1], self.at("direct.png"))
            watch.expect("direct.png")
            shutil.copy(SHAPES[2], self.at("renamed.png.tmp"))
            os.rename(self.at("renamed.png.tmp"), self.at("renamed.png"))
            watch.expect("renamed.png")
            os.makedirs(self.at("a", "b"))
            shutil.copy(SHAPES[3], self.at("a", "b", "deep.png"))
            watch.expect("deep.png")
            # another picture under the same name, then the first picture again under a new name
            shutil.copy(PLANTS[0], self.at("direct.png"))
            watch.expect("direct.png")
            os.rename(self.at("old.png"), self.at("new-name.png"))
            shutil.copy(PLANTS[1], self.at("last.png"))
            watch.expect("last.png")
            summary = watch.end(signal.SIGINT)
            self.assertEqual((summary["scored"], summary["failed"]), (6, 0))
            counts = self.status()
            self.assertEqual((counts["failure_count"], counts["scores"]), (0, 6))
            again = goldpan("watch", self.pictures, "--until-idle", "0.3", "--json", code=0)
            self.assertEqual(json.loads(again.stdout)["scored"], 0)
        self.both(files)

    def test_unfinished(self):
        def unfinished(*words):
            whole = read(SHAPES[0])
            watch = self.start(*words)
            with open(self.at("slow.png"), "wb") as file:
                for i, part in enumerate((whole[:20], whole[20:len(whole) // 2], whole[len(whole) // 2:-200])):
                    file.write(part)
                    file.flush()
                    shutil.copy(SHAPES[1 + i], self.at("other.png"))
                    watch.expect("other.png")
                    os.unlink(self.at("other.png"))
                file.write(whole[-200:])
            watch.expect("slow.png")
            self.put("cut.png", whole[:-200])
            self.put("empty.png", b"")
            self.put("begun.png", whole[:2])
            shutil.copy(PLANTS[0], self.at("end.png"))
            watch.expect("end.png")
            shutil.copy(PLANTS[1], self.at("later.png"))  # a search that began later finds the three files too
            watch.expect("later.png")
            summary = watch.end()
            self.assertEqual((summary["failed"], summary["incomplete"]), (0, 3))
            self.assertIn("3 files are incomplete", watch.rest())
            self.assertEqual(self.status()["failure_count"], 0)
        self.both(unfinished)

    def test_sidecar(self):
        def sidecar(*words):
            watch = self.start(*words)
            self.put("late.png", without_prompt(SHAPES[0]))
            shutil.copy(PLANTS[0], self.at("other.png"))
            watch.expect("other.png")
            self.put("late.txt", b"a blue ring")
            self.assertEqual(watch.expect("late.png")["late.png"]["prompt"], "a blue ring")
            self.put("late.txt", b"a red square")
            self.assertEqual(watch.expect("late.png")["late.png"]["prompt"], "a red square")
            watch.end()
        self.both(sidecar)

    def test_table(self):
        table = os.path.join(self.folder, "prompts.csv")
        with open(table, "w") as file:
            file.write("file,prompt\na.png,a blue ring\n")
        watch = self.start("--prompts", table)
        self.put("a.png", without_prompt(SHAPES[0]))
        self.assertEqual(watch.expect("a.png")["a.png"]["prompt"], "a blue ring")
        self.put("b.png", without_prompt(SHAPES[1]))
        with open(table, "a") as file:
            file.write("b.png,a red square\n")
        self.assertEqual(watch.expect("b.png")["b.png"]["prompt"], "a red square")
        watch.end()

    def test_vanishing(self):
        def vanishing(*words):
            catalog = os.path.join(self.folder, "elsewhere.db")
            shutil.copy(SHAPES[0], self.at("a.png"))
            watch = self.start("--catalog", catalog, *words)
            watch.expect("a.png")
            os.rename(self.pictures, self.pictures + ".away")
            watch.note("is gone")
            os.rename(self.pictures + ".away", self.pictures)
            watch.note("is back")
            shutil.copy(SHAPES[1], self.at("b.png"))
            watch.expect("b.png")
            shutil.rmtree(self.pictures)
            watch.note("is gone")
            os.mkdir(self.pictures)
            shutil.copy(SHAPES[2], self.at("c.png"))
            watch.expect("c.png")
            watch.end()
            counts = json.loads(goldpan("status", "--catalog", catalog, "--json").stdout)
            self.assertEqual((counts["missing_paths"], counts["scores"]), (2, 3))
            os.unlink(catalog)
        self.both(vanishing)

    def test_options(self):
        for i in range(3):
            shutil.copy(SHAPES[i], self.at("%d.png" % i))
        watch = self.start("--new-only", "--best", "--pick", "--per-prompt", "2")
        for i in range(4, 8):
            shutil.copy(SHAPES[i], self.at("%d.png" % i))
        while True:
            event = watch.next()
            self.assertTrue(event["best"] and event["rank"] == 1)
            if watch.lines.empty() and self.status()["scores"] == 4:
                break
        summary = watch.end()
        self.assertEqual((summary["added"], summary["scored"]), (4, 4))
        self.assertEqual(summary["picked"], self.status()["picks"])
        self.assertGreater(summary["picked"], 0)
        line = goldpan("watch", self.pictures, "--until-idle", "0.3").stdout.splitlines()
        self.assertEqual(len(line), 3)
        for text in line:
            path, score, prompt, rank = text.split("\t")
            self.assertTrue(os.path.exists(path) and float(score) > 0 and prompt and " of " in rank, text)

    def test_overflow(self):
        """While the command is stopped, the queue of the system overflows: the folder is searched again."""
        with open("/proc/sys/fs/inotify/max_queued_events") as file:
            most = int(file.read())
        if most > 40000:
            self.skipTest("the queue of inotify is too long to fill it")
        watch = self.start()
        watch.process.send_signal(signal.SIGSTOP)
        self.put("0.md", b"")
        for i in range(1, most + 1):
            os.link(self.at("0.md"), self.at("%d.md" % i))
        shutil.copy(SHAPES[0], self.at("lost.png"))
        watch.process.send_signal(signal.SIGCONT)
        watch.expect("lost.png")
        shutil.copy(SHAPES[1], self.at("next.png"))
        watch.expect("next.png")
        watch.end()

    def test_two(self):
        first = self.start()
        second = goldpan("watch", self.pictures, "--until-idle", "1", code=1)
        self.assertIn("process %d" % first.process.pid, second.stderr)
        first.kill()
        goldpan("watch", self.pictures, "--until-idle", "0.3")  # a killed process holds no lock
        self.assertEqual([n for n in os.listdir(self.at(".goldpan")) if n.endswith("-watch")], [])

    def test_killed(self):
        watch = self.start("--batch", "1")
        for i, path in enumerate(SHAPES):
            shutil.copy(path, self.at("%02d.png" % i))
        watch.next()
        watch.kill()
        goldpan("check", self.pictures)
        goldpan("watch", self.pictures, "--until-idle", "0.3")
        self.assertEqual(self.status()["scores"], len(SHAPES))

    def test_wrong(self):
        self.assertIn("only folders", goldpan("watch", SHAPES[0], code=2).stderr)
        self.assertIn("cannot find", goldpan("watch", self.at("none"), code=1).stderr)
        goldpan("watch", code=2)
        goldpan("watch", self.pictures, "--poll", "0", code=2)
        self.put("text.png", b"no picture, but a text of some length")
        out = goldpan("watch", self.pictures, "--until-idle", "0.3", "--json", code=3)
        self.assertEqual(json.loads(out.stdout)["failed"], 1)
        self.assertIn("text.png", out.stderr)
        self.assertFalse(os.path.exists(self.at(".goldpan", "catalog.db-watch")))


if __name__ == "__main__":
    unittest.main()
