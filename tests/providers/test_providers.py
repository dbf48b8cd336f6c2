#!/usr/bin/python3
"""The Model 1 loop with the providers' own software, in its short form:
`kskctl sync` keeps four of them at one DNSKEY RRset while resolvers are asked
all the time, and says in one line what is wrong with one of them. The long
form is stories.py.
"""
import fcntl
import json
import os
import shutil
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench as bn  # noqa: E402
from bench import ZONE, ap, sh  # noqa: E402

DONE, REFUSED, USAGE, UNREACHABLE, LATER, BAD_INPUT = range(6)


class Loop(unittest.TestCase):
    """Ordinary days, in the order of the names."""

    @classmethod
    def setUpClass(cls):
        cls.b = bn.Bench(["alpha", "beta", "gamma", "delta"])
        cls.b.__enter__()
        cls.addClassCleanup(cls.b.__exit__)
        cls.b.start_parent()

    def test_1_first_delivery(self):
        b = self.b
        out = b.sync().out
        for provider in b.providers:
            self.assertIn(f"  {provider.name}: delivered\n", out)
            self.assertEqual(len(provider.tags()), 5)
        self.assertEqual(b.matrix(), {})
        b.__class__.watch = bn.Watch(b)

    def test_2_nothing_to_do(self):
        b = self.b

        def settled():
            # A run that keeps what there is may still wait for what comes
            # after the first set, as CDS does.
            zone = json.loads(b.sync("--json", check=False).out)["zones"][0]
            return zone if zone["signing"] == "kept" and \
                not zone["notes"] else None
        first = ap.wait_for(settled, 20, 0.5)
        second = json.loads(b.sync("--json").out)["zones"][0]
        self.assertEqual(second["signing"], "kept", (first, second))
        for word in ("record", "record-hash"):
            self.assertEqual(first["dnskey"][word], second["dnskey"][word])
        # It is the record that the appliance tells.
        with b.a.peer() as peer:
            last = peer.ask(ap.LAST_ANSWER, {
                1: ap.wire_name(ZONE), 2: ap.DNSKEY})[3]
        self.assertEqual((last[3], last[4].hex()), (
            second["dnskey"]["record"], second["dnskey"]["record-hash"]))
        self.assertEqual({p["state"] for p in second["providers"]},
                         {"in order"})

    def test_3_dry_run(self):
        b = self.b
        new = b.beta.new_zsk()
        b.pin(b.beta, *b.beta.keys())
        b.set_policy()
        before = b.beta.tags()
        out = b.sync("--dry-run").out
        self.assertIn("would be signed", out)
        self.assertIn(f"+{new.tag} (beta)", out)
        self.assertEqual(b.beta.tags(), before)
        b.__class__.new = new

    def test_4_zsk_roll(self):
        b = self.b
        old = [k for k in b.beta.keys() if k.tag != b.new.tag][0]
        out = b.sync().out
        self.assertIn(f"+{b.new.tag} (beta)", out)
        self.assertIn("is new: it may not sign", out)
        out = b.sync().out
        self.assertIn(f"key {b.new.tag} may sign from", out)
        ap.wait_for(lambda: "may sign from" not in b.sync().out, 20, 1)
        b.beta.activate(b.new, old)
        b.beta.forget(old)
        # The old key stays until no cache needs it.
        out = b.sync().out
        self.assertIn(f"wait: beta: key {old.tag} leaves at", out)
        ap.wait_for(lambda: f"-{old.tag} (beta)" in b.sync().out, 30, 1)
        for provider in b.providers:
            self.assertNotIn(old.tag, provider.tags())
        self.assertEqual(b.beta.signers(), {b.new.tag})

    def test_5_cds_everywhere(self):
        b = self.b
        ap.wait_for(lambda: "may have the DS" not in b.sync().out, 20, 1)
        for provider in b.providers:
            for kind in ("CDS", "CDNSKEY"):
                records, rrsigs, _ = provider.served(kind)
                self.assertEqual(len(records), 1, provider.name)
                self.assertIn(ap.key_tag(b.a.ksks["ksk1"]),
                              {r.key_tag for r in rrsigs})

    def test_6_nothing_failed(self):
        b = self.b
        time.sleep(2)
        self.assertEqual(b.matrix(), {})
        for name, seen in b.watch.finish().items():
            self.assertEqual(seen["bad"], [], (name, seen["bogus"]))
            self.assertGreater(seen["validated"], 100)
            self.assertEqual(seen["who"], sorted(b.names))


class KnotWithUpdate(bn.Knot):
    """Knot takes an UPDATE of DNSKEY, answers NOERROR and drops it."""

    def prepare(self, **more):
        super().prepare(**more)
        bn.write(self.path("owner.key"), sh(
            "tsig-keygen", "-a", "hmac-sha256", "owner").out, 0o600)
        secret = bn.read(self.path("owner.key")).split('"')[3]
        conf = bn.read(self.path("knot.conf")).replace(
            "policy:\n", "key:\n  - id: owner\n    algorithm: hmac-sha256\n"
            f"    secret: {secret}\nacl:\n  - id: owner\n    key: owner\n"
            "    action: update\npolicy:\n", 1)
        bn.write(self.path("knot.conf"), conf + "    acl: owner\n")

    def update(self):
        return (f'{{by: update, server: "{self.address}", '
                f'tsig: "{self.path("owner.key")}"}}')


class Trouble(unittest.TestCase):
    """One clear line for each thing that is wrong, the others are served."""

    def setUp(self):
        self.b = bn.Bench(["alpha", "beta", "delta"], alpha=KnotWithUpdate)
        self.b.__enter__()
        self.addCleanup(self.b.__exit__)
        self.b.sync()

    def new_key_at(self, provider):
        new = provider.new_zsk()
        self.b.pin(provider, *provider.keys())
        self.b.set_policy()
        return new

    def lines(self, out, word):
        return [x for x in out.splitlines() if word in x]

    def test_all_of_it(self):
        b = self.b
        with self.subTest("locked"):
            with open(os.path.join(b.dir, "sync.yaml"), "rb") as f:
                fcntl.flock(f, fcntl.LOCK_EX)
                done = b.sync(check=False)
            self.assertEqual(done.returncode, LATER)
            self.assertIn("another sync", done.err)
            self.assertEqual(done.out, "")
        with self.subTest("neighbour's key"):
            self.neighbours_key()
        with self.subTest("unknown key"):
            self.unknown_key()
        with self.subTest("shown early"):
            self.shown_early()
        with self.subTest("ignores the update"):
            self.ignores_update()
        with self.subTest("old set"):
            self.old_set()
        with self.subTest("down"):
            self.down()
        with self.subTest("refused"):
            self.refused()

    def neighbours_key(self):
        b = self.b
        key = b.beta.keys()[0]
        there = b.delta.path("keys", key.base + ".key")
        shutil.copy(b.beta.path("keys", key.base + ".key"), there)
        done = b.sync(check=False)
        os.unlink(there)
        self.assertEqual(done.returncode, LATER)
        self.assertEqual(self.lines(done.out, "fault:"), [
            f"  fault: delta: it offers key {key.tag}, which is one of beta: "
            "not taken"])
        self.assertEqual(b.sync().returncode, DONE)

    def unknown_key(self):
        b = self.b
        key = b.delta.new_zsk()
        done = b.sync(check=False)
        b.delta.forget(key)
        self.assertEqual(done.returncode, LATER)
        line, = self.lines(done.out, "fault:")
        self.assertIn(f"offers key {key.tag}, which the policy does not list",
                      line)
        self.assertIn(key.ds, line)
        self.assertNotIn(key.tag, b.beta.tags())

    def shown_early(self):
        """Beta's new ZSK is in its DNSKEY RRset before that was signed."""
        b = self.b
        b.write_sync()
        text = bn.read(os.path.join(b.dir, "sync.yaml"))
        bn.write(os.path.join(b.dir, "sync.yaml"),
                 text.replace(b.beta.gather(), "{by: dns}"))
        new = self.new_key_at(b.beta)
        line = [x for x in bn.read(b.beta.path(
            "keys", new.base + ".key")).splitlines() if " DNSKEY " in x][-1]
        words = line.split()
        at = words.index("DNSKEY")
        sh("nsupdate", "-k", b.beta.path("owner.key"), input=(
            f"server {bn.ADDRESS} {b.beta.port}\nzone {ZONE}\nupdate add "
            f"{ZONE} {bn.KEY_TTL} DNSKEY {' '.join(words[at + 1:])}\nsend\n"))
        self.assertIn(new.tag, b.beta.tags())
        done = b.sync(check=False)
        self.assertEqual(done.returncode, LATER, done.out)
        self.assertEqual(self.lines(done.out, "fault:"), [
            f"  fault: beta: it shows key {new.tag} before that was signed: "
            "its DNSKEY RRset does not validate until the next delivery"])
        self.assertIn("  beta: delivered\n", done.out)
        self.assertEqual(b.matrix(), {})
        b.write_sync()

    def ignores_update(self):
        b = self.b
        path = os.path.join(b.dir, "sync.yaml")
        text = bn.read(path).replace("settle: 15s", "settle: 3s")
        bn.write(path, text.replace(b.alpha.sync()[1], b.alpha.update()))
        new = self.new_key_at(b.delta)
        done = b.sync(check=False)
        self.assertEqual(done.returncode, LATER)
        self.assertIn("  alpha: differs\n", done.out)
        self.assertIn(f"  alpha: {b.alpha.address}: DNSKEY lacks key "
                      f"{new.tag}\n", done.out)
        self.assertIn("  beta: delivered\n", done.out)
        self.assertIn("  delta: delivered\n", done.out)
        b.write_sync()
        self.assertIn("  alpha: delivered\n", b.sync().out)

    def old_set(self):
        """Delta's operator puts an old zone back; it is only looked at."""
        b = self.b
        path = os.path.join(b.dir, "sync.yaml")
        old = bn.read(b.delta.path("signed.zone"))
        new = self.new_key_at(b.beta)
        self.assertIn(f"+{new.tag} (beta)", b.sync().out)
        bn.write(path, bn.read(path).replace(b.delta.sync()[1],
                                             "{by: none}"))
        now = bn.read(b.delta.path("signed.zone"))
        bn.write(b.delta.path("signed.zone"), old)
        sh("nsd-control", "-c", b.delta.path("nsd.conf"), "reload", ZONE)
        bn.eventually(lambda: new.tag not in b.delta.tags())
        done = b.sync(check=False)
        self.assertEqual(done.returncode, LATER)
        self.assertIn("  delta: differs\n", done.out)
        self.assertIn(f"DNSKEY lacks key {new.tag}", done.out)
        # Served; delivered, where CDS could be signed only now.
        self.assertRegex(done.out, "  beta: (in order|delivered)\n")
        bn.write(b.delta.path("signed.zone"), now)
        b.write_sync()

    def down(self):
        b = self.b
        b.delta.stop()
        b.write_sync(settle="2s")
        new = self.new_key_at(b.alpha)
        done = b.sync(check=False)
        self.assertEqual(done.returncode, LATER)
        self.assertIn(f"+{new.tag} (alpha)", done.out)
        self.assertEqual(len([x for x in self.lines(
            done.out, b.delta.address) if "refused" in x]), 1, done.out)
        self.assertIn("  alpha: delivered\n", done.out)
        self.assertIn("  beta: delivered\n", done.out)
        b.delta.start()
        b.write_sync()
        self.assertEqual(b.sync().returncode, DONE)

    def refused(self):
        """What the policy refuses is not signed; what is in effect is
        delivered on. Nothing leaves that a cache needs."""
        b = self.b
        keys = b.delta.keys()
        b.more = {"rate": "1/100d"}
        self.new_key_at(b.beta)
        done = b.sync(check=False)
        b.more = {}
        b.set_policy()
        self.assertEqual(done.returncode, REFUSED, done.out)
        self.assertIn("  refused: DNSKEY: rate: ", done.out)
        self.assertIn("  delta: in order\n", done.out)
        self.assertLessEqual({k.tag for k in keys}, b.delta.tags())


if __name__ == "__main__":
    unittest.main()
