#!/usr/bin/python3
"""Rolls: of ZSKs at each provider, of the KSK with its DS, of the algorithm."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench as bn  # noqa: E402
from story import Story, now  # noqa: E402


class Zsk(Story):
    """Every provider rolls its ZSK by its own means."""

    def roll(self, provider):
        b = self.b
        old, = provider.keys()
        new = provider.new_zsk()
        b.pin(provider, old, new)
        b.set_policy()
        self.shared(new)
        provider.activate(new, old)
        bn.eventually(lambda: provider.signers() == {new.tag})
        provider.forget(old)
        self.gone(old)
        b.pin(provider, new)
        b.set_policy()
        self.assertEqual(b.sync().returncode, 0)

    def test_story(self):
        for provider in self.b.providers:
            with self.subTest(provider.name):
                self.roll(provider)
        self.in_order("ksk1")
        self.end()


class Ksk(Story):
    """Both KSKs stand and sign; CDS and DS change; the old one goes."""

    def test_story(self):
        b = self.b
        old = bn.ap.key_tag(b.a.ksks["ksk1"])
        new = b.add_ksk("ksk2", f"from: {now()}, cds: no")
        self.attest(b.ds("ksk1"))
        self.until(lambda out: all(new in p.tags() for p in b.providers))
        since = b.ksk[1][1].replace(", cds: no", "")
        b.ksk = [("ksk1", "cds: no"), ("ksk2", since + ", cds: yes")]
        b.set_policy()
        self.cds_is(new)
        self.new_parent(b.ds("ksk2"))
        b.ksk = [("ksk1", f"until: {now()}, cds: no"), b.ksk[1]]
        b.set_policy()
        self.until(lambda out: all(old not in p.tags() for p in b.providers))
        self.in_order("ksk2")
        self.end()


class Algorithm(Story):
    """RSA to ECDSA: signatures of both, then the DS, then RSA goes (RFC 6781
    4.1.4). All providers enter the new algorithm in one set, and leave the old
    one in one set (RFC 8901 5)."""
    ALGORITHM = "RSASHA256"

    def test_story(self):
        b = self.b
        old = {p.name: p.keys()[0] for p in b.providers}
        new = {p.name: p.enter(bn.ALGORITHM) for p in b.providers}
        b.add_ksk("ksk2", f"from: {now()}, cds: no", bn.ALGORITHM)
        for p in b.providers:
            b.pin(p, old[p.name], new[p.name])
        self.attest(b.ds("ksk1"))
        self.shared(*new.values())
        # Both algorithms sign all data before a DS promises the new one.
        for p in b.providers:
            if p.signers() == {old[p.name].tag}:
                p.activate(new[p.name])
        for p in b.providers:
            bn.eventually(lambda p=p: p.signers() == {
                old[p.name].tag, new[p.name].tag})
        since = b.ksk[1][1].replace(", cds: no", "")
        b.ksk = [("ksk1", "cds: no"), ("ksk2", since + ", cds: yes")]
        b.set_policy()
        self.cds_is(bn.ap.key_tag(b.a.ksks["ksk2"]))
        self.new_parent(b.ds("ksk2"))
        # RSA leaves in one set; BIND would put a key back that it still has.
        b.beta.leave(old["beta"])
        b.ksk = [("ksk1", f"until: {now()}, cds: no"), b.ksk[1]]
        for p in b.providers:
            b.pin(p, f'{{ds: "{old[p.name].ds}", retired: {now()}}}',
                  new[p.name])
        b.set_policy()
        self.gone(*old.values())
        for p in (b.alpha, b.gamma, b.delta):
            p.leave(old[p.name])
        for p in b.providers:
            bn.eventually(lambda p=p: p.signers() == {new[p.name].tag})
        for p in b.providers:
            b.pin(p, new[p.name])
        b.ksk = b.ksk[1:]
        b.set_policy()
        self.in_order("ksk2")
        self.end()


if __name__ == "__main__":
    unittest.main(verbosity=2)
