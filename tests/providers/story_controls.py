#!/usr/bin/python3
"""What RFC 8901 says must not be done, done: a software key in the KSK's place
signs the bad set, and resolvers fail as they must. The appliance, asked for the
same, refuses and names the rule. So the stories' silence means something.
"""
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench as bn  # noqa: E402
import dns.dnssec  # noqa: E402
import dns.name  # noqa: E402
import dns.rdata  # noqa: E402
import dns.rdataset  # noqa: E402
import dns.rrset  # noqa: E402
import judges  # noqa: E402
from bench import ZONE, ap, sh  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402


class SoftKey:
    """A KSK in memory: it signs whatever it is given."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.dnskey = dns.dnssec.make_dnskey(
            self.key.public_key(), dns.dnssec.Algorithm.ECDSAP256SHA256,
            flags=257)
        self.rdata = self.dnskey.to_wire()
        self.ds = ap.ds_text(ZONE, self.rdata)

    def sign(self, records):
        """-> (DNSKEY lines, RRSIG line)"""
        lines = [ap.dnskey_line(ZONE, r, bn.KEY_TTL) for r in records]
        rrset = dns.rrset.from_text_list(
            bn.APEX, bn.KEY_TTL, "IN", "DNSKEY",
            [" ".join(x.split()[4:]) for x in lines])
        rrsig = dns.dnssec.sign(
            rrset, self.key, bn.APEX, self.dnskey,
            inception=int(time.time()) - 3600, lifetime=86400)
        return lines, f"{ZONE} {bn.KEY_TTL} IN RRSIG {rrsig.to_text()}"


class Control(unittest.TestCase):
    """Beta and delta with the software key's DS at the parent. The appliance
    holds a KSK of its own and is only asked."""

    def setUp(self):
        self.b = bn.Bench(["beta", "delta"])
        self.b.__enter__()
        self.addCleanup(self.b.__exit__)
        self.soft = SoftKey()
        self.b.start_parent(self.soft.ds)

    def serve(self, provider, keys, ksk=None):
        """A set that nobody has judged goes to a provider."""
        ksk = ksk or self.soft
        lines, rrsig = ksk.sign([k.rdata for k in keys] + [ksk.rdata])
        if provider is self.b.beta:
            adds = [f"update add {x}" for x in [*lines, rrsig]]
            sh("nsupdate", "-k", provider.path("owner.key"), input="\n".join(
                [f"server {bn.ADDRESS} {provider.port}", f"zone {ZONE}",
                 f"update delete {ZONE} DNSKEY", *adds, "send", ""]))
        else:
            bn.write(provider.path("dnskey.zone"), "\n".join(lines) + "\n")
            bn.write(provider.path("rrsig.zone"), rrsig + "\n")
            provider.sign_carelessly()
        bn.eventually(lambda: provider.tags() == {
            ap.key_tag(r) for r in [ksk.rdata, *[k.rdata for k in keys]]})

    def ask(self, *keys, kind=ap.DNSKEY, ksks=("ksk1",), policy=None):
        """-> the rules by which the appliance refuses a set"""
        records = [self.b.a.ksks[x] for x in ksks] + [k.rdata for k in keys]
        if kind == ap.CDS:
            records = [dns.rdata.from_text(
                "IN", "CDS", self.b.ds(x)).to_wire() for x in ksks]
        with self.b.a.peer() as peer:
            reply = peer.ask(ap.SIGN, {1: ap.rrset(
                ZONE, kind, bn.KEY_TTL, records)})
        return {r[1] for r in reply.get(4, [])} if reply[2] == ap.REFUSED \
            else reply[2]

    def failed(self, watch):
        """-> {resolver: how many of 100 queries were answered SERVFAIL}"""
        return {name: 100 * len([x for x in one["bad"] if x[2] == "SERVFAIL"])
                // (len(one["bad"]) + one["validated"])
                for name, one in watch.finish().items()}

    def test_no_cross_import(self):
        """Each provider serves its own ZSK alone (RFC 8901 3)."""
        b = self.b
        beta, = b.beta.keys()
        delta, = b.delta.keys()
        self.assertIn("provider-present", self.ask(beta))
        self.assertIn("provider-present", self.ask(delta))
        self.serve(b.beta, [beta])
        self.serve(b.delta, [delta])
        watch = bn.Watch(b)
        time.sleep(12)
        self.assertGreater(self.failed(watch)["strict"], 10)
        # The judges of the stories see it too.
        self.assertTrue(judges.dnsviz(b, b.providers))

    def test_zsk_used_too_early(self):
        """Delta signs with a key that was shared a moment ago, and the old one
        is gone (RFC 8901 6.2, RFC 6781 4.1.1)."""
        b = self.b
        beta, = b.beta.keys()
        old, = b.delta.keys()
        self.assertEqual(self.ask(beta, old), ap.DONE)
        for provider in b.providers:
            self.serve(provider, [beta, old])
        watch = bn.Watch(b)
        time.sleep(bn.KEY_TTL + 1)
        new = b.delta.new_zsk()
        b.pin(b.delta, old, new)
        b.set_policy()
        self.assertLessEqual({"zsk-coverage", "early-drop"},
                             self.ask(beta, new))
        bn.write(b.delta.path("active"), new.base)
        for provider in (b.delta, b.beta):
            self.serve(provider, [beta, new])
        time.sleep(bn.KEY_TTL + 4)
        self.assertGreater(self.failed(watch)["strict"], 2)

    def test_ds_changed_too_early(self):
        """The parent has the DS of a KSK that no cache has yet (RFC 7583
        3.3.1)."""
        b = self.b
        keys = [*b.beta.keys(), *b.delta.keys()]
        for provider in b.providers:
            self.serve(provider, keys)
        b.more["parent-ds"] = \
            f'{{seen: 2026-01-01T00:00:00Z, ds: ["{b.ds("ksk1")}"]}}'
        b.set_policy()
        self.assertEqual(self.ask(*keys), ap.DONE)
        watch = bn.Watch(b)
        time.sleep(bn.KEY_TTL + 1)
        # The new one is to take the old one's place at once.
        b.add_ksk("ksk2", "from: 2020-01-01T00:00:00Z, cds: yes")
        b.ksk[0] = ("ksk1", "cds: no")
        b.set_policy()
        self.assertEqual(self.ask(kind=ap.CDS, ksks=("ksk2",)), {"early-ds"})
        self.assertLessEqual({"ds-covered", "ksk-present"},
                             self.ask(*keys, ksks=("ksk2",)))
        new = SoftKey()
        b.parent.change_ds(new.ds)
        time.sleep(bn.DS_TTL + 2)
        for provider in b.providers:
            self.serve(provider, keys, new)
        time.sleep(bn.KEY_TTL + 2)
        failed = self.failed(watch)
        self.assertGreater(failed["strict"], 10)
        self.assertGreater(failed["default"], 10)


if __name__ == "__main__":
    unittest.main(verbosity=2)
