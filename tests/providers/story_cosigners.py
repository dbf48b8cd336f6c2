#!/usr/bin/python3
"""Others have keys with the SEP bit: providers with a KSK or a CSK of their own
beside ours (RFC 8901 2.1.2), and an operator who takes the zone over."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench as bn  # noqa: E402
from story import Story, now  # noqa: E402


class Model2(Story):
    """Alpha is signed by the appliance, gamma (PowerDNS) by its CSK, delta by
    its own KSK; the parent has the DS of all three."""
    NAMES = ("alpha", "gamma", "delta")
    KINDS = {"gamma": bn.PdnsLive, "delta": bn.Own}

    def test_story(self):
        b = self.b
        self.in_order("ksk1")
        with self.subTest("a ZSK is rolled: all import it"):
            old, = b.delta.zsks()
            new = b.delta.new_zsk()
            b.pin(b.delta, old, new)
            b.set_policy()
            self.shared(new)
            b.delta.activate(new, old)
            b.delta.forget(old)
            self.gone(old)
            b.pin(b.delta, new)
            b.set_policy()
        with self.subTest("delta rolls its KSK"):
            old, = b.delta.seps()
            new = b.delta.new_zsk(active=True, flag=("-f", "KSK"))
            b.delta.activate(new)
            b.cosign()
            b.set_policy()
            self.shared(new)
            self.parent_follows()
            b.cosign(absent=[old])
            b.set_policy()
            self.parent_follows()
            b.delta.activate(old=old)
            b.delta.forget(old)
            b.cosign()
            b.set_policy()
            self.gone(old)
        self.in_order("ksk1")
        self.end()

    def parent_follows(self):
        b = self.b
        self.cds_is(bn.ap.key_tag(b.a.ksks["ksk1"]),
                    *[k.tag for k in b.others])
        self.new_parent(b.ds(), *[k.ds for k in b.others])


class HandOver(Story):
    """Delta, an operator with a KSK of its own, takes the zone over from alpha
    and beta, whose KSK is ours (RFC 6781 4.3.5.1, with both sides' keys at both
    sides as in RFC 8901)."""
    NAMES = ("alpha", "beta", "delta")
    KINDS = {"delta": bn.Own}
    JOINING = ("delta",)

    def test_story(self):
        b = self.b
        ksk, = b.delta.seps()
        ours = bn.ap.key_tag(b.a.ksks["ksk1"])
        # Each side has all keys of the other one.
        self.synced(b.providers)
        self.shared(*b.delta.keys())
        # The parent has the DS of both.
        b.cosign()
        b.set_policy()
        self.cds_is(ours, ksk.tag)
        self.new_parent(b.ds(), ksk.ds)
        b.states["delta"] = "serving"
        b.set_policy()
        self.asked(*b.providers)
        self.in_order("ksk1")
        # The NS records change, then the DS.
        self.asked(b.delta)
        for name in ("alpha", "beta"):
            b.states[name] = f"leaving, gone: {now()}"
        b.ksk = [("ksk1", "cds: no")]
        b.set_policy()
        self.cds_is(ksk.tag)
        self.new_parent(ksk.ds)
        # The new operator goes on alone.
        for server in (b.alpha, b.beta, b.a):
            server.stop()
        bn.write(b.delta.path("dnskey.zone"), "".join(
            bn.ap.dnskey_line(bn.ZONE, k.rdata, bn.KEY_TTL) + "\n"
            for k in b.delta.keys()))
        b.delta.sign()
        bn.eventually(lambda: ours not in b.delta.tags())
        self.validates()
        self.end()


if __name__ == "__main__":
    unittest.main(verbosity=2)
