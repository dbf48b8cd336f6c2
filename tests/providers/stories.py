#!/usr/bin/python3
"""Rolls as stories, with the providers' own software, under a loop of queries
that must never fail: ZSKs at every provider, then the KSK with the DS at the
parent; a provider that joins and leaves again. `make providers` runs it; PROBES= is how many validated queries there
must be at least.
"""
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench as bn  # noqa: E402
from bench import ap  # noqa: E402

PROBES = int(os.environ.get("KSK_PROBES", "5000"))
RATE = 20


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Stories(unittest.TestCase):
    """One zone's life, in the order of the names."""

    @classmethod
    def setUpClass(cls):
        cls.b = bn.Bench(["alpha", "beta", "gamma", "delta"])
        cls.b.__enter__()
        cls.addClassCleanup(cls.b.__exit__)
        cls.b.start_parent()
        cls.b.sync()
        cls.watch = bn.Watch(cls.b, RATE)

    def until(self, holds, seconds=60):
        """Runs sync until its words are right, as a timer would."""
        ap.wait_for(lambda: holds(self.b.sync(check=False).out), seconds, 1)

    def zsk_roll(self, provider):
        b = self.b
        old, = provider.keys()
        new = provider.new_zsk()
        b.pin(provider, old, new)
        b.set_policy()
        self.until(lambda out: all(new.tag in p.tags() for p in b.providers)
                   and f"key {new.tag} " not in out)
        provider.activate(new, old)
        bn.eventually(lambda: provider.signers() == {new.tag})
        provider.forget(old)
        self.until(lambda out: all(
            old.tag not in p.tags() for p in b.providers))
        b.pin(provider, new)
        b.set_policy()
        self.assertEqual(b.sync().returncode, 0)

    def test_1_zsk_rolls(self):
        for provider in self.b.providers:
            with self.subTest(provider.name):
                self.zsk_roll(provider)

    def test_2_ksk_roll(self):
        """Both stand and sign; CDS and DS change; the old one goes."""
        b = self.b
        b.ksk = [("ksk1", "from: 2020-01-01T00:00:00Z, cds: yes")]
        new = b.add_ksk("ksk2", f"from: {now()}, cds: no")
        b.more["parent-ds"] = f'{{seen: {now()}, ds: ["{b.ds("ksk1")}"]}}'
        b.set_policy()
        self.until(lambda out: all(new in p.tags() for p in b.providers))
        b.ksk = [("ksk1", "from: 2020-01-01T00:00:00Z, cds: no"),
                 ("ksk2", b.ksk[1][1].replace("cds: no", "cds: yes"))]
        b.set_policy()
        self.until(lambda out: all(
            {int.from_bytes(r[:2], "big") for r in p.served("CDS")[0]} == {new}
            for p in b.providers))
        b.parent.change_ds(b.ds("ksk2"))
        b.more["parent-ds"] = f'{{seen: {now()}, ds: ["{b.ds("ksk2")}"]}}'
        b.set_policy()
        # What the parent said before must be out of all caches.
        time.sleep(bn.DS_TTL + 2)
        b.ksk = [("ksk1", f"from: 2020-01-01T00:00:00Z, until: {now()}, "
                  "cds: no"), b.ksk[1]]
        b.set_policy()
        old = ap.key_tag(b.a.ksks["ksk1"])
        self.until(lambda out: all(
            old not in p.tags() for p in b.providers))
        # BIND may drop our RRSIGs over CDS a moment after DNSKEY changed, and
        # signs CDS with its own ZSK alone; the next runs mend that.
        self.until(lambda out: b.check().returncode == 0)
        self.assertEqual(b.matrix(labels=("ksk2",)), {})
        self.assertEqual(b.check().returncode, 0, b.check().out)

    def test_3_nothing_failed(self):
        while min(len(p.log) for p in self.watch.probers.values()) < \
                PROBES / 2:
            self.assertEqual(self.b.sync().returncode, 0)
            time.sleep(1)
        seen = self.watch.finish()
        for name, one in seen.items():
            self.assertEqual(one["bad"], [], (name, one["bogus"]))
            self.assertEqual(one["who"], sorted(self.b.names))
        self.assertGreaterEqual(
            sum(one["validated"] for one in seen.values()), PROBES)


class Membership(unittest.TestCase):
    """Delta joins and leaves, the resolvers ask the three others."""

    def setUp(self):
        self.b = bn.Bench(["alpha", "beta", "gamma", "delta"])
        self.b.states["delta"] = "joining"
        self.b.__enter__()
        self.addCleanup(self.b.__exit__)
        self.stay = self.b.providers[:3]
        self.b.start_parent()
        self.b.write_sync(self.stay)
        self.b.sync()

    def until(self, holds):
        ap.wait_for(lambda: holds(self.b.sync(check=False).out), 60, 1)

    def test_joins_and_leaves(self):
        b = self.b
        key, = b.delta.keys()
        self.assertNotIn(key.tag, b.alpha.tags())
        watch = bn.Watch(b, RATE, self.stay)
        # Its keys are shared before anybody asks it.
        b.write_sync()
        self.until(lambda out: f"key {key.tag} " not in out and all(
            key.tag in p.tags() for p in b.providers))
        b.states["delta"] = "serving"
        b.set_policy()
        self.assertEqual(b.sync().returncode, 0)
        self.assertEqual(b.matrix(), {})
        # Its last NS record and what caches had of it are gone.
        b.states["delta"] = f"leaving, gone: {now()}"
        b.set_policy()
        b.delta.stop()
        b.write_sync(self.stay)
        b.delta.forget(key)
        time.sleep(bn.TTL + 2)
        b.state["delta"] = [f'{{ds: "{key.ds}", retired: {now()}}}']
        b.set_policy()
        self.until(lambda out: all(
            key.tag not in p.tags() for p in self.stay))
        b.providers = self.stay
        self.assertEqual(b.matrix(), {})
        time.sleep(bn.KEY_TTL)
        for name, one in watch.finish().items():
            self.assertEqual(one["bad"], [], (name, one["bogus"]))
            self.assertEqual(one["who"], ["alpha", "beta", "gamma"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
