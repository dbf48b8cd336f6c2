#!/usr/bin/python3
"""What attackers try, against the whole appliance: hostile messages of an
enrolled client, hostile sets whose keys the policy even pins, floods, and
children that were taken over (impostor.py). Whatever comes, nothing is signed
that the policy does not allow, no process dies that should not, and other
clients are served.
"""
import base64
import contextlib
import json
import os
import random
import select
import ssl
import struct
import sys
import threading
import time
import unittest

import cbor2

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402
import impostor as im  # noqa: E402
import oracle  # noqa: E402

SANITIZED = True
PLAIN = ap.PLAIN
ZONE = "lab.example."
HOUR, DAY = 3600, 86400


def zone_of(ksks, providers, name=ZONE, **more):
    """A zone as oracle.py has it."""
    z = {"name": name, "clients": ["auto"], "ttl": HOUR, "sign": [48, 59, 60],
         "algorithms": [8, 10, 13, 14, 15, 16], "rsa_min": 1024,
         "validity": 14 * DAY, "refresh": 5 * DAY, "offset": HOUR,
         "horizon": 0, "min": DAY, "max_ttl": DAY, "propagation": HOUR,
         "parent": [oracle.ds_of(name, k, 2) for k in ksks],
         "cosigners": [], "tag_pairs": [], "delete": 0,
         "ksks": [{"ds": oracle.ds_of(name, k, 2), "from": 0, "until": None,
                   "cds": True, "revoked": False} for k in ksks],
         "providers": [
             {"name": n, "state": "serving", "gone": None, "max": 24,
              "proof": "none", "keys": [
                  {"ds": oracle.ds_of(name, k, 2), "withdrawn": False}
                  for k in keys]} for n, keys in providers.items()]}
    z.update(more)
    return z


def tune_tag(rdata, tag):
    """The key with bytes near its end changed so that it has that tag."""
    out, at = bytearray(rdata), (len(rdata) - 20) & ~1
    out[at:at + 2] = b"\0\0"
    guess = tag - oracle.key_tag(bytes(out))
    for value in (guess - 1, guess, guess + 1):
        out[at:at + 2] = (value & 0xffff).to_bytes(2, "big")
        if oracle.key_tag(bytes(out)) == tag:
            return bytes(out)
    raise AssertionError("no such tag")


class House(unittest.TestCase):
    """One appliance for a class, policy made by zones()."""

    @classmethod
    def setUpClass(cls):
        cls.a = im.House()
        try:
            cls.r = random.Random(20260101)
            cls.a.make()
            cls.ksk = cls.a.add_ksk(ZONE, "ksk")
            for name in ("auto", "other"):
                cls.a.add_client(name)
            cls.zsk = b"\1\0" + oracle.random_key(cls.r, 13)
            cls.load(cls.zones())
            cls.prepare()
            cls.a.start(ready=cls.ready)
        except BaseException:
            cls.a.__exit__()
            raise

    ready = True

    @classmethod
    def prepare(cls):
        pass

    @classmethod
    def zones(cls):
        return [zone_of([cls.ksk], {"alpha": [cls.zsk]})]

    @classmethod
    def load(cls, zones):
        cls.a.version += 1
        cls.a.write_policy(oracle.policy_text(
            cls.a.id, cls.a.version, cls.a.clients, zones))

    def reload(self, zones):
        self.load(zones)
        self.a.reload()
        ap.wait_for(lambda: self.peer().ask(ap.STATUS)[3][6]
                    == self.a.version)

    @classmethod
    def tearDownClass(cls):
        status = cls.a.stop(check=False)
        log = cls.a.log_text()
        cls.a.__exit__()
        if status != 0 or "Sanitizer" in log:
            raise AssertionError(f"kskd ended with {status}\n{log}")

    def peer(self, client="auto", **more):
        peer = self.a.peer(client, **more)
        self.addCleanup(peer.close)
        return peer

    def body(self, keys, kind=48):
        return {1: ap.rrset(ZONE, kind, HOUR, keys)}

    def good(self):
        return self.body([self.ksk, self.zsk])

    def assert_signs(self):
        reply = self.peer().ask(ap.SIGN, self.good())
        self.assertEqual(reply[2], ap.DONE, reply)
        body = reply[3]
        ask = {"owner": oracle.wire(ZONE), "type": 48, "ttl": HOUR,
               "keys": [self.ksk, self.zsk]}
        self.assertTrue(oracle.verify(ask, (body[5][1], body[5][2]),
                                      self.ksk, body[1][0]))

    def pid(self, program):
        return self.a.children()[program][0]


class Client(House):
    """An enrolled client that means ill."""

    @classmethod
    def prepare(cls):
        cls.reload_ksk = cls.a.add_ksk("reload.example", "reload")

    def tearDown(self):
        self.assertFalse(self.a.log_lines("child-dead"), self.a.log_text())

    def heads(self):
        """Every head that announces what can't be there."""
        for major in (0x40, 0x60, 0x80, 0xa0):
            for size, form in ((1, ">B"), (2, ">H"), (4, ">I"), (8, ">Q")):
                for count in (0, 23, 24, 255, 256, 65535, 2 ** 24, 2 ** 27,
                              2 ** 31, 2 ** 32 - 1, 2 ** 60, 2 ** 63,
                              2 ** 63 + 1, 2 ** 64 - 1):
                    if count < 256 ** size:
                        yield bytes([major | (23 + size.bit_length())]) + \
                            struct.pack(form, count)
            yield bytes([major | 31])
        yield from (b"\xc0", b"\xd9\xd9\xf7", b"\xf6", b"\xf7", b"\xf8\x20",
                    b"\xf9\0\0", b"\xfb" + bytes(8), b"\xff", b"\x20",
                    b"\x3b" + b"\xff" * 8, b"\x1c", b"\x1d", b"\x1e",
                    b"\x18\x05", b"\x19\0\x05", b"\x1a\0\0\0\x05")

    @staticmethod
    def places(whole):
        """Where the items of a message start, by hand."""
        places, at = [], 0
        while at < len(whole):
            places.append(at)
            first, extra = whole[at] >> 5, whole[at] & 31
            n = {24: 1, 25: 2, 26: 4}.get(extra, 0)
            value = int.from_bytes(whole[at + 1:at + 1 + n], "big") \
                if n else extra
            at += 1 + n + (value if first in (2, 3) else 0)
        return places

    def bodies(self):
        """{op: body} with every field that there may be."""
        owner, two = ap.wire_name(ZONE), [self.zsk[:9], self.ksk[:9]]
        rrset = ap.rrset(ZONE, 48, HOUR, two)
        sixteen, hash_, window = b"i" * 16, b"h" * 32, {1: 1, 2: 2}
        return {
            1: {1: owner}, 2: {1: owner},
            3: {1: rrset, 2: window, 3: sixteen, 4: hash_, 5: [
                {1: 2, 2: ap.rrset(ZONE, 16, 1, [b"ab"]), 3: b"xyz"}],
                6: True, 7: [1, 2]},
            4: {1: owner, 2: sorted(two), 3: [
                {1: 48, 2: HOUR, 3: [0, 1], 4: window}],
                4: sixteen, 5: hash_, 6: [3]},
            5: {1: owner, 2: 48}, 6: {1: 1, 2: 0},
            7: {1: 1, 2: hash_, 3: True}, 8: {1: 0, 2: 1, 3: 2},
            9: {1: b"0"}, 10: {1: rrset, 2: [b"rrsig"]},
            11: {1: 9, 2: hash_, 3: 0, 4: b"part"}}

    def test_every_head_at_every_place(self):
        """C33: what a head announces is never believed."""
        messages = []
        for op, body in self.bodies().items():
            whole = cbor2.dumps({1: 7, 2: op, 3: body, 4: b"n" * 32},
                                canonical=True)
            messages += [whole[:p] + h + tail for p in self.places(whole)
                         for h in self.heads() for tail in (b"", whole[p:])]
        messages = self.r.sample(messages, 1500 // (1 if PLAIN else 4))
        before = self.rss()
        for message in messages:
            with self.a.peer() as peer:
                peer.send_bytes(message)
                reply = peer.receive()
                self.assertNotEqual(reply[2], ap.DONE, message.hex())
                if reply[2] in (ap.MALFORMED, ap.TOO_LARGE):
                    self.assertTrue(reply[5], message.hex())
        if PLAIN:  # sanitizers keep what was freed
            self.assertLess(self.rss() - before, 1024)
        self.assert_signs()

    def test_other_encodings_of_the_same(self):
        """RFC 8949 4.2.1: whatever else a decoder takes for the same."""
        def head(major, value, size):
            form = {1: ">B", 2: ">H", 4: ">I", 8: ">Q"}[size]
            return bytes([major << 5 | 23 + size.bit_length()]) + \
                struct.pack(form, value)

        def others(whole, at):
            major, value = whole[at] >> 5, whole[at] & 31
            if value > 25 or major > 5:
                return
            n = {24: 1, 25: 2}.get(value, 0)
            if n:
                value = int.from_bytes(whole[at + 1:at + 1 + n], "big")
            before, after = whole[:at], whole[at + 1 + n:]
            for size in (1, 2, 4, 8):  # longer than need be
                if size > n:
                    yield before + head(major, value, size) + after
            if major in (2, 3):  # in one chunk
                yield before + bytes([major << 5 | 31]) + whole[
                    at:at + 1 + n + value] + b"\xff" + after[value:]
            for tag in (b"\xc0", b"\xc2", b"\xd8\x18", b"\xd9\xd9\xf7"):
                yield before + tag + whole[at:]
            if major == 0:
                yield before + b"\xc2\x41" + bytes([value & 255]) + after
                yield before + b"\xfb" + struct.pack(">d", value) + after
                yield before + b"\xf9" + struct.pack(">e", value % 60000) \
                    + after

        def written(items):
            return bytes([0xa0 | len(items)]) + b"".join(
                cbor2.dumps(x, canonical=True) for kv in items for x in kv)

        messages = []
        for op, body in self.bodies().items():
            whole = cbor2.dumps({1: 7, 2: op, 3: body}, canonical=True)
            messages += [m for at in self.places(whole)
                         for m in others(whole, at)]
            start = whole.index(b"\x03", 4) + 1
            pairs = list(body.items())
            for wrong in (pairs + pairs[-1:], pairs[:1] + pairs,
                          pairs[::-1] if len(pairs) > 1 else pairs * 2,
                          pairs + [(12, 0)], pairs + [(-1, 0)],
                          [("1", pairs[0][1])] + pairs[1:]):
                messages.append(whole[:start] + written(wrong))
            messages += [whole + b"\0", whole + whole,
                         b"\xbf" + whole[1:] + b"\xff"]
        messages = self.r.sample(messages, 500 // (1 if PLAIN else 4))
        for message in messages:
            with self.a.peer() as peer:
                peer.send_bytes(message)
                reply = peer.receive()
                self.assertEqual(reply[2], ap.MALFORMED, message.hex())
                self.assertRaises(ConnectionError, peer.read, 1)
        self.assert_signs()

    def rss(self):
        """KiB of frontend and signer."""
        total = 0
        for program in ("kskd-frontend", "kskd-signer"):
            with open(f"/proc/{self.pid(program)}/status",
                      encoding="ascii") as f:
                total += int(next(x for x in f
                                  if x.startswith("VmRSS")).split()[1])
        return total

    def test_every_cut_and_every_bit(self):
        whole = cbor2.dumps({1: 7, 2: 3, 3: self.good()}, canonical=True)
        cuts = [whole[:n] for n in range(1, len(whole))]
        for message in cuts:
            with self.a.peer() as peer:
                peer.send_bytes(message)
                reply = peer.receive()
                self.assertEqual(reply[2], ap.MALFORMED, message.hex())
        for at in range(len(whole)):
            message = bytearray(whole)
            message[at] ^= 1 << self.r.randrange(8)
            with self.a.peer() as peer:
                peer.send_bytes(bytes(message))
                reply = peer.receive()
                # A changed number is another request, all else is refused.
                if reply[2] == ap.DONE:
                    self.assertIn(at, (2, ), message.hex())
        self.assert_signs()

    def test_names_at_their_limits(self):
        label = bytes([63]) + b"a" * 63
        good = [label * 3 + bytes([61]) + b"b" * 61 + b"\0", b"\0",
                label + b"\0", b"\1\0\0", b"\1.\0", b"\1*" + ap.wire_name(
                    ZONE), b"\7ops.lab\7example\0",
                b"\3ops" + ap.wire_name(ZONE), b"\2\xc3\xbc\0"]
        bad = [label * 3 + bytes([62]) + b"b" * 62 + b"\0", label * 4,
               b"", b"\1", b"\1a", bytes([64]) + b"a" * 64 + b"\0",
               b"\xc0\0", ap.wire_name(ZONE)[:-1] + b"\xc0\0",
               ap.wire_name(ZONE) + b"\0", b"\3LAB\7example\0",
               b"\0\0", b"\3la\0", b"\1a" * 128]
        for owner in good:
            for op, body in ((ap.KEYS, {1: owner}), (ap.SIGN, {1: {
                    **ap.rrset(ZONE, 48, HOUR, [self.ksk, self.zsk]),
                    1: owner}})):
                reply = self.peer().ask(op, body)
                self.assertEqual(reply[2], ap.UNKNOWN_ZONE, owner)
        for owner in bad:
            for op, body in ((ap.KEYS, {1: owner}), (ap.SIGN, {1: {
                    **ap.rrset(ZONE, 48, HOUR, [self.ksk, self.zsk]),
                    1: owner}})):
                reply = self.peer().ask(op, body)
                self.assertEqual(reply[2], ap.MALFORMED, owner)
                self.assertIn("owner", reply[5])

    def test_numbers_at_their_limits(self):
        now = int(time.time())
        for ttl in (0, 1, 2 ** 31 - 1):
            reply = self.peer().ask(ap.SIGN, {1: {
                **self.good()[1], 3: ttl}})
            self.assertEqual(reply[2], ap.REFUSED, reply)
        for ttl in (2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 63, 2 ** 64 - 1):
            reply = self.peer().ask(ap.SIGN, {1: {
                **self.good()[1], 3: ttl}})
            self.assertEqual(reply[2], ap.MALFORMED)
        edges = (0, 1, now - 1, now, now + DAY, 2 ** 31 - 1, 2 ** 31,
                 2 ** 32 - 1, 2 ** 32, 2 ** 32 + now, 2 ** 63 - 1, 2 ** 63,
                 2 ** 64 - 1)
        peer = self.peer()
        for first in edges:
            for last in edges:
                reply = peer.ask(ap.SIGN, {**self.good(),
                                           2: {1: first, 2: last}})
                fits = first in (now - 1, now) and last == now + DAY
                if reply[2] == ap.DONE:
                    self.assertTrue(fits and last - first >= DAY)
                else:
                    self.assertEqual(reply[2], ap.REFUSED, reply)
        for kind in list(range(0, 70)) + [255, 256, 32769, 65535]:
            with self.a.peer() as peer:
                reply = peer.ask(ap.SIGN, {1: {**self.good()[1], 2: kind}})
                if kind not in (48, 59, 60):
                    self.assertEqual(reply[2], ap.MALFORMED, kind)
                elif kind != 48:
                    self.assertEqual(reply[2], ap.REFUSED, kind)

    def test_removal_in_the_middle_of_a_burst(self):
        peer = self.peer("other", timeout=5)
        zones = self.zones()
        zones[0]["clients"].append("other")
        self.reload(zones)
        for _ in range(50):
            peer.send(ap.SIGN, self.good())
        for _ in range(200):
            self.assertEqual(peer.receive()[2], ap.DONE)
            peer.send(ap.SIGN, self.good())
        entry = self.a.clients.pop("other")
        try:
            self.load(self.zones())
            self.a.reload()
            begin = time.monotonic()
            with self.assertRaises(OSError):
                while time.monotonic() < begin + 5 * ap.SLOW:
                    self.assertIn(peer.receive()[2],
                                  (ap.DONE, ap.NOT_AUTHORISED))
                    peer.send(ap.SIGN, self.good())
            self.assertLess(time.monotonic() - begin, 2 * ap.SLOW)
        finally:
            self.a.clients["other"] = entry
        self.reload(self.zones())
        self.assert_signs()

    def burst(self, count):
        """Sends as fast as it can while it reads; {status: replies}."""
        unlisted = b"\1\0" + oracle.random_key(self.r, 13)
        asks = ((ap.SIGN, self.good()), (ap.STATUS, None),
                (ap.SIGN, self.body([self.ksk, unlisted])),
                (ap.KEYS, {1: ap.wire_name(ZONE)}))
        out = bytearray()
        for i in range(count):
            op, body = asks[i % 4]
            frame = cbor2.dumps({1: i, 2: op} if body is None else
                                {1: i, 2: op, 3: body}, canonical=True)
            out += struct.pack("!I", len(frame)) + frame
        sock, got, seen, data, at = self.peer().sock, set(), {}, bytearray(), 0
        sock.setblocking(False)
        view = memoryview(bytes(out))
        while len(got) < count:
            if not sock.pending():
                ready = select.select(
                    [sock], [sock] if at < len(view) else [], [], 20)
                self.assertTrue(ready[0] or ready[1], "no progress")
            with contextlib.suppress(ssl.SSLWantReadError,
                                     ssl.SSLWantWriteError):
                while at < len(view):
                    at += sock.send(view[at:at + 16384])
            with contextlib.suppress(ssl.SSLWantReadError,
                                     ssl.SSLWantWriteError):
                while True:
                    more = sock.recv(65536)
                    self.assertTrue(more, "closed")
                    data += more
            while len(data) >= 4:
                n, = struct.unpack("!I", data[:4])
                if len(data) < 4 + n:
                    break
                reply = cbor2.loads(bytes(data[4:4 + n]))
                del data[:4 + n]
                self.assertNotIn(reply[1], got)
                got.add(reply[1])
                seen[reply[2]] = seen.get(reply[2], 0) + 1
        sock.close()
        return seen

    def test_ten_thousand_at_once_and_nothing_grows(self):
        count = 10000 if PLAIN else 1000
        self.burst(count)
        before = self.rss()
        for _ in range(2):
            seen = self.burst(count)
            self.assertEqual(seen, {ap.DONE: count * 3 // 4,
                                    ap.REFUSED: count // 4})
        if PLAIN:
            self.assertLess(self.rss() - before, 1024)

    def test_reload_in_the_middle_of_signing(self):
        """Each answer is whole, by the policy that it names. Dry runs for a
        zone without a past: of two sets that share no ZSK only the first could
        be signed."""
        name, ksk = "reload.example", self.reload_ksk
        zsks = [b"\1\0" + oracle.random_key(self.r, 13) for _ in range(2)]
        peer = self.peer(timeout=30)
        stop = threading.Event()

        def following():
            # Odd versions allow the one ZSK, even ones the other.
            key = zsks[(self.a.version + 1) % 2]
            return self.zones() + [zone_of([ksk], {"alpha": [key]}, name)]

        self.reload(following())
        first = self.a.version

        def change():
            while not stop.is_set():
                self.load(following())
                self.a.reload()
                stop.wait(0.15 if PLAIN else 0.75)
        changer = threading.Thread(target=change)
        changer.start()
        seen = set()
        try:
            end = time.monotonic() + (3 if PLAIN else 15)
            late = end + 60 * ap.SLOW
            while time.monotonic() < end or len(seen) < 2:
                self.assertLess(time.monotonic(), late, "no reload took hold")
                sets = {}
                for key in zsks * 10:
                    body = {1: ap.rrset(name, 48, HOUR, [ksk, key]), 6: True}
                    sets[peer.send(ap.SIGN, body)] = key
                while sets:
                    reply = peer.receive()
                    key = sets.pop(reply[1])
                    if reply[2] != ap.DONE:
                        self.assertEqual(reply[2], ap.REFUSED, reply)
                        continue
                    version = reply[3][4]
                    if version > first:
                        self.assertEqual(key, zsks[version % 2])
                        seen.add(version % 2)
        finally:
            stop.set()
            changer.join()
        time.sleep(0.3 if PLAIN else 1.5)
        self.reload(self.zones())
        self.assert_signs()


class Text(House):
    """Zone text through kskctl: the set is signed whole, with the TTL of the
    policy, or refused with the place and the reason."""

    @classmethod
    def prepare(cls):
        # The server's address is known before it runs.
        out = cls.ctl("enroll", "--appliance", f"127.0.0.1:{cls.a.port}",
                      "--server-pin", cls.a.server_pin, "--json").out
        cls.a.clients["ctl"] = (json.loads(out)["pin"], "read, sign")
        z = cls.zones()[0]
        z["clients"].append("ctl")
        cls.load([z])

    @classmethod
    def ctl(cls, *argv, input=None, check=True):
        return ap.sh(os.path.join(ap.BUILD, "kskctl"), "--config",
                     cls.a.path("client", "kskctl.yaml"), *argv, input=input,
                     check=check, env={"HOME": cls.a.dir, "PATH": ""})

    def sign(self, text):
        path = self.a.path("set.zone")
        with open(path, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        done = self.ctl("sign", path, check=False)
        if done.returncode == 0:
            # Signed means: both keys, nothing else, TTL and RRSIG right.
            lines = [x.split() for x in done.out.splitlines()
                     if x and x[0] != ";"]
            keys = sorted(ap.dnskey_rdata(" ".join(x)) for x in lines
                          if x[3] == "DNSKEY")
            self.assertEqual(keys, sorted([self.ksk, self.zsk]), text)
            self.assertEqual({x[1] for x in lines}, {"3600"}, text)
            rrsig, = [x for x in lines if x[3] == "RRSIG"]
            self.assertEqual(rrsig[4:8], ["DNSKEY", "13", "2", "3600"])
        else:
            self.assertIn(done.returncode, (1, 5), (text, done.err))
            self.assertEqual(done.out, "", text)
            self.assertGreater(len(done.err), 20, text)
            if done.returncode == 5:
                self.assertRegex(done.err, r"set\.zone:?\d*", text)
        return done.returncode

    def line(self, owner=ZONE, ttl="3600 IN", kind="DNSKEY", head="256 3 13",
             key=None):
        key = base64.b64encode(self.zsk[4:]).decode() if key is None else key
        return f"{owner} {ttl} {kind} {head} {key}\n"

    def test_forms_that_mean_the_set(self):
        key = base64.b64encode(self.zsk[4:]).decode()
        for text in (
                self.line(), self.line("LAB.Example."),
                self.line("\\108ab.example."), self.line("lab.\\101xample."),
                self.line(ttl="IN 3600"), self.line(ttl="3600"),
                self.line(head="256 ( 3\n 13 ; )\n )"),
                self.line(key=f"( {key[:30]}\n\t{key[30:]} ; x\n)"),
                self.line().replace("\n", "\r\n"), self.line().rstrip("\n"),
                "$TTL 3600\n" + self.line(ttl="IN"),
                "$ORIGIN example.\n" + self.line("lab"),
                f"$ORIGIN {ZONE}\n" + self.line("@"),
                self.line() + self.line(), "\n\n; x\n" + self.line(),
                self.line(kind="TYPE48", head="\\#",
                          key=f"{len(self.zsk)} {self.zsk.hex()}")):
            self.assertEqual(self.sign(text), 0, text)

    def test_forms_that_mean_something_else(self):
        key = base64.b64encode(self.zsk[4:]).decode()
        good = self.line()
        texts = [
            "", "\n", ";\n", good + self.line("lab.example.org."),
            good + self.line("x.lab.example."), self.line("lab\\.example."),
            self.line("lab\\046example."), self.line("l\\097b.example.x."),
            self.line("l\u00e4b.example."), self.line("lab.example.\\"),
            self.line("\\256ab.example."), self.line("\\10ab.example."),
            self.line(".lab.example."), self.line("lab..example."),
            self.line("*.lab.example."), self.line("."),
            self.line("a" * 64 + "."), self.line("a." * 128),
            self.line(ttl="3600 CH"), self.line(ttl="3600 ANY"),
            self.line(ttl="3600 NONE"), self.line(kind="CDNSKEY") + good,
            self.line(kind="KEY"), self.line(kind="TYPE65535"),
            good + "lab.example. 3600 IN TXT \"x\"\n",
            self.line(head="256 3"), self.line(head="256 3 13 13"),
            self.line(head="65792 3 13"), self.line(head="256 259 13"),
            self.line(head="256 3 269"), self.line(head="-1 3 13"),
            self.line(head="0x100 3 13"), self.line(head="256 3 13."),
            self.line(head="257 3 13"), self.line(head="384 3 13"),
            self.line(head="256 2 13"), self.line(head="256 3 5"),
            self.line(key=key[:-4]), self.line(key=key + "AAAA"),
            self.line(key=key + "="), self.line(key=key.replace("=", "")),
            self.line(key="!" + key), self.line(key=""),
            self.line(key=key + " x"), self.line(key="( " + key),
            self.line(key=key + " )"), "$INCLUDE /etc/passwd\n" + good,
            "$GENERATE 1-99 x$ A 1\n" + good, "$ORIGIN .." + good,
            b"\xef\xbb\xbf" + b"x" + good.encode(),
            good.encode() + b"\0", good.replace("3600", "36\0" "00").encode(),
            self.line(kind="TYPE48", head="\\#",
                      key=f"{len(self.zsk) + 1} {self.zsk.hex()}"),
            self.line(kind="TYPE48", head="\\#",
                      key=f"{len(self.zsk) - 1} {self.zsk.hex()}"),
            self.line(kind="TYPE48", head="\\#", key="0"),
            good + "".join(self.line(key=base64.b64encode(
                oracle.random_key(self.r, 13)[2:]).decode())
                for _ in range(200))]
        texts += [self.line(ttl=f"{t} IN") for t in (
            "0", "1", "3599", "3601", "7200", "2147483647", "2147483648",
            "4294967295", "4294967296", "4294970896", "-3600", "+3600",
            "3600.0", "0x0e10", "1e3", "18446744073709555216", "1y", "h",
            "1h1", "99999999999w")]
        for text in texts:
            self.assertNotEqual(self.sign(text), 0, text)
        self.assertEqual(self.sign(good), 0)
        self.assertFalse(self.a.log_lines("child-dead"))

    def test_every_ttl_form_is_3600_or_refused(self):
        """C05, C13: never another TTL, never a silent default."""
        for ttl in ("1h", "1H", "60m", "0w0d1h", "3600s", "03600", "59m60s",
                    ""):
            self.sign(self.line(ttl=f"{ttl} IN"))
            self.sign(f"$TTL {ttl}\n" + self.line(ttl="IN"))

    def test_every_field_case(self):
        """The field cases' own files, none of which this policy allows."""
        count = 0
        for folder in ("zonetext", "policy"):
            folder = os.path.join(ap.TOP, "tests", "vectors", folder)
            for name in sorted(os.listdir(folder)):
                with open(os.path.join(folder, name), "rb") as f:
                    self.assertNotEqual(self.sign(f.read()), 0, name)
                count += 1
        self.assertGreater(count, 40)
        self.assertEqual(self.sign(self.line()), 0)


class Costs(House):
    """What one client can make the signer do."""

    @classmethod
    def zones(cls):
        keys = [b"\1\0" + oracle.random_key(cls.r, 13) for _ in range(384)]
        cls.tag = oracle.key_tag(keys[-1])
        providers = {f"p{i}": keys[24 * i:24 * i + 24] for i in range(16)}
        z = zone_of([cls.ksk], providers)
        for p in z["providers"]:
            p["proof"] = "all"
        return [z]

    def evidence(self, tag, algorithm, signature):
        now = int(time.time())
        head = struct.pack("!HBBIIIH", 16, algorithm, 2, HOUR, now + DAY,
                           now - HOUR, tag) + ap.wire_name(ZONE)
        text = sorted(b"\xff" + self.r.randbytes(255) for _ in range(12))
        return {1: 2, 2: ap.rrset(ZONE, 16, HOUR, text),
                3: head + signature}

    def test_signer_time_of_the_worst_requests(self):
        rsa = oracle.random_rsa
        long_e = b"\x05\x01\0\0\0\x01"  # 2^32 + 1

        def zsk(algorithm, key):
            return b"\1\0\3" + bytes([algorithm]) + key
        twins = [tune_tag(zsk(8, rsa(self.r, 4096, long_e)), 4711)
                 for _ in range(32)]
        worst = {
            "32 RSA-4096 of one tag, 8 proofs": self.body(twins) | {5: [
                self.evidence(oracle.key_tag(twins[0]), 8,
                              self.r.randbytes(512)) for _ in range(8)]},
            "32 CDNSKEY of a pinned tag": self.body(
                [tune_tag(b"\1\1\3\x0d" + self.r.randbytes(1276), self.tag)
                 for _ in range(32)], 60),
            "32 long CDNSKEY": self.body(
                [b"\1\1\3\x0d" + self.r.randbytes(1276)
                 for _ in range(32)], 60),
            "32 long CDS": self.body(
                [self.r.randbytes(2) + b"\x0d\2" + self.r.randbytes(1276)
                 for _ in range(32)], 59),
            "32 keys of a pinned tag": self.body(
                [tune_tag(zsk(13, self.r.randbytes(1276)), self.tag)
                 for _ in range(32)]),
        }
        for algorithm, size in ((13, 64), (14, 96), (15, 64), (16, 114)):
            keys = [b"\1\0" + oracle.random_key(self.r, algorithm)
                    for _ in range(32)]
            worst[f"32 keys of algorithm {algorithm}, 8 proofs"] = self.body(
                keys) | {5: [self.evidence(
                    oracle.key_tag(k), algorithm, self.r.randbytes(size))
                    for k in keys[:8]]}
        peer = self.peer(timeout=30)
        path = f"/proc/{self.pid('kskd-signer')}/schedstat"
        for name, body in worst.items():
            message = cbor2.dumps({1: 1, 2: 3, 3: body}, canonical=True)
            self.assertLess(len(message), 65536, name)
            best = 10 ** 9
            for _ in range(3):
                before = self.cpu_ns(path)
                for _ in range(8):
                    reply = peer.ask(ap.SIGN, body)
                    self.assertEqual(reply[2], ap.REFUSED, (name, reply))
                best = min(best, (self.cpu_ns(path) - before) / 8)
            # 2 ms is the aim; a busy machine and its caches double it.
            self.assertLess(best / 1e6, 4 if PLAIN else 100, name)

    @staticmethod
    def cpu_ns(path):
        with open(path, encoding="ascii") as f:
            return int(f.read().split()[0])

    def test_a_deaf_client_and_large_ones_beside_a_good_one(self):
        deaf = self.peer(timeout=2)
        deaf.sock.setblocking(False)
        frame = cbor2.dumps({1: 1, 2: 3, 3: self.body(
            [b"\1\0\3\x0d" + self.r.randbytes(1276) for _ in range(32)])},
            canonical=True)
        data = (struct.pack("!I", len(frame)) + frame) * 60
        sent = 0
        with self.assertRaises((OSError, ValueError)):
            while True:  # until the window is full
                sent += deaf.sock.send(data[sent % len(data):])
        # A frame of the largest size is a message like others.
        peer = self.peer()
        peer.send_bytes(b"\xa3\1\1\2\x18\x63\3\x59\xff\xf5" + bytes(65525))
        self.assertEqual(peer.receive()[2], ap.UNSUPPORTED)
        begin = time.monotonic()
        for _ in range(20):
            reply = self.peer().ask(ap.STATUS)
            self.assertEqual(reply[2], ap.DONE)
        self.assertLess(time.monotonic() - begin, 5 * ap.SLOW)
        self.assertFalse(self.a.log_lines("child-dead"), self.a.log_text())


class Pinned(House):
    """Keys that no validator can use, or that break the zone, pinned by an
    operator who did not look: the form is judged all the same (C07, C22)."""

    @classmethod
    def zones(cls):
        r = cls.r
        cls.odd = {}
        for n in (0, 1, 31, 32, 63, 65, 66, 96, 128):
            cls.odd[f"alg 13, {n} bytes"] = (13, r.randbytes(n))
        for n in (95, 97, 64):
            cls.odd[f"alg 14, {n} bytes"] = (14, r.randbytes(n))
        for n in (31, 33, 64):
            cls.odd[f"alg 15, {n} bytes"] = (15, r.randbytes(n))
        for n in (56, 58, 57 + 57):
            cls.odd[f"alg 16, {n} bytes"] = (16, r.randbytes(n))
        cls.odd["P-256 zero"] = (13, bytes(64))
        cls.odd["P-256 off the curve"] = (13, b"\1" * 64)
        cls.odd["P-256 above p"] = (13, b"\xff" * 64)
        cls.odd["Ed25519 identity"] = (15, b"\1" + bytes(31))
        cls.odd["Ed25519 small order"] = (15, bytes(32))
        for e in (0, 1, 2, 4, 65536, 2 ** 33 + 1, 2 ** 64 + 1, 2 ** 2040 + 1):
            raw = e.to_bytes(max(1, (e.bit_length() + 7) // 8), "big")
            head = bytes([len(raw)]) if len(raw) < 256 else \
                b"\0" + struct.pack("!H", len(raw))
            cls.odd[f"RSA e={e.bit_length()} bits {e % 97}"] = (
                8, oracle.random_rsa(r, 2048, head + raw))
        good = oracle.random_rsa(r, 2048)
        cls.odd["RSA even modulus"] = (8, good[:-1] + b"\2")
        cls.odd["RSA 1023 bits"] = (8, oracle.random_rsa(r, 1023))
        cls.odd["RSA 4104 bits"] = (8, oracle.random_rsa(r, 4104))
        cls.odd["RSA zero before e"] = (8, b"\4\0" + good[1:])
        cls.odd["RSA zero before n"] = (8, good[:4] + b"\0" + good[4:])
        cls.odd["RSA long form of a short length"] = (8, b"\0\0" + good)
        cls.odd["RSA e beyond the key"] = (8, b"\0\xff\xff" + good[1:])
        cls.odd["RSA no length"] = (8, b"\0\0\0" + good[1:])
        cls.odd["RSA no modulus"] = (8, b"\3\1\0\1")
        keys = [b"\1\0\3" + bytes([a]) + k for a, k in cls.odd.values()]
        keys = [k for k in keys if len(k) > 4]
        providers = {f"p{i}": keys[24 * i:24 * i + 24]
                     for i in range((len(keys) + 23) // 24)}
        z = zone_of([cls.ksk], providers)
        for p in z["providers"]:
            p["state"] = "joining"
        return [z]

    def test_a_pinned_key_must_still_be_a_key(self):
        peer = self.peer()
        for name, (algorithm, key) in self.odd.items():
            rdata = b"\1\0\3" + bytes([algorithm]) + key
            reply = peer.ask(ap.SIGN, self.body([self.ksk, rdata]))
            self.assertEqual(reply[2], ap.REFUSED, name)
            names = {x[1] for x in reply[4]}
            self.assertIn("key-form", names, name)
            self.assertNotIn("key-allowed", names, name)
            reason = next(x for x in reply[4] if x[1] == "key-form")
            self.assertGreater(len(reason[2]), 20, name)

    def test_protocol_and_flags_of_pinned_keys(self):
        peer = self.peer()
        for at, values in ((2, (0, 1, 2, 4, 255)), (3, (
                0, 1, 2, 3, 5, 6, 7, 12, 17, 45, 252, 253, 254, 255))):
            for value in values:
                k = bytearray(self.ksk)
                k[at] = value
                reply = peer.ask(ap.SIGN, self.body([bytes(k)]))
                self.assertEqual(reply[2], ap.REFUSED, (at, value))
        for flags in [1 << n for n in range(16)] + [0, 0xffff, 0x0181]:
            k = flags.to_bytes(2, "big") + self.ksk[2:]
            reply = peer.ask(ap.SIGN, self.body([self.ksk, k]))
            self.assertEqual(reply[2], ap.REFUSED, flags)


class Frontend(House):
    """The frontend is the attacker's."""
    ready = False

    @classmethod
    def prepare(cls):
        cls.a.take_over("kskd-frontend")

    def setUp(self):
        self.pin = bytes.fromhex(self.a.clients["auto"][0])
        if not hasattr(type(self), "life"):
            type(self).life = self.a.next_life()
            self.life.tell(im.READY)
        if self.life.link is None:
            self.life.wait_link()

    def frame(self, body, number=1):
        return cbor2.dumps({1: number, 2: 3, 3: body}, canonical=True)

    def ask(self, *items):
        self.life.send(im.REQUESTS, b"".join(items))

    def replies(self, count):
        out = []
        while len(out) < count:
            number, r = self.life.receive()
            if number != im.REPLIES:
                self.assertEqual(number, im.PINS)
                continue
            while r.data:
                conn, close = r.num(8), r.num(1)
                out.append((conn, close, cbor2.loads(r.block())))
        return out

    def ask_until_ready(self):
        def signs():
            self.ask(im.request(9, self.pin, self.frame(self.good())))
            return self.replies(1)[0][2][2] == ap.DONE
        ap.wait_for(signs)

    def test_invented_requests_get_what_the_pin_may_have(self):
        self.ask_until_ready()
        other = bytes.fromhex(self.a.clients["other"][0])
        stranger = bytes(32)
        frame = self.frame(self.good())
        self.ask(im.request(1, self.pin, frame), im.request(1, other, frame),
                 im.request(2, stranger, frame),
                 im.request(2, self.pin, frame),  # replayed
                 im.request(3, self.pin, self.frame(
                     self.body([self.ksk, b"\1\0" + oracle.random_key(
                         self.r, 13)]))))
        got = sorted((conn, reply[2]) for conn, _, reply in self.replies(5))
        self.assertEqual(got, [
            (1, ap.DONE), (1, ap.NOT_AUTHORISED), (2, ap.DONE),
            (2, ap.NOT_AUTHORISED), (3, ap.REFUSED)])

    def test_broken_packets_end_the_signer_and_nothing_else(self):
        self.ask_until_ready()
        workers = self.a.children()["kskd-token"]
        item = im.request(1, self.pin, self.frame(self.good()))
        with open(os.devnull, "rb") as null:
            attacks = [
                lambda: self.ask(),  # an empty list
                lambda: self.ask(item, b"\0"),
                lambda: self.life.send(im.REPLIES, item),
                lambda: self.life.send(im.REQUESTS, item, [null.fileno()]),
                lambda: self.life.link.send(self.r.randbytes(60000)),
            ]
            for i, attack in enumerate(attacks):
                signer = self.pid("kskd-signer")
                attack()
                self.assertTrue(self.life.is_cut(), i)
                self.life.wait_link()
                self.assertNotEqual(self.pid("kskd-signer"), signer, i)
                self.ask_until_ready()
        self.assertGreaterEqual(len(self.a.log_lines("peer-broken")), 5)
        self.assertEqual(self.a.children()["kskd-token"], workers)

    def test_more_than_its_credit(self):
        self.ask_until_ready()
        item = im.request(1, self.pin, self.frame(self.good()))
        # All in few packets: no answer comes in between.
        many = (65000 // len(item))
        sent = 0
        with self.assertRaises((BrokenPipeError, ConnectionError)):
            for _ in range(2000):
                self.ask(item * min(many, 100))
                sent += min(many, 100)
        self.assertGreaterEqual(sent, 257)
        self.life.wait_link()
        self.ask_until_ready()


class Worker(House):
    """A token's worker is the attacker's, its key too: what it gives is
    released only if it is right for the request."""
    ready = False

    @classmethod
    def zones(cls):
        path = cls.a.path("ksk.pem")
        ap.sh("openssl", "ecparam", "-name", "prime256v1", "-genkey",
              "-noout", "-out", path)
        der = ap.sh("openssl", "pkey", "-in", path, "-pubout", "-outform",
                    "DER").stdout
        cls.ksk = b"\1\1\3\x0d" + der[-64:]
        cls.a.workers = 1
        cls.a.config()
        return [zone_of([cls.ksk], {"alpha": [cls.zsk]})]

    @classmethod
    def prepare(cls):
        cls.a.take_over("kskd-token")

    def setUp(self):
        self.live()

    def tearDown(self):
        self.life.close()

    def live(self):
        """A new worker that logs in and gets its link."""
        self.life = self.a.next_life()
        index = self.life.start[1:3]
        self.life.tell(im.LOGIN, index + b"\0\0" + im.block(""))
        self.life.tell(im.READY)
        self.life.wait_link()

    def find(self, dnskey=None, why=""):
        number, r = self.life.receive()
        self.assertEqual(number, im.KEYS_SET)
        out = b""
        while r.data:
            slot = r.num(4)
            r.block(), r.take(3)
            r.take({2: 32, 4: 48}[r.num(1)]), r.block()
            out += struct.pack(">I", slot) + im.block(
                self.ksk if dnskey is None else dnskey) + \
                im.block(why) + b"\0"
        self.life.send(im.KEYS_FOUND, out)

    def job(self):
        number, r = self.life.receive()
        while number == im.KEYS_SET:
            out = b""
            while r.data:
                slot = r.num(4)
                r.block(), r.take(3)
                r.take({2: 32, 4: 48}[r.num(1)]), r.block()
                out += struct.pack(">I", slot) + im.block(self.ksk) + \
                    im.block("") + b"\0"
            self.life.send(im.KEYS_FOUND, out)
            number, r = self.life.receive()
        self.assertEqual(number, im.SIGN)
        return im.read_job(r)

    def signature(self, job, **changed):
        """By the right key, over what the job says or something else."""
        j = {**job, "tag": oracle.key_tag(self.ksk), **changed}
        message = struct.pack("!HBBIIIH", j["type"], 13, 2, j["ttl"],
                              j["window"][1] & 0xffffffff,
                              j["window"][0] & 0xffffffff, j["tag"])
        message += j["owner"] + b"".join(
            j["owner"] + struct.pack("!HHIH", j["type"], 1, j["ttl"], len(k))
            + k for k in j["keys"])
        der = ap.sh("openssl", "dgst", "-sha256", "-sign",
                    self.a.path("ksk.pem"), input=message).stdout
        out, at = b"", 2
        for _ in range(2):
            n = der[at + 1]
            out += der[at + 2:at + 2 + n].lstrip(b"\0").rjust(32, b"\0")
            at += 2 + n
        return out

    def start_ask(self):
        peer = self.peer(timeout=20)
        peer.send(ap.SIGN, self.good())
        return peer

    def when_ready(self):
        self.find()
        ap.wait_for(lambda: self.peer().ask(ap.STATUS)[3][11][0][3] == 1)

    def test_the_right_signature_is_released(self):
        self.when_ready()
        peer = self.start_ask()
        job = self.job()
        self.life.send(im.SIGNED, im.signed(job["job"], im.DONE,
                                            self.signature(job)))
        self.assertEqual(peer.receive()[2], ap.DONE)

    def test_wrong_signatures_are_not(self):
        for i, change in enumerate((
                {"keys": [self.ksk]}, {"ttl": 2 * HOUR},
                {"window": None}, {"tag": oracle.key_tag(
                    oracle.revoke(self.ksk))}, {"type": 60},
                {"owner": b"\3ops\3lab\7example\0"}, None)):
            if i > 0:
                self.live()
            self.when_ready()
            peer = self.start_ask()
            job = self.job()
            if change is None:
                wrong = bytes(64)
            elif "window" in change:
                wrong = self.signature(job, window=(
                    job["window"][0] + 1, job["window"][1] + DAY))
            else:
                wrong = self.signature(job, **change)
            self.life.send(im.SIGNED, im.signed(job["job"], im.DONE, wrong))
            reply = peer.receive()
            self.assertEqual(reply[2], ap.NOT_READY, change)
            self.assertNotIn(3, reply)
            self.assertTrue(self.life.is_cut(), change)
            self.life.close()
        self.assertGreaterEqual(len(self.a.log_lines("bad-signature")), 7)
        self.live()

    def test_lengths_that_are_no_signature(self):
        for i, n in enumerate((1, 63, 65, 512)):
            if i > 0:
                self.live()
            self.when_ready()
            peer = self.start_ask()
            job = self.job()
            self.life.send(im.SIGNED, im.signed(job["job"], im.DONE,
                                                bytes(n)))
            self.assertEqual(peer.receive()[2], ap.NOT_READY, n)
            self.life.close()
        self.live()

    def test_a_foreign_key_is_no_key_of_ours(self):
        self.find(b"\1\1" + oracle.random_key(self.r, 13))

        def said():
            reply = self.peer().ask(ap.KEYS, {1: ap.wire_name(ZONE)})
            return "not the one" in reply[3][5][0].get(8, "")
        ap.wait_for(said)
        reply = self.peer().ask(ap.SIGN, self.good())
        self.assertEqual(reply[2], ap.NOT_READY)
        self.assertIn("key-missing", reply[5])

    def test_words_of_a_worker_are_made_harmless(self):
        self.find(b"", "evil\n\x1b[31m\x07 kskd: error \xff\xfe".encode(
            "latin-1"))

        def said():
            reply = self.peer().ask(ap.KEYS, {1: ap.wire_name(ZONE)})
            return reply[3][5][0].get(8)
        why = ap.wait_for(said)
        self.assertTrue(why.isprintable(), why)
        self.assertNotIn("\x1b", self.a.log_text())

    def test_silence_is_ended(self):
        self.when_ready()
        peer = self.start_ask()
        self.job()
        begin = time.monotonic()
        self.assertTrue(self.life.is_cut())
        self.assertLess(time.monotonic() - begin, 4 * ap.SLOW)
        self.life.close()
        self.live()
        self.find()
        # Asked once more; or, where workers ended too often before this one,
        # refused meanwhile.
        ready, _, _ = select.select([self.life.link, peer.sock], [], [], 20)
        if peer.sock in ready:
            self.assertEqual(peer.receive()[2], ap.NOT_READY)
            peer = self.start_ask()
        job = self.job()
        self.life.send(im.SIGNED, im.signed(job["job"], im.DONE,
                                            self.signature(job)))
        self.assertEqual(peer.receive()[2], ap.DONE)

    def test_answers_that_nobody_asked_for(self):
        for i, attack in enumerate((
                lambda: self.life.send(im.SIGNED),
                lambda: self.life.send(im.SIGNED, im.signed(
                    99, im.DONE, bytes(64))),
                lambda: self.life.send(im.SIGNED, im.signed(
                    1, im.DONE, bytes(513))),
                lambda: self.life.send(im.KEYS_FOUND, struct.pack(
                    ">I", 0) + im.block(self.ksk) + im.block("") + b"\0"),
                lambda: self.life.send(im.REQUESTS, b"x"),
                lambda: self.life.link.send(self.r.randbytes(60000)))):
            self.when_ready()
            signer = self.pid("kskd-signer")
            attack()
            self.assertTrue(self.life.is_cut(), i)
            ap.wait_for(lambda: self.a.children().get(
                "kskd-signer", [signer])[0] != signer)
            self.life.wait_link()
        self.when_ready()


if __name__ == "__main__":
    unittest.main()
