#!/usr/bin/python3
"""The adapters for REST APIs against a server on loopback that plays them as
they are documented: own keys are read, foreign ones added and taken away again;
and each way in which such a service fails is one clear line.
"""
import base64
import contextlib
import http.server
import json
import os
import re
import shutil
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from servers import ZONE, ap  # noqa: E402

ADAPTERS = os.path.join(ap.TOP, "client", "adapters")
TOKEN = "Sn3lZJTBX6kkg7OdcBUAxOO963GEIyGQqnFTOFYY"
NAME = ZONE[:-1]


def key(number, flags=256):
    return f"{flags} 3 13 " + base64.b64encode(bytes([number]) * 64).decode()


OURS, ALPHA, BETA = key(1, 257), key(2), key(3)
OWN_ZSK, OWN_KSK = key(8), key(9, 257)


class Api(http.server.BaseHTTPRequestHandler):
    """One service; a subclass knows its paths. server.act changes answers."""
    protocol_version = "HTTP/1.0"

    def log_message(self, *_):
        pass

    def answer(self, code, value=None, **headers):
        body = b"" if value is None else (
            value if isinstance(value, bytes) else json.dumps(value).encode())
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(body)

    def serve(self):
        s = self.server
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        url = urllib.parse.urlsplit(self.path)
        s.seen.append((self.command, url.path))
        act = s.act.pop(0) if s.act else None
        if callable(act):
            return act(self)
        header, prefix = s.login
        if self.headers.get(header) != prefix + TOKEN:
            return self.answer(401, {"detail": "Invalid token."})
        return self.play(self.command, url.path.removeprefix("/v1"),
                         dict(urllib.parse.parse_qsl(url.query)), body)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = serve


class Desec(Api):
    login = "Authorization", "Token "

    def play(self, method, path, _, body):
        s = self.server
        if not path.startswith(f"/domains/{NAME}/"):
            return self.answer(404, {"detail": "Not found."})
        path = path.removeprefix(f"/domains/{NAME}")
        if (method, path) == ("GET", "/"):
            return self.answer(200, {
                "name": NAME, "minimum_ttl": 60, "keys": [
                    {"dnskey": OWN_KSK, "managed": True,
                     "ds": ["1 13 2 aabb", "1 13 4 ccdd"]}] + [
                    {"dnskey": k, "managed": False, "ds": []}
                    for k in s.sets.get("DNSKEY", [])]})
        if (method, path) == ("PATCH", "/rrsets/"):
            for rrset in body:
                assert rrset["subname"] == "" and rrset["ttl"] == 3600
                if not s.forgets:
                    s.sets[rrset["type"]] = rrset["records"]
            return self.answer(200, body)
        if (method, path) == ("GET", "/rrsets/@/DNSKEY/"):
            records = s.sets.get("DNSKEY")
            # Some put blanks into long words.
            return self.answer(200, {"records": [
                r[:40] + " " + r[40:] for r in records]}) if records else \
                self.answer(404, {"detail": "Not found."})
        return self.answer(405)

    @staticmethod
    def foreign(server):
        return server.sets.get("DNSKEY", [])


class Cloudflare(Api):
    login = "Authorization", "Bearer "
    ZONES = "/zones/023e105f4ecef8ad9ca31a8372d0c353"

    def good(self, result):
        return self.answer(200, {"success": True, "errors": [],
                                 "messages": [], "result": result})

    def bad(self, code, number, text):
        return self.answer(code, {"success": False, "messages": [],
                                  "errors": [{"code": number,
                                              "message": text}]})

    def play(self, method, path, query, body):
        s = self.server
        if path == "/zones":
            return self.good([{"id": self.ZONES[7:]}]
                             if query["name"] == NAME else [])
        path = path.removeprefix(self.ZONES)
        if path == "/dnssec":
            if method == "PATCH":
                s.multi = body["dnssec_multi_signer"]
            return self.good({"status": "active", "algorithm": "13",
                              "dnssec_multi_signer": s.multi,
                              "flags": 257, "public_key": OWN_KSK.split()[3]})
        if path == "/dnssec/zsk":
            return self.good([{"Tag": tag, "DNSKEY": {
                "Flags": 256, "Protocol": 3, "Algorithm": 13,
                "PublicKey": k.split()[3]}}
                for tag, k in (("active", OWN_ZSK), ("removed", key(7)))])
        if path == "/dns_records" and method == "GET":
            assert query["type"] == "DNSKEY" and query["name"] == NAME
            return self.good([{"id": i, "ttl": 3600, "data": d}
                              for i, d in s.records.items()])
        if path == "/dns_records" and method == "POST":
            if not s.multi:
                return self.bad(400, 1004, "DNSKEY is not allowed")
            if body["data"] in s.records.values():
                return self.bad(400, 81058, "An identical record exists.")
            if not s.forgets:
                s.number += 1
                s.records[f"{s.number:032x}"] = body["data"]
            return self.good(body)
        if path.startswith("/dns_records/") and method == "DELETE":
            if s.records.pop(path.split("/")[2], None) is None:
                return self.bad(404, 81044, "Record does not exist.")
            return self.good({})
        return self.answer(405)

    @staticmethod
    def foreign(server):
        return [" ".join(str(d[k]) for k in (
            "flags", "protocol", "algorithm", "public_key"))
            for d in server.records.values()]


class Ns1(Api):
    login = "X-NSONE-Key", ""

    def play(self, method, path, _, body):
        s = self.server
        if not path.startswith(f"/zones/{NAME}/dnssec"):
            return self.answer(404, {"message": "zone not found"})
        path = path.removeprefix(f"/zones/{NAME}/dnssec")
        if (method, path) == ("GET", ""):
            return self.answer(200, {
                "zone": NAME,
                "keys": {"ttl": 3600, "dnskey": [OWN_ZSK.split()]},
                "delegation": {"ttl": 3600, "dnskey": [OWN_KSK.split()],
                               "ds": [["1", "13", "2", "aabb"]]}})
        assert path == "/external_keys/ksk-appliance", path
        if method == "GET":
            return self.answer(200, s.external) if s.external else \
                self.answer(404, {"message": "not found"})
        # PUT makes a set, POST changes one.
        if (method == "PUT") == (s.external is not None):
            return self.answer(400, {"message": "wrong method for this set"})
        if not s.forgets:
            s.external = body
        return self.answer(200, body)

    @staticmethod
    def foreign(server):
        return [] if server.external is None else [
            " ".join(str(d[k]) for k in (
                "flags", "protocol", "algorithm", "public_key"))
            for d in server.external["dnskey"]["data"]]


def fails(code, value=b"<html>no JSON</html>", **headers):
    return lambda api: api.answer(code, value, **headers)


def slow(api):
    time.sleep(1)
    with contextlib.suppress(OSError):
        api.answer(200, {})


class Server(socketserver.ThreadingTCPServer):
    """HTTPServer would look its own name up, which takes seconds."""
    allow_reuse_address = daemon_threads = True


class Adapter:
    """What all of them do; each has a class of its own below."""
    own = [OWN_ZSK, OWN_KSK]
    fast = False  # no server is waited for

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="ksk adapters.")
        self.addCleanup(shutil.rmtree, self.dir)
        self.server = s = Server(("127.0.0.1", 0), self.api)
        s.login, s.seen, s.act, s.forgets = self.api.login, [], [], False
        s.sets, s.records, s.number = {}, {}, 0
        s.multi, s.external = False, None
        threading.Thread(target=s.serve_forever, args=(0.02,)).start()
        self.addCleanup(s.server_close)
        self.addCleanup(s.shutdown)
        self.token = os.path.join(self.dir, "token")
        self.write_token(TOKEN + "\n")

    def write_token(self, text, mode=0o600):
        with open(self.token, "w", encoding="ascii") as f:
            f.write(text)
        os.chmod(self.token, mode)

    def run_it(self, verb, zone=ZONE, url=None, keys=None, **more):
        url = url or f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        value = None if keys is None else json.dumps({
            "zone": ZONE, "provider": "alpha", "ttl": 3600,
            "dnskey": {"records": [f"{ZONE} 3600 IN DNSKEY {k}"
                                   for k in keys], "rrsigs": []},
            "cds": {"records": [f"{ZONE} 3600 IN CDS 5 13 2 EEFF"]},
            "cdnskey": None, **more})
        return subprocess.run(
            [os.path.join(ADAPTERS, self.name + ".sh"), verb, zone,
             self.token, url], input=value, capture_output=True, text=True,
            timeout=60, check=False,
            env={**os.environ, "KSK_ADAPTER_TIMEOUT": "0.5" if self.fast
                 else "10", "KSK_ADAPTER_PAUSE": "0.05"})

    def good(self, *argv, **more):
        done = self.run_it(*argv, **more)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        return done.stdout

    def bad(self, words, *argv, lines=1, **more):
        done = self.run_it(*argv, **more)
        self.assertEqual(done.returncode, 1, done)
        self.assertEqual(len(done.stderr.splitlines()), lines, done.stderr)
        self.assertRegex(done.stderr.splitlines()[-1],
                         rf"\A{self.name}: .*{words}")
        self.assertNotIn(TOKEN, done.stderr)
        self.assertEqual(done.stdout, "")

    def foreign(self):
        return sorted(self.api.foreign(self.server))

    def test_own_keys_are_read(self):
        self.assertEqual(sorted(self.good("gather").splitlines()), sorted(
            f"{ZONE} IN DNSKEY {k}" for k in self.own))

    def test_foreign_keys_come_and_go(self):
        self.good("deliver", keys=[OURS, ALPHA, *self.own])
        self.assertEqual(self.foreign(), sorted([OURS, ALPHA]))
        self.good("deliver", keys=[OURS, BETA, *self.own])
        self.assertEqual(self.foreign(), sorted([OURS, BETA]))
        # Own keys are read as before, the others are not taken for own.
        self.assertEqual(len(self.good("gather").splitlines()), len(self.own))

    def test_token(self):
        self.write_token("wrong")
        self.bad("refuses the token", "gather")
        self.write_token(TOKEN, 0o644)
        self.bad("others can read the token", "gather")
        self.write_token(TOKEN + '"\nurl = x')
        self.bad("no such characters", "gather")
        self.write_token("")
        self.bad("holds no token", "gather")
        os.unlink(self.token)
        self.bad("no file with a token", "gather")
        self.assertEqual(len(self.server.seen), 1)

    def test_it_takes_a_change_and_does_nothing(self):
        self.server.forgets = True
        self.bad("but lists", "deliver", keys=[OURS, ALPHA, *self.own])


class Shared(Adapter):
    """What is in the part that they share is tried with one of them."""

    def test_trouble(self):
        self.server.act = [fails(502)]
        self.good("gather")
        self.server.act = [fails(500)] * 3
        self.bad(r"in trouble \(500\)", "gather")
        self.server.act = [fails(200)]
        self.bad("another form than is documented", "gather")
        self.server.act = [fails(200, {"success": True, "result": [{}]})] * 3
        self.bad("another form than is documented", "gather")
        self.server.act = [fails(301, b"", Location="http://127.0.0.1:1/")]
        self.bad("301", "gather")

    def test_busy(self):
        self.server.act = [fails(429, {"detail": "throttled"},
                                 Retry_After="1")]
        before = time.monotonic()
        self.good("gather")
        self.assertGreaterEqual(time.monotonic() - before, 1)
        self.server.act = [fails(429, {}, Retry_After="3600")]
        self.bad("asks to wait 3600 seconds", "gather")
        self.server.act = [fails(429, Retry_After="0")] * 3
        self.bad("too many requests", "gather")

    def test_slow_and_gone(self):
        self.fast = True
        self.server.act = [slow]
        self.good("gather")
        self.server.act = [slow] * 3
        self.bad("timed out", "gather")
        self.bad("timed out|Connection refused|[Cc]ouldn't connect|connect",
                 "gather", url="http://127.0.0.1:1/v1")

    def test_bad_words(self):
        self.bad("no zone", "gather", zone="../x.")
        self.bad("", "gather", zone="other.test.")
        self.bad("only https", "gather", url="http://192.0.2.1/v1")
        self.bad("gather and deliver", "erase")
        done = self.run_it("deliver", keys=[OURS], dnskey=None)
        self.assertIn("not what kskctl sync feeds", done.stderr)

    def test_token_is_in_no_argument(self):
        """Arguments are seen by everybody on the machine."""
        found = []

        def look(api):
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    with open(f"/proc/{pid}/cmdline", "rb") as f:
                        line = f.read()
                    with open(f"/proc/{pid}/environ", "rb") as f:
                        line += f.read()
                except OSError:
                    continue
                if TOKEN.encode() in line:
                    found.append(line)
            api.answer(502)
        self.server.act = [look]
        self.good("gather")
        self.assertEqual(found, [])
        self.assertFalse(re.search(
            r"/tmp\.\w+", " ".join(os.listdir(self.dir))))


class TestDesec(Shared, unittest.TestCase):
    name, api, own = "desec", Desec, [OWN_KSK]

    def test_cds_goes_with_it(self):
        self.good("deliver", keys=[OURS, *self.own], cds={"records": [
            f"{ZONE} 3600 IN CDS 5 13 2 EEFF",
            f"{ZONE} 3600 IN CDS 1 13 2 aabb"]})
        # What deSEC makes itself is not added.
        self.assertEqual(self.server.sets["CDS"], ["5 13 2 EEFF"])
        self.assertEqual(self.server.sets["CDNSKEY"], [])
        self.bad("TTL of 30 is too small", "deliver", keys=[OURS], ttl=30)


class TestCloudflare(Adapter, unittest.TestCase):
    name, api = "cloudflare", Cloudflare

    def test_multi_signer_is_switched_on_once(self):
        self.good("deliver", keys=[OURS, *self.own])
        self.assertTrue(self.server.multi)
        self.good("deliver", keys=[OURS, *self.own])
        self.assertEqual([m for m, _ in self.server.seen].count("PATCH"), 1)

    def test_half_of_it_fails(self):
        """A later run ends what an earlier one began."""
        self.server.multi = True
        # zone, two of DNSSEC, list, the first record
        self.server.act = [None] * 5 + [fails(500)] * 3
        self.bad("in trouble", "deliver", keys=[OURS, ALPHA, *self.own])
        self.assertEqual(self.foreign(), [ALPHA])
        self.good("deliver", keys=[OURS, ALPHA, *self.own])
        self.assertEqual(self.foreign(), sorted([OURS, ALPHA]))

    def test_an_answer_is_lost(self):
        """The record is there already when it is asked for again."""
        def lose(api):
            Cloudflare.play(api, "POST", Cloudflare.ZONES + "/dns_records",
                            {}, {"type": "DNSKEY", "data": {
                                "flags": 257, "protocol": 3, "algorithm": 13,
                                "public_key": OURS.split()[3]}})
        self.server.multi = True
        self.server.act = [None] * 4 + [
            lambda api: (lose(api), None)[1]]
        self.good("deliver", keys=[OURS, *self.own])
        self.assertEqual(self.foreign(), [OURS])


class TestNs1(Adapter, unittest.TestCase):
    name, api = "ns1", Ns1


if __name__ == "__main__":
    unittest.main()
