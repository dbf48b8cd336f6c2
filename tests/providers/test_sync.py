#!/usr/bin/python3
"""`kskctl sync` where keys come from elsewhere than a provider's servers and
files: from what it announced to the appliance, and from a co-signer, whose KSK
stands in the parent beside ours.
"""
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench as bn  # noqa: E402
from bench import ZONE, ap, sh  # noqa: E402

DONE, REFUSED, USAGE, UNREACHABLE, LATER, BAD_INPUT = range(6)


class Announcing(bn.Bind):
    """A provider that tells the appliance itself which ZSKs it has."""

    def prepare(self):
        super().prepare()
        sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
           "ec_paramgen_curve:P-256", "-nodes", "-keyout",
           self.path("announce.key"), "-out", self.path("announce.crt"),
           "-days", "30", "-subj", f"/CN={self.name}")
        self.serial = 0

    def certificate(self):
        return bn.read(self.path("announce.crt")).replace("\n", "\\n")

    def announce(self, *keys):
        """-> path of a signed announcement of these keys"""
        self.serial += 1
        now = time.time()
        bn.write(self.path("a.txt"), "\n".join([
            "kind: announcement", f"zone: {ZONE}", f"provider: {self.name}",
            f"serial: {self.serial}",
            *(f"{word}: " + time.strftime("%Y-%m-%dT%H:%M:%SZ",
                                          time.gmtime(now + more))
              for word, more in (("not-before", -60), ("not-after", 86400))),
            *(ap.dnskey_line(ZONE, k.rdata) for k in keys), ""]))
        sh("openssl", "cms", "-sign", "-binary", "-nodetach", "-nosmimecap",
           "-md", "sha256", "-outform", "DER", "-signer",
           self.path("announce.crt"), "-inkey", self.path("announce.key"),
           "-in", self.path("a.txt"), "-out", self.path("a.cms"))
        return self.path("a.cms")

    def gather(self):
        return "{by: announced}"


class Bench(bn.Bench):
    def policy(self):
        return super().policy().replace(
            "{name: beta, state: serving, source: pinned, keys: []",
            "{name: beta, state: serving, source: announced, certificate: "
            f'"{self.beta.certificate()}"')


class Sources(unittest.TestCase):
    """One bench, in the order of the names."""

    @classmethod
    def setUpClass(cls):
        cls.b = Bench(["beta", "delta"], beta=Announcing)
        cls.b.__enter__()
        cls.addClassCleanup(cls.b.__exit__)

    def announce(self, *keys):
        self.b.kskctl("--config", os.path.join(self.b.dir, "kskctl.yaml"),
                      "announce", self.b.beta.announce(*keys))

    def test_1_nothing_was_announced(self):
        b = self.b
        b.pin(b.beta)
        b.set_policy()
        done = b.sync(check=False)
        self.assertEqual(done.returncode, REFUSED, done.out + done.err)
        self.assertIn("  beta: not gathered: the appliance has no "
                      "announcement of it", done.out)
        self.assertIn("provider-present", done.out)

    def test_2_a_roll_by_announcements_alone(self):
        b = self.b
        old, = b.beta.keys()
        self.announce(old)
        out = b.sync().out
        self.assertIn(f"+{old.tag} (beta)", out)
        self.assertIn("  beta: delivered\n", out)
        new = b.beta.new_zsk()
        self.announce(old, new)
        out = b.sync().out
        self.assertIn(f"+{new.tag} (beta)", out)
        self.assertIn(new.tag, b.delta.tags())
        ap.wait_for(lambda: "may sign from" not in b.sync().out, 20, 0.5)
        b.beta.activate(new, old)
        b.beta.forget(old)
        self.announce(new)
        self.assertIn(f"wait: beta: key {old.tag} leaves at", b.sync().out)
        ap.wait_for(lambda: f"-{old.tag} (beta)" in b.sync().out, 30, 0.5)
        for provider in b.providers:
            self.assertNotIn(old.tag, provider.tags())
            self.assertIn(new.tag, provider.tags())
        self.assertEqual(b.matrix(), {})

    def test_3_a_co_signer_in_the_parent(self):
        """Delta has a KSK too, which the parent is to name beside ours."""
        b = self.b
        ap.wait_for(lambda: "may have the DS" not in b.sync().out, 20, 0.5)
        base = sh("dnssec-keygen", "-q", "-K", b.delta.path("keys"), "-f",
                  "KSK", "-a", bn.ALGORITHM, ZONE).out.strip()
        theirs = b.delta.key(base)
        b.more["co-signers"] = (f'[{{provider: delta, role: ksk, ds: '
                                f'"{theirs.ds}", in-parent: yes}}]')
        b.set_policy()
        # A changed CDS begins in a later second than the one before it.
        time.sleep(1)
        out = b.sync().out
        self.assertIn(f"+{theirs.tag} (KSK)", out)
        ours = b.ds()
        for provider in b.providers:
            self.assertIn(theirs.tag, provider.tags())
            self.assertEqual(
                {r.to_text() for r in self.records(provider, "CDS")},
                {self.text(ours), self.text(theirs.ds)}, out)
            self.assertEqual(
                {ap.key_tag(r) for r in provider.served("CDNSKEY")[0]},
                {ap.key_tag(b.a.ksks["ksk1"]), theirs.tag})
        self.assertEqual(b.sync().returncode, DONE)
        self.assertIn(f"; co-signer delta: DS {theirs.ds}, named in CDS",
                      b.kskctl("--config", os.path.join(
                          b.dir, "kskctl.yaml"), "keys", ZONE).out)
        # Who can't be asked loses nothing.
        for end in (".key", ".private"):
            os.rename(b.delta.path("keys", base + end),
                      b.delta.path(base + end))
        b.sync()
        self.assertIn(theirs.tag, b.beta.tags())
        # Its time is over.
        b.more["co-signers"] = "[]"
        b.set_policy()
        time.sleep(1)
        self.assertIn(f"-{theirs.tag}", b.sync().out)
        for provider in b.providers:
            self.assertNotIn(theirs.tag, provider.tags())
            self.assertEqual(len(provider.served("CDS")[0]), 1)

    def test_4_the_same_is_not_delivered_for_ever(self):
        """An address that can't be reached is told, and helped by nothing."""
        b = self.b
        b.sync()
        path = os.path.join(b.dir, "sync.yaml")
        text = bn.read(path)
        before = bn.read(b.delta.path("serial"))
        bn.write(path, text.replace(f'servers: ["{b.delta.address}"]',
                                    f'servers: ["{b.delta.address}", '
                                    '"127.0.0.1:1"]'))
        begin = time.monotonic()
        done = b.sync(check=False)
        self.assertLess(time.monotonic() - begin, 10)
        self.assertEqual(done.returncode, LATER, done.out)
        self.assertIn("  delta: differs\n  delta: 127.0.0.1:1: ", done.out)
        self.assertEqual(bn.read(b.delta.path("serial")), before)
        # What one address lacks is delivered all the same.
        kept = bn.read(b.delta.path("rrsig.zone"))
        bn.write(b.delta.path("rrsig.zone"), "".join(
            x + "\n" for x in kept.splitlines() if " RRSIG CDS " not in x))
        b.delta.sign_carelessly()
        bn.eventually(lambda: not [
            r for r in b.delta.served("CDS")[1] if r.key_tag == ap.key_tag(
                b.a.ksks["ksk1"])])
        b.write_sync(settle="2s")
        text = bn.read(path)
        bn.write(path, text.replace(f'servers: ["{b.delta.address}"]',
                                    f'servers: ["{b.delta.address}", '
                                    '"127.0.0.1:1"]'))
        b.sync(check=False)
        self.assertEqual(sorted(bn.read(b.delta.path(
            "rrsig.zone")).splitlines()), sorted(kept.splitlines()))
        b.write_sync()

    @staticmethod
    def text(ds):
        return bn.dns.rdata.from_text("IN", "CDS", ds).to_text()

    @staticmethod
    def records(provider, kind):
        return [r for rrset in provider.ask(bn.APEX, kind).answer
                if rrset.rdtype != bn.dns.rdatatype.RRSIG for r in rrset]


class ProvingBench(bn.Bench):
    def policy(self):
        return super().policy().replace("proof: none", "proof: all")


class Proofs(unittest.TestCase):
    """A provider must show that it holds each key that enters the set."""

    def test_a_new_key_is_proved(self):
        b = ProvingBench(["beta"])
        b.__enter__()
        self.addCleanup(b.__exit__)
        # What signs the zone proves itself: nobody has to do anything.
        self.assertIn("  beta: delivered\n", b.sync().out)
        new = b.beta.new_zsk()
        b.pin(b.beta, *b.beta.keys())
        b.set_policy()
        done = b.sync(check=False)
        self.assertEqual(done.returncode, REFUSED, done.out)
        self.assertIn("refused: DNSKEY: key-possession: beta: key "
                      f"{new.tag}: ", done.out)
        path = os.path.join(b.dir, "sync.yaml")
        text = bn.read(path)
        bn.write(path, text.replace(
            b.beta.gather(), b.beta.gather()[:-1] + ', proofs: ["%n.proof*"]}'))
        # One that proves nothing is not sent; one that is none is told.
        proof = os.path.join(b.dir, "example.test.proof")
        bn.write(proof, f"{ZONE} 60 A 192.0.2.1\n")
        done = b.sync(check=False)
        self.assertIn("  beta: its proofs can't be read: ", done.out)
        old, = [k for k in b.beta.keys() if k.tag != new.tag]
        bn.write(proof, self.proof(old, b))
        done = b.sync(check=False)
        self.assertEqual(done.returncode, REFUSED, done.out)
        self.assertNotIn("proof 1", done.out)
        bn.write(proof, self.proof(new, b))
        done = b.sync()
        self.assertIn(f"+{new.tag} (beta)", done.out)
        self.assertIn(new.tag, b.beta.tags())

    def proof(self, key, b):
        """Zone data signed with this key."""
        there = b.beta.path("proof.zone")
        bn.write(there, f"$ORIGIN {ZONE}\n@ 60 SOA a b 1 1 1 1 1\n"
                        "@ 60 NS a\n" + bn.read(b.beta.path(
                            "keys", key.base + ".key")))
        sh("dnssec-signzone", "-q", "-P", "-z", "-O", "full", "-o", ZONE,
           "-K", b.beta.path("keys"), "-f", there + ".signed", there,
           key.base, cwd=b.beta.dir)
        return "".join(
            x + "\n" for x in bn.read(there + ".signed").splitlines()
            if x.split()[3:4] == ["SOA"] or x.split()[3:5] == ["RRSIG", "SOA"])


class KsrBench(bn.Bench):
    SIGNATURE = bn.Bench.SIGNATURE.replace("horizon: 0", "horizon: 40d")


class Ksr(unittest.TestCase):
    """Knot with an offline KSK serves the CDS that stands in an SKR."""

    def test_knot_serves_cds(self):
        b = KsrBench(["alpha"])
        b.__enter__()
        self.addCleanup(b.__exit__)
        b.sync()
        ap.wait_for(lambda: "may have the DS" not in b.sync().out, 20, 0.5)
        self.assertEqual(len(b.alpha.served("CDS")[0]), 1)
        b.alpha.keymgr("pregenerate", "+20d")
        b.pin(b.alpha, *b.alpha.keys())
        ksr, skr = (os.path.join(b.dir, x) for x in ("a.ksr", "a.skr"))
        text = b.alpha.keymgr("generate-ksr", "+0", "+20d")
        bn.write(ksr, text)
        b.set_policy()
        profile = os.path.join(b.dir, "kskctl.yaml")
        # CDS may change in a later second only; here it stays the same.
        b.kskctl("--config", profile, "ksr", "--output", skr, ksr)
        self.assertIn(" CDS ", bn.read(skr))
        for verb in ("validate-skr", "import-skr"):
            done = b.alpha.keymgr(verb, skr)
            self.assertNotRegex(done, "(?i)error|invalid|malf")
        b.alpha.knotc("zone-keys-load", ZONE)
        tag = ap.key_tag(b.a.ksks["ksk1"])
        for kind in ("DNSKEY", "CDS", "CDNSKEY"):
            bn.eventually(lambda kind=kind: tag in {
                r.key_tag for r in b.alpha.served(kind)[1]})
        self.assertEqual(b.matrix(), {})
        # Without CDS in it, Knot serves none.
        b.kskctl("--config", profile, "ksr", "--replace", "--no-cds",
                 "--output", skr, ksr)
        self.assertNotRegex(bn.read(skr), r"\sCDS\s")
        b.alpha.keymgr("import-skr", skr)
        b.alpha.knotc("zone-keys-load", ZONE)
        bn.eventually(lambda: not b.alpha.served("CDS")[0])


if __name__ == "__main__":
    unittest.main()
