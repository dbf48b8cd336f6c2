#!/usr/bin/python3
"""Who serves the zone changes: a provider joins and leaves, one provider alone
changes to another, a provider's key is compromised."""
import json
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench as bn  # noqa: E402
from story import Story, now  # noqa: E402


class Members(Story):
    """What joins and leaves have in common."""

    def join(self, provider):
        """Its keys are shared before anybody asks it."""
        b = self.b
        self.synced([*self.file, provider])
        self.shared(*provider.keys())
        b.states[provider.name] = "serving"
        b.set_policy()
        self.assertEqual(b.sync().returncode, 0)
        self.asked(*self.serving, provider)

    def leave(self, provider):
        """Its last NS record and what caches had of it go first."""
        b = self.b
        self.asked(*[p for p in self.serving if p is not provider])
        b.states[provider.name] = f"leaving, gone: {now()}"
        b.set_policy()
        self.synced([p for p in self.file if p is not provider])
        provider.stop()
        # The longest TTL of the zone.
        time.sleep(bn.TTL + 1)
        keys = provider.keys()
        b.state[provider.name] = [
            f'{{ds: "{k.ds}", retired: {now()}}}' for k in keys]
        b.set_policy()
        self.gone(*keys)
        del b.state[provider.name], b.states[provider.name]
        b.set_policy()
        self.settle()


class JoinAndLeave(Members):
    """Delta joins and leaves again."""
    JOINING = ("delta",)

    def test_story(self):
        b = self.b
        key, = b.delta.keys()
        self.assertNotIn(key.tag, b.alpha.tags())
        self.join(b.delta)
        self.in_order("ksk1")
        since = time.time()
        time.sleep(2)
        self.assertIn("delta", self.watch.who(since))
        self.leave(b.delta)
        since = time.time()
        self.in_order("ksk1")
        self.assertNotIn("delta", self.watch.who(since))
        self.end("alpha", "beta", "gamma", "delta")


class Single(Members):
    """One provider alone, and the change to another one: the KSK and the DS
    stay as they are."""
    NAMES = ("beta", "delta")
    JOINING = ("delta",)

    def test_story(self):
        b = self.b
        ds = b.parent.served("DS")[0]
        self.assertEqual(len(b.beta.tags()), 2)
        self.join(b.delta)
        self.leave(b.beta)
        self.assertEqual(b.delta.tags(), {
            bn.ap.key_tag(b.a.ksks["ksk1"]), b.delta.keys()[0].tag})
        self.in_order("ksk1")
        self.assertEqual(b.parent.served("DS")[0], ds)
        self.end()


class Compromised(Members):
    """Somebody else has a provider's ZSK. Beta has a second one in the set and
    goes on with it; delta has none and is taken out, until it joins again."""
    NAMES = ("alpha", "beta", "delta")

    def exposed_until(self, key):
        """When the last answer that lists a key has expired, as
        `kskctl keys` has it."""
        zone = json.loads(self.b.kskctl(
            "keys", "--config", os.path.join(self.b.dir, "kskctl.yaml"),
            "--json", bn.ZONE).out)
        one, = [k for p in zone["providers"] for k in p["keys"]
                if k["ds"].startswith(f"{key.tag} ")]
        self.assertTrue(one["withdrawn"])
        return one["exposed-until"]

    def withdraw(self, provider, bad, *others):
        """The next run takes a key out everywhere, and waits for nothing."""
        b = self.b
        ksk = bn.ap.key_tag(b.a.ksks["ksk1"])
        expiration = max(r.expiration for p in self.serving
                         for r in p.served()[1] if r.key_tag == ksk)
        b.pin(provider, f'{{ds: "{bad.ds}", withdrawn: yes}}', *others)
        b.set_policy()
        out = b.sync(check=False).out
        self.assertIn(f"-{bad.tag} ({provider.name})", out)
        for one in self.serving:
            self.assertNotIn(bad.tag, one.tags())
        self.assertEqual(self.exposed_until(bad), time.strftime(
            "%Y-%m-%dT%H:%M:%SZ", time.gmtime(expiration)))

    def test_story(self):
        b = self.b
        with self.subTest("another key stands by"):
            bad, = b.beta.keys()
            spare = b.beta.new_zsk()
            b.pin(b.beta, bad, spare)
            b.set_policy()
            self.shared(spare)
            # It happens.
            b.beta.activate(spare, bad)
            bn.eventually(lambda: b.beta.signers() == {spare.tag})
            b.beta.forget(bad)
            self.withdraw(b.beta, bad, spare)
            self.in_order("ksk1")
        with self.subTest("no other key"):
            bad, = b.delta.keys()
            self.asked(b.alpha, b.beta)
            self.synced([b.alpha, b.beta])
            self.withdraw(b.delta, bad)
            self.in_order("ksk1")
            # It comes back as one that joins.
            b.delta.forget(bad)
            new = b.delta.new_zsk(active=True)
            b.states["delta"] = "joining"
            b.pin(b.delta, new)
            b.set_policy()
            bn.write(b.delta.path("active"), new.base)
            b.delta.sign_carelessly()
            self.join(b.delta)
            self.in_order("ksk1")
        self.end()


if __name__ == "__main__":
    unittest.main(verbosity=2)
