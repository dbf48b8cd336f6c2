#!/usr/bin/python3
"""Announcements: a provider says which ZSKs it signs with, in a text signed with
openssl's own tool, and rotates its key without an operator; whoever brings it
can add nothing of his own; each wrong one is refused with its own reason and
changes nothing.
"""
import contextlib
import json
import os
import sqlite3
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402
from test_clock import with_clock  # noqa: E402

SANITIZED = True
ANNOUNCE = 9
ZONE = "lab.example."
DAY = 86400


def rfc3339(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


class Signer:
    """A key and a certificate, made by openssl."""

    def __init__(self, folder, name, *key):
        self.key = os.path.join(folder, f"{name}.key")
        self.crt = os.path.join(folder, f"{name}.crt")
        ap.sh("openssl", "req", "-x509", "-newkey",
              *(key or ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")),
              "-nodes", "-keyout", self.key, "-out", self.crt, "-days", "30",
              "-subj", f"/CN={name}")

    def sign(self, text, *more, resign=None):
        """DER of a signed text; resign: other signers besides."""
        with tempfile.TemporaryDirectory() as folder:
            plain = os.path.join(folder, "a.txt")
            signed = os.path.join(folder, "a.cms")
            with open(plain, "wb") as f:
                f.write(text.encode() if isinstance(text, str) else text)
            who = [w for s in [self, *(resign or [])]
                   for w in ("-signer", s.crt, "-inkey", s.key)]
            ap.sh("openssl", "cms", "-sign", "-binary", "-nodetach",
                  "-nosmimecap", "-md", "sha256", "-outform", "DER", *more,
                  *who, "-in", plain, "-out", signed)
            with open(signed, "rb") as f:
                return f.read()

    @property
    def yaml(self):
        with open(self.crt, encoding="ascii") as f:
            return f.read().replace("\n", "\\n")


class Announce(unittest.TestCase):
    ahead = 0   # of the appliance's clock, seconds

    def setUp(self):
        self.a = ap.Appliance(workers=1)
        self.addCleanup(self.a.__exit__)
        a = self.a.make()
        a.add_ksk(ZONE, "ksk1")
        a.add_client("auto")
        a.add_client("carrier", may="announce")
        a.add_client("reader", may="read")
        self.alpha = Signer(a.dir, "alpha")
        self.beta = Signer(a.dir, "beta", "rsa:2048")
        self.z1, self.z2, self.z3 = (
            ap.Zsk(a.path(f"z{i}"), ZONE) for i in (1, 2, 3))
        self.zb = ap.Zsk(a.path("zb"), ZONE)
        self.stranger = ap.Zsk(a.path("zs"), ZONE)

    def policy(self, certificate=None, more="", beta=None):
        """alpha announces; beta is pinned unless it has a certificate."""
        a = self.a
        a.zones.clear()
        a.add_zone(ZONE, ["ksk1"], {"beta": [self.zb]},
                   clients=("auto", "carrier", "reader"))
        text = a.policy_text()
        alpha = ("    providers:\n      - {name: alpha, state: serving, "
                 "source: announced, max-keys: 2, certificate: "
                 f"\"{(certificate or self.alpha).yaml}\"{more}}}\n")
        text = text.replace("    providers:\n", alpha)
        if beta:
            text = text.replace(
                "{name: beta, state: serving, source: pinned",
                "{name: beta, state: serving, source: announced, "
                f"certificate: \"{beta.yaml}\"")
        a.write_policy(text)

    def start(self, **more):
        self.policy(**more)
        self.a.start()

    def reload(self, **more):
        """A new policy, in force."""
        self.policy(**more)
        self.a.reload()
        ap.wait_for(lambda: self.status()[6] == self.a.version)

    def status(self):
        with self.a.peer() as peer:
            return peer.ask(ap.STATUS)[3]

    def text(self, serial, keys, zone=ZONE, provider="alpha", begin=-DAY, end=100,
             appliance=None, kind="announcement"):
        now = int(time.time()) + self.ahead
        lines = [f"kind: {kind}"]
        if appliance:
            lines.append(f"appliance: {appliance}")
        lines += [f"zone: {zone}", f"provider: {provider}",
                  f"serial: {serial}", f"not-before: {rfc3339(now + begin)}",
                  f"not-after: {rfc3339(now + end * DAY)}", ""]
        for key in keys:
            retired = None
            if isinstance(key, tuple):
                key, retired = key
            lines.append(ap.dnskey_line(zone, key.rdata))
            if retired is not None:
                lines.append(f"retired: {rfc3339(retired)}")
        return "\n".join(lines) + "\n"

    def announce(self, document, client="auto"):
        with self.a.peer(client) as peer:
            return peer.ask(ANNOUNCE, {1: document})

    def accept(self, document, client="auto"):
        reply = self.announce(document, client)
        self.assertEqual(reply[2], ap.DONE, reply)
        return reply[3]

    def refuse(self, document, *reasons, client="auto", status=ap.REFUSED):
        """Refused for these reasons, (rule, words) each, and no others."""
        reply = self.announce(document, client)
        self.assertEqual(reply[2], status, reply)
        told = [(r[1], r[2]) for r in reply.get(4, [])]
        self.assertEqual(len(told), len(reasons), told)
        for rule, words in reasons:
            self.assertTrue(any(rule == r and words in w for r, w in told),
                            (rule, words, told))
        return reply

    def sign(self, zsks, body=None):
        with self.a.peer() as peer:
            return self.a.sign(peer, ZONE, zsks, body=body or {})

    def signed(self, *zsks):
        reply = self.sign(zsks)
        self.assertEqual(reply[2], ap.DONE, reply)
        return reply[3]

    def refused(self, rule, words, *zsks):
        reply = self.sign(zsks)
        self.assertEqual(reply[2], ap.REFUSED, reply)
        self.assertTrue(any(r[1] == rule and words in r[2]
                            for r in reply[4]), reply)

    def provider(self, name="alpha"):
        with self.a.peer() as peer:
            keys = peer.ask(ap.KEYS, {1: ap.wire_name(ZONE)})[3]
        return next(p for p in keys[6] if p[1] == name)


class Rotation(Announce):
    """A ZSK roll by announcements, in time, and what comes before its time."""

    def setUp(self):
        super().setUp()
        self.clock = with_clock(self.a)
        self.addCleanup(self.clock.close)

    def wait(self, hours):
        self.clock.pass_time(hours * 3600)
        self.ahead += hours * 3600

    def test_a_roll(self):
        z1, z2, zb, sign = self.z1, self.z2, self.zb, self.alpha.sign
        self.start()
        self.accept(sign(self.text(1, [z1])))
        self.signed(z1, zb)
        self.wait(100)
        # Not before it is announced …
        self.refused("key-allowed", "announced by it", z1, z2, zb)
        self.accept(sign(self.text(2, [z1, z2])))
        # Who builds the set needs nothing but the appliance.
        self.assertEqual({k[8] for k in self.provider()[3]},
                         {z1.rdata, z2.rdata})
        self.assertFalse([k for k in self.provider("beta")[3] if 8 in k])
        self.signed(z1, z2, zb)
        # … and the old one stays until no cache needs it: TTL and
        # propagation, then the provider's delay, propagation, a day of data.
        self.wait(20)
        self.accept(sign(self.text(3, [z2], end=4)))
        self.refused("early-drop", "keep it until", z2, zb)
        self.signed(z1, z2, zb)
        self.assertEqual([(k.get(7), k.get(8)) for k in sorted(
            self.provider()[3], key=lambda k: k[7])],
            [(1, z2.rdata), (3, None)])
        self.wait(7)
        self.refused("early-drop", "keep it until", z2, zb)
        self.wait(2)
        self.signed(z2, zb)
        # It can't come back, by whoever asks.
        self.refused("key-allowed", "announced by it", z1, z2, zb)
        self.assertEqual([k.get(7) for k in self.provider()[3]], [1])
        self.assertNotIn(16, self.status())
        # Of its 5 days the last quarter is told, from hour 66 on.
        self.wait(36)
        self.assertNotIn(16, self.status())
        self.wait(22)
        self.assertEqual([n[3] for n in self.status()[16]], [0])
        self.wait(30)
        self.assertEqual([n[3] for n in self.status()[16]], [2])
        self.assertEqual(self.status()[16][0][5], self.provider()[4][3])
        self.refused("key-allowed", "announced by it", z2, self.z3, zb)
        warning = self.signed(z2, zb)[6][0]
        self.assertIn("has expired", warning[2])
        self.accept(sign(self.text(4, [z2, self.z3])))
        self.signed(z2, self.z3, zb)

    def test_retired_and_early(self):
        """Keys of one answer: which one was left, only the provider knows."""
        z1, z2, zb, sign = self.z1, self.z2, self.zb, self.alpha.sign
        self.start()
        self.accept(sign(self.text(1, [z1, z2])))
        self.signed(z1, z2, zb)
        self.wait(60)
        self.refused("early-drop", "`retired`", z2, zb)
        now = int(time.time()) + self.ahead
        self.accept(sign(self.text(2, [(z1, now - 3600), z2])))
        self.refused("early-drop", "keep it until", z2, zb)
        self.wait(25)
        self.signed(z2, zb)
        # One for tomorrow lets nothing in today.
        self.accept(sign(self.text(3, [z2, self.z3], begin=DAY)))
        self.refused("key-allowed", "not valid yet", z2, self.z3, zb)
        self.signed(z2, zb)
        self.assertNotIn(16, self.status())
        self.wait(25)
        self.signed(z2, self.z3, zb)


class Whole(Announce):
    def test_a_key_enters_by_announcement_alone(self):
        self.start()
        self.refused("provider-present", "has not come yet", self.z1, self.zb)
        self.assertEqual(self.provider()[4], {1: 4})
        self.assertEqual([n[3] for n in self.status()[16]], [4])
        text = self.text(1, [self.z1])  # names this moment
        document = self.alpha.sign(text)
        # A client that may do nothing else brings it; a reader may not.
        self.refuse(document, client="reader", status=ap.NOT_AUTHORISED)
        body = self.accept(document, client="carrier")
        self.assertFalse(body[3])
        with self.a.peer("carrier") as peer:
            self.assertEqual(peer.ask(ap.STATUS)[2], ap.NOT_AUTHORISED)
        # The same again changes nothing, also with another signature.
        again = self.accept(document)
        self.assertEqual((again[1], again[2], again[3]),
                         (body[1], body[2], True))
        self.assertTrue(self.accept(self.alpha.sign(text, "-keyid"))[3])
        answer = self.signed(self.z1, self.zb)
        keyset = self.a.keyset(ZONE, [self.z1, self.zb])
        done = self.a.validate(ZONE, keyset, answer[1], self.z1)
        self.assertEqual(done.returncode, 0, done.out + done.err)
        # Neither the automation nor its own text adds a key.
        self.refused("key-allowed", "announced by it", self.z1, self.stranger,
                     self.zb)
        said = self.provider()
        self.assertEqual(said[4][1], 0)
        self.assertEqual((said[4][2], said[4][6]), (1, body[1]))
        self.assertLess(abs(said[4][3] - time.time()), 60 * ap.SLOW)
        self.assertEqual([k.get(7) for k in said[3]], [1])
        self.assertNotIn(16, self.status())

    def test_wrong_ones_are_refused_each_with_its_reason(self):
        self.start()
        good = self.alpha.sign(self.text(5, [self.z1]))
        self.accept(good)
        self.signed(self.z1, self.zb)
        own = Signer(self.a.dir, "own")
        alpha, text = self.alpha.sign, self.text
        serial, many = ("serial", "used for another"), "2 signatures"
        # The automation's own words, signed by itself, by nobody, by both.
        fresh = text(6, [self.stranger])
        self.refuse(own.sign(fresh), ("signature", "not that of the"))
        self.refuse(fresh.encode(), ("document", "not a signed document"))
        self.refuse(alpha(fresh, resign=[own]), ("signature", many))
        self.refuse(self.beta.sign(text(6, [self.zb], provider="beta")),
                    ("provider", "are pinned"))
        # One byte other than what was signed.
        for part in (b"serial: 5", b"DNSKEY 256 3 13 "):
            at = good.index(part) + len(part)
            changed = good[:at - 1] + bytes([good[at - 1] ^ 1]) + good[at:]
            reply = self.announce(changed)
            self.assertEqual(reply[2], ap.REFUSED, reply)
        self.refuse(alpha(fresh, "-noattr"), ("signature", "-noattr"))
        self.refuse(good + b"\0", ("document", "bytes follow"))
        self.refuse(good[:-1], ("document", "not a signed document"))
        # Older, or the same number twice.
        self.refuse(alpha(text(5, [self.z2])), serial)
        self.refuse(alpha(text(4, [self.z1])), ("serial", "lower than 5"))
        # For somebody or something else, or too late.
        self.refuse(alpha(text(6, [self.z2], zone="other.example.")),
                    ("zone", "no zone other.example."),
                    status=ap.UNKNOWN_ZONE)
        self.refuse(alpha(text(6, [self.z2], provider="gamma")),
                    ("provider", "no provider"))
        self.refuse(alpha(text(6, [self.z2], appliance="00" * 16)),
                    ("document", "is for the appliance"))
        self.refuse(alpha(text(6, [self.z2], begin=-2 * DAY, end=-1)),
                    ("dates", "expired"))
        self.refuse(alpha(text(6, [self.z2], kind="policy")),
                    ("document", "line 1"))
        # Keys of another, too many, none; all that is wrong at once.
        self.refuse(alpha(text(6, [self.z2, self.zb])),
                    ("key-allowed", "beta lists"))
        self.refuse(alpha(text(6, [self.z1, self.z2, self.z3])),
                    ("provider-present", "max-keys"))
        self.refuse(alpha(text(6, [])), ("document", "no key is listed"))
        self.refuse(own.sign(text(4, [self.zb], end=-1, begin=-2 * DAY)),
                    ("signature", "not that"), ("serial", "lower"),
                    ("dates", "expired"), ("key-allowed", "beta lists"))
        self.refuse(alpha("kind: announcement\nserial: 0\n"),
                    *[("document", w) for w in (
                        "line 2", "`zone:`", "`provider:`", "`not-before:`",
                        "`not-after:`", "no key")])
        # All that changed nothing: the accepted one stands.
        self.assertEqual(self.provider()[4][2], 5)
        self.signed(self.z1, self.zb)
        with self.a.peer() as peer:
            reply = peer.ask(ANNOUNCE, {1: bytes(40961)})
            self.assertEqual(reply[2], ap.TOO_LARGE)

    def test_restart_and_another_certificate(self):
        self.start()
        first = self.alpha.sign(self.text(1, [self.z1]))
        self.accept(first)
        self.signed(self.z1, self.zb)
        body = self.accept(self.alpha.sign(self.text(2, [self.z1, self.z2])))
        self.a.stop()
        self.a.start()
        self.assertEqual(self.provider()[4][2], 2)
        self.assertEqual(self.provider()[4][6], body[1])
        self.refuse(first, ("serial", "lower than 2"))
        # A renewed certificate of the same key is the same signer.
        renewed = Signer.__new__(Signer)
        renewed.key, renewed.crt = self.alpha.key, self.a.path("renewed.crt")
        ap.sh("openssl", "req", "-x509", "-key", renewed.key, "-out",
              renewed.crt, "-days", "9", "-subj", "/CN=renewed")
        self.reload(certificate=renewed)
        self.assertEqual(self.provider()[4][1], 0)
        # Another key makes what it signed void: nothing enters, all stays.
        other = Signer(self.a.dir, "other")
        self.reload(certificate=other)
        self.assertEqual(self.provider()[4][1], 3)
        self.assertEqual([(n[2], n[3]) for n in self.status()[16]],
                         [("alpha", 3)])
        self.refused("key-allowed", "is void", self.z1, self.z2, self.zb)
        warning = self.signed(self.z1, self.zb)[6][0]
        self.assertIn("is void", warning[2])
        self.assertEqual([(k.get(7), k.get(8)) for k in self.provider()[3]],
                         [(2, self.z1.rdata)])
        kskctl = [self.a.tool("kskctl"), "--config", self.profile(), "status"]
        self.assertRegex(
            ap.sh(*kskctl).out, f"announcement of alpha for {ZONE}: is void, "
            "[^,]*, accepted 2[^ ]*Z, not after 2[^ ]*Z; the provider must")
        notice, = json.loads(ap.sh(*kskctl, "--json").out)["announcements"]
        self.assertIn("accepted", notice)
        self.refuse(self.alpha.sign(self.text(3, [self.z1])),
                    ("signature", "not that of the provider"))
        self.refuse(other.sign(self.text(2, [self.z1])),
                    ("serial", "used for another"))
        self.accept(other.sign(self.text(3, [self.z1, self.z2])))
        self.signed(self.z1, self.z2, self.zb)
        self.assertNotIn(16, self.status())

    def test_what_is_kept_can_be_proven(self):
        """`kskadm journal check` compares it with what the provider signed."""
        self.start()
        a, path = self.a, self.a.path("state/journal/journal.db")

        def rows(sql, *values):
            with contextlib.closing(sqlite3.connect(path)) as db, db:
                return db.execute(sql, values).fetchall()
        self.accept(self.alpha.sign(self.text(1, [self.z1])))
        self.signed(self.z1, self.zb)
        a.stop()
        first, = rows("SELECT * FROM announced")
        a.start()
        self.accept(self.alpha.sign(self.text(2, [(self.z1, 1), self.z2])))
        a.stop()
        a.kskadm("journal", "check", path)
        row, = rows("SELECT * FROM announced")

        def found(words, *columns):
            rows("DELETE FROM announced")
            rows("INSERT INTO announced VALUES(?, ?, ?, ?, ?, ?)", *columns)
            done = a.kskadm("journal", "check", path, check=False)
            self.assertEqual(done.returncode, 14, done.out + done.err)
            self.assertIn(words, done.err)
        found("a later one is there", *first)
        found("its provider, key or dates are others", row[0], "beta", *row[2:])
        found("its provider, key or dates are others", *row[:4], row[4] + 1,
              row[5])
        found("is not this provider's announcement", ap.wire_name("other."),
              *row[1:])
        digest = bytes.fromhex(self.z2.ds.split()[3])
        self.assertEqual(row[5].count(digest), 1)
        found("lists other keys", *row[:5], row[5].replace(
            digest, bytes(32)))
        found("can't be read", *row[:5], row[5][:-1])
        passed = 0
        for at in range(0, len(row[5]), 11):
            body = bytearray(row[5])
            body[at] ^= 0x40
            rows("DELETE FROM announced")
            rows("INSERT INTO announced VALUES(?, ?, ?, ?, ?, ?)", *row[:5],
                 bytes(body))
            passed += a.kskadm("journal", "check", path,
                               check=False).returncode == 0
        # The second in which it was accepted is not looked at to the second.
        self.assertLessEqual(passed, 1)
        rows("DELETE FROM announced")
        rows("INSERT INTO announced VALUES(?, ?, ?, ?, ?, ?)", *row)
        a.kskadm("journal", "check", path)

    def test_pins_give_way_to_announcements(self):
        """A provider goes over while its zone is served."""
        self.start(more=f', keys: [{{ds: "{self.z1.ds}"}}]')
        self.signed(self.z1, self.zb)
        # Without the pin, and before it announced: the policy is refused.
        self.policy()
        self.a.reload()
        ap.wait_for(lambda: self.a.log_lines("reload-refused"))
        self.assertIn(self.z1.ds.split()[3], self.a.log_text())
        self.a.version -= 1
        self.accept(self.alpha.sign(self.text(1, [self.z1])))
        self.reload()
        self.signed(self.z1, self.zb)
        # A key that two announce would be nobody's.
        self.reload(beta=self.beta, more="")

    def test_two_that_announce(self):
        self.start(beta=self.beta)
        self.accept(self.alpha.sign(self.text(1, [self.z1])))
        self.refuse(self.beta.sign(self.text(1, [self.z1, self.zb],
                                             provider="beta")),
                    ("key-allowed", "alpha lists"))
        # alpha's signature is worth nothing for beta.
        self.refuse(self.alpha.sign(self.text(1, [self.zb],
                                              provider="beta")),
                    ("signature", "not that of the provider"))
        self.accept(self.beta.sign(self.text(1, [self.zb], provider="beta")))
        self.signed(self.z1, self.zb)

    def test_a_bad_one_never_blocks(self):
        """It drops the key in use, and the zone goes on with it."""
        self.start()
        self.accept(self.alpha.sign(self.text(1, [self.z1])))
        self.signed(self.z1, self.zb)
        self.accept(self.alpha.sign(self.text(2, [self.z2])))
        self.refused("early-drop", "keep it until", self.z2, self.zb)
        self.signed(self.z1, self.zb)
        self.signed(self.z1, self.z2, self.zb)
        self.assertEqual(sorted(k.get(7) for k in self.provider()[3]), [1, 3])
        # Nor does a third one that forgets them all.
        self.accept(self.alpha.sign(self.text(3, [self.z3])))
        self.signed(self.z1, self.z2, self.zb)
        self.assertEqual(sorted(k.get(7) for k in self.provider()[3]),
                         [1, 3, 3])

    def test_kskctl(self):
        a = self.a
        self.start()
        path = a.path("alpha.cms")
        with open(path, "wb") as f:
            f.write(self.alpha.sign(self.text(7, [self.z1])))
        kskctl = [a.tool("kskctl"), "--config", self.profile()]
        done = ap.sh(*kskctl, "announce", "--show", path)
        self.assertIn("serial: 7", done.out)
        self.assertIn(f"key: {self.z1.ds}", done.out)
        self.assertIn(", good", done.out)
        policy = a.path("etc/policy.yaml")
        ap.sh(*kskctl, "announce", "--show", "--policy", policy, path)
        done = ap.sh(*kskctl, "announce", path)
        self.assertIn("accepted as record", done.out)
        done = ap.sh(*kskctl, "announce", path)
        self.assertIn("has it already", done.out)
        done = ap.sh(*kskctl, "keys", ZONE)
        self.assertIn("announcement 7: valid", done.out)
        self.assertIn(", announced", done.out)
        with open(path, "wb") as f:
            f.write(self.alpha.sign(self.text(6, [self.z1])))
        done = ap.sh(*kskctl, "announce", path, check=False)
        self.assertEqual(done.returncode, 1, done.err)
        self.assertIn("serial: ", done.err)
        with open(path, "wb") as f:
            f.write(self.beta.sign(self.text(8, [self.z1, self.z1])))
        for more in ([], ["--show"]):
            done = ap.sh(*kskctl, "announce", *more, path, check=False)
            self.assertEqual(done.returncode, 5, done.err)
            self.assertIn("stands already in line 8", done.err)
        with open(path, "wb") as f:
            f.write(self.beta.sign(self.text(8, [self.z1])))
        done = ap.sh(*kskctl, "announce", "--show", "--policy", policy, path,
                     check=False)
        self.assertEqual(done.returncode, 1, done.err)
        self.assertIn("signature: ", done.err)

    def profile(self):
        return self.a.write("kskctl.yaml", (
            f"key: auto.key\ncertificate: auto.crt\nappliances:\n"
            f"  - {{address: 127.0.0.1:{self.a.port}, server-pins: "
            f"[{self.a.server_pin}]}}\n"))


if __name__ == "__main__":
    unittest.main()
