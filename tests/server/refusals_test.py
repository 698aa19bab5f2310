# SPDX-License-Identifier: MIT
"""Requests that the server rejects: pages of other sites, other users, malformed addresses, requests that are too
large or too slow.  No such request stops the server."""
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
import unittest

import served
from served import Events, Server, receive


class Refusals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(served.pictures)
        cls.hash = cls.server.column("hash")[0]

    @classmethod
    def tearDownClass(cls):
        with cls.server:
            pass

    def tearDown(self):
        self.assertEqual(self.server.get("data/catalog.json").status, 200)  # it goes on

    def refused(self, answer, status):
        self.assertEqual(answer.status, status, answer.body)
        text = answer.json()["error"]
        self.assertTrue(text and "\n" not in text)
        self.assertEqual(answer.headers["cache-control"], "no-store")
        self.assertNotIn(self.server.token, text)
        return text

    def test_it_listens_on_loopback_alone(self):
        here = "0100007F:%04X" % self.server.port
        with open("/proc/net/tcp", encoding="ascii") as file:
            listening = [row.split()[1] for row in file.readlines()[1:] if row.split()[3] == "0A"]
        self.assertIn(here, listening)
        self.assertNotIn("00000000:%04X" % self.server.port, listening)

    def test_the_host_must_be_its_own(self):
        port = self.server.port
        path = self.server.path("data/catalog.json")
        for host in ("127.0.0.1:%d" % port, "localhost:%d" % port, "LOCALHOST:%d" % port, "[::1]:%d" % port):
            self.assertEqual(self.server.ask("GET", path, headers={"Host": host}).status, 200, host)
        for host in ("evil.example", "evil.example:%d" % port, "127.0.0.1", "127.0.0.1:%d" % (port - 1), "127.0.0.1:%d.evil.example" % port,
                     "127.0.0.1.evil.example:%d" % port, "user@127.0.0.1:%d" % port, "", "0.0.0.0:%d" % port, "127.1:%d" % port):
            self.refused(self.server.ask("GET", path, headers={"Host": host}), 403)
        for head in ("", "Host: 127.0.0.1:%d\r\nHost: evil.example\r\n" % port):
            self.assertRegex(self.server.raw(("GET %s HTTP/1.1\r\n%sConnection: close\r\n\r\n" % (path, head)).encode())[:12], rb"HTTP/1.1 40[03]")

    def test_a_person_gets_a_page_in_place_of_json(self):
        html = "text/html,application/xhtml+xml,*/*;q=0.8"
        for path in ("/", "/%s/" % ("0" * 32), self.server.path("nothing<b>")):
            answer = self.server.ask("GET", path, headers={"Accept": html})
            self.assertIn(answer.status, (403, 404))
            self.assertEqual(answer.headers["content-type"], "text/html; charset=utf-8")
            self.assertIn(b"<h1>goldpan cannot show this address</h1>", answer.body)
            self.assertNotIn(b"{", answer.body)
            self.assertNotIn(self.server.token.encode(), answer.body)

    def test_the_origin_must_be_its_own(self):
        own = "http://127.0.0.1:%d" % self.server.port
        self.assertEqual(self.server.get("data/catalog.json", Origin=own).status, 200)
        for origin in ("null", "http://evil.example", "https://127.0.0.1:%d" % self.server.port, "http://127.0.0.1", own + "0", own + ".evil.example", own + "/", "file://"):
            self.refused(self.server.get("data/catalog.json", Origin=origin), 403)
            self.refused(self.server.ask("POST", self.server.path("api/rate"), b"{}", {"X-Goldpan": "1", "Origin": origin}), 403)

    def test_other_sites_pages_get_nothing(self):
        for site in ("cross-site", "same-site", "anything"):
            self.refused(self.server.get("image/%s.png" % self.hash, Sec_Fetch_Site=site), 403)
        for site in ("same-origin", "none"):
            self.assertEqual(self.server.get("image/%s.png" % self.hash, Sec_Fetch_Site=site).status, 200)
        answer = self.server.ask("OPTIONS", self.server.path("api/rate"), headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"})
        self.assertNotIn("access-control-allow-origin", answer.headers)
        self.assertGreaterEqual(answer.status, 400)

    def test_without_the_token_nothing_is_told(self):
        token = self.server.token
        wrong = ("%x" % ((int(token[0], 16) + 1) % 16)) + token[1:]
        for path in ("/", "/data/catalog.json", "/%s/data/catalog.json" % wrong, "/%s/data/catalog.json" % token[:-1], "/%s0/data/catalog.json" % token,
                     "/%s/data/catalog.json" % token.upper() if token != token.upper() else "/", "//%s/data/catalog.json" % token, "/?token=" + token,
                     "/favicon.ico", "/%2e/" + token + "/data/catalog.json"):
            self.refused(self.server.ask("GET", path), 403)
        answer = self.server.ask("GET", "/" + token)
        self.assertEqual((answer.status, answer.headers["location"]), (308, "/%s/" % token))

    def test_no_other_way_leads_to_a_file(self):
        with open("/etc/passwd", "rb") as file:
            secret = file.readline()
        for address in ("../../../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "image/../../../etc/passwd", "image//etc/passwd", "assets/..%2f..%2fetc%2fpasswd",
                        "..\\..\\etc\\passwd", "image/%s.png/../../x" % self.hash, "image/%s.png%%00.jpg" % self.hash, "image/%s" % self.hash, "image/%s.PNG" % self.hash,
                        "image/%s.png" % self.hash.upper() if self.hash != self.hash.upper() else "image/x.png", "thumb/1024/%s.jpg" % self.hash, "thumb/0256/%s.jpg" % self.hash,
                        "data/col/00.bin", "data/col/-1.bin", "data/col/99999999999999999999.bin", "data/col/1e1.bin", ".goldpan/catalog.db", "data/catalog.json?r=x",
                        "data/catalog.json?x=1", "./data/catalog.json", "data//catalog.json", "data/./catalog.json", "Data/catalog.json", "http://127.0.0.1/etc/passwd"):
            answer = self.server.ask("GET", "/%s/%s" % (self.server.token, address))
            self.refused(answer, 404)
            self.assertNotIn(secret, answer.body)
        got = self.server.raw(b"GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % self.server.port)
        self.assertRegex(got[:12], rb"HTTP/1.1 40[0-9]")

    def test_methods(self):
        for method, address, allow in (("POST", "data/catalog.json", "GET, HEAD"), ("PUT", "api/rate", "POST"), ("DELETE", "api/saved", "GET, HEAD, POST"),
                                       ("GET", "api/rate", "POST"), ("TRACE", "", "GET, HEAD"), ("PATCH", "image/%s.png" % self.hash, "GET, HEAD")):
            answer = self.server.ask(method, self.server.path(address), headers=served.MARK)
            self.refused(answer, 405)
            self.assertEqual(answer.headers["allow"], allow)

    def test_a_form_of_another_page_cannot_post(self):
        body = b'{"changes": []}'
        for headers in ({}, {"Content-Type": "application/x-www-form-urlencoded"}, {"X-Goldpan": "0"}, {"X-Goldpan": ""}):
            self.refused(self.server.ask("POST", self.server.path("api/rate"), body, headers), 403)

    def head(self, address, *lines):
        return ("POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX-Goldpan: 1\r\n%s\r\n" %
                (self.server.path(address), self.server.port, "".join(line + "\r\n" for line in lines))).encode()

    def status(self, answer):
        return int(answer.split(b" ", 2)[1])

    def test_bodies_that_are_too_large_are_refused_before_they_come(self):
        for address, most in (("api/rate", 8 << 20), ("api/search", 64 << 10), ("api/upload", 64 << 20), ("api/saved", 1 << 20), ("api/export", 8 << 20)):
            begin = time.time()
            got = self.server.raw(self.head(address, "Content-Length: %d" % (most + 1), "Connection: close"))
            self.assertEqual(self.status(got), 413, address)
            self.assertLess(time.time() - begin, served.PATIENCE / 2)
        for length in ("18446744073709551616", "-1", "1e3", "+5", "0x10", "5, 5", ""):
            got = self.server.raw(self.head("api/rate", "Content-Length: " + length, "Connection: close") + b"{}   ")
            self.assertIn(self.status(got), (400, 413), length)

    def test_a_refusal_reaches_who_is_still_sending(self):
        """The client sends the whole body before it reads the response, as browsers do."""
        for address, size in (("api/search", (64 << 10) + 1), ("api/saved", (1 << 20) + 1), ("api/rate", (8 << 20) + 1), ("api/upload", (64 << 20) + 1),
                              ("api/search", 20 << 20)):
            self.assertIn("too large", self.refused(self.server.post(address, b" " * size), 413))
        self.refused(self.server.ask("POST", self.server.path("api/upload"), b" " * (20 << 20)), 403)  # the mark is missing
        self.refused(self.server.post("api//nothing", b" " * (20 << 20)), 404)
        self.refused(self.server.ask("POST", "/data/catalog.json", b" " * 50000, served.MARK), 403)  # without the key
        answer = self.server.ask("POST", self.server.path("data/catalog.json"), b" " * (4 << 20), served.MARK)
        self.refused(answer, 405)
        self.assertEqual((answer.headers["allow"], answer.headers["x-content-type-options"]), ("GET, HEAD", "nosniff"))

    def test_bodies_without_a_length(self):
        self.assertEqual(self.status(self.server.raw(self.head("api/rate", "Connection: close"))), 400)
        chunked = self.head("api/rate", "Transfer-Encoding: chunked", "Connection: close") + b"2\r\n{}\r\n0\r\n\r\n"
        self.assertEqual(self.status(self.server.raw(chunked)), 400)
        both = self.head("api/rate", "Transfer-Encoding: chunked", "Content-Length: 2", "Connection: close") + b"2\r\n{}\r\n0\r\n\r\n"
        self.assertEqual(self.status(self.server.raw(both)), 400)
        self.assertEqual(self.status(self.server.raw(self.head("api/rate", "Content-Length: 0", "Connection: close"))), 400)
        with_body = b"GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 4\r\nConnection: close\r\n\r\nabcd" % (self.server.path("data/catalog.json").encode(), self.server.port)
        self.assertEqual(self.status(self.server.raw(with_body)), 400)

    def test_heads_that_are_too_large(self):
        path = self.server.path("x" * 2000)
        self.assertEqual(self.server.ask("GET", path).status, 414)
        many = b"GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % (self.server.path("").encode(), self.server.port) + b"A: b\r\n" * 20000 + b"\r\n"
        try:
            got = self.server.raw(many)
        except (ConnectionResetError, BrokenPipeError):
            got = b""
        self.assertTrue(not got or self.status(got) in (400, 413, 431), got[:100])

    def test_what_is_not_http(self):
        for junk in (b"\0" * 100, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 200, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 1000, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            try:
                got = self.server.raw(junk, 3)
            except (ConnectionResetError, BrokenPipeError):
                got = b""
            self.assertNotIn(b" 200 ", got[:16])

    def test_two_requests_in_one_piece_are_two(self):
        one = b"GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s\r\n"
        path = self.server.path("data/slices.bin").encode()
        got = self.server.raw(one % (path, self.server.port, b"") + one % (path, self.server.port, b"Connection: close\r\n"))
        self.assertEqual(got.count(b"HTTP/1.1 200 OK"), 2)
        # the body looks like a request, but only Content-Length determines where it ends
        body = b'{"more": []}'
        got = self.server.raw(self.head("api/search", "Content-Length: %d" % len(body)) + body + one % (path, self.server.port, b"Connection: close\r\n"))
        self.assertEqual((self.status(got), got.count(b"HTTP/1.1 ")), (400, 2))


class Slow(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(served.pictures, GOLDPAN_SERVE_LIMITS="request_seconds=1,body_seconds=1,connections=8")

    @classmethod
    def tearDownClass(cls):
        with cls.server:
            pass

    def drip(self, begin, byte):
        """Sends single bytes with pauses. Returns the response and the time until it came."""
        started = time.time()
        with socket.create_connection(("127.0.0.1", self.server.port)) as line:
            line.sendall(begin)
            line.settimeout(0.2)
            while time.time() - started < served.PATIENCE:
                try:
                    return receive_first(line), time.time() - started
                except TimeoutError:
                    pass
                try:
                    line.sendall(byte)
                except (BrokenPipeError, ConnectionResetError):
                    return b"", time.time() - started
        raise AssertionError("a slow client was never let go")

    def test_heads(self):
        got, seconds = self.drip(b"GET / HTTP/1.1\r\nHost: x\r\nA: ", b"a")
        self.assertTrue(got.startswith(b"HTTP/1.1 408 ") or not got, got)
        self.assertGreater(seconds, 0.8)

    def test_bodies(self):
        head = "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX-Goldpan: 1\r\nContent-Length: 5000\r\n\r\n" % (self.server.path("api/rate"), self.server.port)
        got, seconds = self.drip(head.encode(), b" ")
        self.assertTrue(got.startswith(b"HTTP/1.1 408 ") or not got, got)
        self.assertGreater(seconds, 0.8)

    def test_many_of_them_do_not_keep_others_out_for_long(self):
        lines = [socket.create_connection(("127.0.0.1", self.server.port)) for _ in range(8)]
        for line in lines:
            line.sendall(b"GET /")

        def answers():
            try:
                return self.server.get("data/slices.bin").status == 200
            except OSError:
                return False
        served.until(answers, "slow clients keep others out")
        for line in lines:
            line.close()


def receive_first(line):
    got = line.recv(65536)
    return got + (receive(line) if got else b"")


class Strangers(unittest.TestCase):
    """Tests clients that do not have the token."""

    def test_many_of_them_do_not_keep_out_who_has_the_key(self):
        # the time limits are long, so only the limit on connections can close a connection
        with Server(served.pictures, GOLDPAN_SERVE_LIMITS="request_seconds=3600,body_seconds=3600,idle_seconds=3600") as server:
            known = server.connect()
            known.request("GET", server.path("data/slices.bin"))
            known.getresponse().read()
            lines = []
            for i in range(500):
                line = socket.create_connection(("127.0.0.1", server.port))
                line.sendall((b"GET /", b"POST / HTTP/1.1\r\nContent-Length: 100000\r\n", b"", b"\x16\x03\x01")[i % 4])
                lines.append(line)
                if i % 100 == 50:
                    self.assertEqual(server.get("data/slices.bin").status, 200)
            self.assertEqual(server.get("data/catalog.json").status, 200)
            # the server did not close the connection of the client with the token
            known.request("GET", server.path("data/slices.bin"))
            self.assertEqual(known.getresponse().status, 200)
            known.close()
            served.until(lambda: sum(map(hung_up, lines)) >= 500 - 64, "the oldest strangers stay")
            self.assertFalse(hung_up(lines[-1]), "the newest was ended, not the oldest")
            for line in lines:
                line.close()


def hung_up(line):
    try:
        line.setblocking(False)
        while line.recv(4096):
            pass
        return True
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


class Ends(unittest.TestCase):
    def test_a_taken_port_is_one_line_and_exit_1(self):
        with Server(served.pictures) as server:
            done = subprocess.run([served.goldpan, "explore", served.pictures, "--no-open", "--port", str(server.port)], env=served.environment(),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn(str(server.port), done.stderr)
            self.assertEqual(len(done.stderr.strip().splitlines()), 1)

    def test_ctrl_c_ends_it_well_whatever_is_under_way(self):
        for how in (signal.SIGINT, signal.SIGTERM):
            with Server(served.pictures) as server:
                page = Events(server)
                idle = server.connect()
                idle.connect()
                half = socket.create_connection(("127.0.0.1", server.port))
                half.sendall(b"GET /" + server.token.encode())
                begin = time.time()
                self.assertEqual(server.stop(how), 0 if how == signal.SIGINT else server.process.returncode)
                self.assertLess(time.time() - begin, served.PATIENCE / 2)
                self.assertNotIn("ERROR", server.said)
                for line in (page.line, idle, half):
                    line.close()

    def test_it_ends_well_while_many_ask(self):
        def ask(server, address, stop):
            while not stop.is_set():
                try:
                    server.post(*address) if isinstance(address, tuple) else server.get(address)
                except (OSError, http.client.HTTPException):
                    pass

        for i in range(10):
            stop = threading.Event()
            with Server(served.pictures, XDG_CACHE_HOME=os.path.join(served.folder, "ends-%d" % i)) as server:
                thumbs = ["thumb/%d/%s.jpg" % (side, h) for h in server.column("hash")[:3] for side in (256, 512)]
                clients = [threading.Thread(target=ask, args=(server, address, stop), daemon=True)
                           for address in thumbs + [("api/search", {"text": "a red car"}), "data/detail/0.json"]]
                for client in clients:
                    client.start()
                time.sleep(0.02 * i)
                self.assertEqual(server.stop(), 0, server.said)
                stop.set()
                for client in clients:
                    client.join(served.PATIENCE)

    def test_a_catalog_that_is_none(self):
        with_none = os.path.join(served.folder, "no catalog here")
        os.mkdir(with_none)
        done = subprocess.run([served.goldpan, "explore", with_none, "--no-open"], env=served.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual((done.stdout, len(done.stderr.strip().splitlines())), ("", 1))

    def test_the_usual_port_is_no_generators(self):
        child = subprocess.Popen([served.goldpan, "explore", served.pictures, "--no-open", "--json"], env=served.environment(),
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        port = int(json.loads(child.stdout.readline())["url"].split(":")[2].split("/")[0])
        child.send_signal(signal.SIGINT)
        child.communicate()
        # ports of AUTOMATIC1111 and gradio, ComfyUI, SwarmUI, sd-server, InvokeAI, Jupyter and web servers
        self.assertNotIn(port, [*range(7860, 7960), 8188, 7801, 1234, 9090, 8888, 8000, 8080, 5000, 3000])

    def test_each_catalog_has_its_own_key(self):
        place = served.copy("keys")
        key = os.path.join(place, ".goldpan", "explorer.key")
        if os.path.exists(key):
            os.remove(key)  # copied with the catalog
        with Server(place, "--readonly"):
            self.assertFalse(os.path.exists(key))
        with Server(served.pictures) as one, Server(place) as other:
            self.assertNotEqual(one.token, other.token)
            self.assertNotEqual(one.port, other.port)
            self.assertEqual(other.ask("GET", "/%s/data/catalog.json" % one.token).status, 403)
            first = other.token
        self.assertEqual(os.stat(key).st_mode & 0o777, 0o600)
        with Server(place) as again:
            self.assertEqual(again.token, first)
        with Server(place, "--new-key") as renewed:
            self.assertNotEqual(renewed.token, first)
            self.assertEqual(renewed.ask("GET", "/%s/data/catalog.json" % first).status, 403)
            second = renewed.token
        os.chmod(key, 0o644)  # others could have read it
        with Server(place) as after:
            self.assertNotIn(after.token, (first, second))
        self.assertEqual(os.stat(key).st_mode & 0o777, 0o600)
        with open(key, "w", encoding="ascii") as file:
            file.write("not a key\n")
        with Server(place) as last:
            self.assertRegex(last.token, "^[0-9a-f]{32}$")
