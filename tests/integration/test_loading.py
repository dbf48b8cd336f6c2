#!/usr/bin/python3
"""A large policy comes into force beside signing: handed in by operators, and
by a reload. What was signed while it was judged is judged again.
"""
import os
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402
import quorum as q  # noqa: E402

ZONE, BUSY = "lab.example.", "busy.example."
COUNT = 3000


def larger(text, count, own=BUSY):
    """The policy with so many zones more, made after one that it has."""
    head, zones = text.split("zones:\n", 1)
    one = [z for z in zones.split("  - name: ") if z.startswith(own)][0]
    return head + "zones:\n" + zones + "".join(
        f"  - name: {one.replace(own, f'z{i}.example.')}"
        for i in range(count))


class Load(threading.Thread):
    """Signs a zone again and again."""

    def __init__(self, a, zsk):
        super().__init__()
        self.a, self.zsk, self.over = a, zsk, threading.Event()
        self.count, self.longest, self.bad, self.versions = 0, 0, [], set()

    def run(self):
        with self.a.peer("auto", timeout=30) as p:
            while not self.over.is_set():
                begin = time.monotonic()
                reply = self.a.sign(p, BUSY, [self.zsk])
                self.longest = max(self.longest, time.monotonic() - begin)
                self.count += 1
                if reply[2] == ap.DONE:
                    self.versions.add(reply[3][4])
                else:
                    self.bad.append(reply)

    def end(self):
        self.over.set()
        self.join()


def zones_and_clients(a):
    for zone, label in ((ZONE, "ksk1"), (BUSY, "ksk2")):
        a.add_ksk(zone, label)
    a.add_client("auto")
    a.old, a.new = ap.Zsk(a.path("alpha"), ZONE), ap.Zsk(a.path("alpha"), ZONE)
    a.beta = ap.Zsk(a.path("beta"), BUSY)
    a.add_zone(ZONE, ["ksk1"], {"alpha": [a.old, a.new]})
    a.add_zone(BUSY, ["ksk2"], {"beta": [a.beta]})


def in_force(a, version):
    with a.peer("auto") as p:
        return p.ask(ap.STATUS)[3][6] == version


class Submitted(unittest.TestCase):
    def setUp(self):
        self.a = a = q.Quorum()
        self.addCleanup(a.__exit__)
        a.make_quorum()
        zones_and_clients(a)
        a.start(ready=False)
        a.wait_up(state=7)
        self.first = a.signed_policy_text()
        self.hand_in(self.first)
        a.wait_ready()
        self.load = Load(a, a.beta)

    def hand_in(self, text, status=ap.DONE):
        reply = self.a.submit_text(q.POLICY, text, ["anna", "bert"])
        self.assertEqual(reply[2], status, f"{reply}\n{self.a.log_text()}")
        return reply

    def larger(self):
        return larger(self.a.signed_policy_text(q.hash_of(self.first)), COUNT)

    def test_signing_goes_on(self):
        a, load = self.a, self.load
        load.start()
        self.addCleanup(load.end)
        self.hand_in(self.larger())
        ap.wait_for(lambda: 2 in load.versions)
        load.end()
        self.assertEqual(load.bad, [])
        self.assertEqual(load.versions, {1, 2})
        self.assertLess(load.longest, 0.5 * ap.SLOW)
        with a.peer("auto") as p:
            self.assertEqual(p.ask(ap.STATUS)[3][10], COUNT + 2)

    def test_what_was_signed_meanwhile_is_judged_again(self):
        """The new policy has no room for a key that is signed at the moment at
        which all zones were judged already."""
        a = self.a
        with a.peer("auto") as p:
            self.assertEqual(a.sign(p, ZONE, [a.old])[2], ap.DONE)
        text = self.larger().replace(f', {{ds: "{a.new.ds}"}}', "")
        self.assertNotIn(a.new.ds, text)
        replies = []
        thread = threading.Thread(
            target=lambda: replies.append(a.submit_text(
                q.POLICY, text, ["anna", "bert"])))
        with a.peer("auto") as p:
            def records():
                return p.ask(ap.STATUS)[3][8]
            before = records()
            thread.start()
            # What it says of each zone is being recorded: all were judged.
            ap.wait_for(lambda: records() > before + 100, step=0)
            reply = a.sign(p, ZONE, [a.old, a.new])
        thread.join()
        self.assertEqual((reply[2], reply[3][4]), (ap.DONE, 1))
        self.assertEqual(replies[0][2], ap.REFUSED, replies)
        self.assertIn(ZONE, replies[0][4][0][2])
        self.assertTrue(in_force(a, 1))
        # The one with the key comes into force all the same.
        a.version = 1
        self.hand_in(self.larger())
        with a.peer("auto") as p:
            self.assertEqual(a.sign(p, ZONE, [a.old, a.new])[2], ap.DONE)

    def test_an_end_in_the_middle(self):
        """kskd dies while a policy is loaded: the one before it is in force,
        and the same document is taken then."""
        a = self.a
        text = self.larger()
        thread = threading.Thread(target=self.try_it, args=(text,))
        with a.peer("auto") as p:
            before = p.ask(ap.STATUS)[3][8]
            thread.start()
            ap.wait_for(lambda: p.ask(ap.STATUS)[3][8] > before + 100, step=0)
            os.kill(a.children()["kskd-signer"][0], 9)
        thread.join()
        a.wait_ready()
        self.assertTrue(in_force(a, 1))
        self.hand_in(text)
        self.assertTrue(in_force(a, 2))

    def beside(self, policy, other, after):
        """Hands in a withdrawal so long after a policy; both replies."""
        a, replies = self.a, []
        with a.peer("boss", timeout=30) as p, a.peer("boss") as boss:
            _, digest = a.upload(p, policy)
            thread = threading.Thread(target=lambda: replies.append(
                p.ask(q.SUBMIT, {1: q.POLICY, 2: digest})))
            thread.start()
            time.sleep(after)
            begin = time.monotonic()
            reply = a.submit(q.WITHDRAW, other, peer=boss)
            took = time.monotonic() - begin
            thread.join()
        return replies[0][2], reply[2], took

    def test_a_withdrawal_goes_first(self):
        """Whatever the policy is at when it comes; and only a new one."""
        a = self.a
        spare = [ap.Zsk(a.path("alpha"), ZONE) for _ in range(6)]
        a.zones[0][2]["alpha"] += spare
        now = a.signed_policy_text(q.hash_of(self.first))
        self.hand_in(now)
        policy = a.sign_text(larger(
            a.signed_policy_text(q.hash_of(now)), COUNT), ["anna", "bert"])
        gone = []
        for i, zsk in enumerate(spare):
            gone.append(a.sign_text(
                f"kind: withdraw\nappliance: {a.id}\nreplaces: "
                f"{q.hash_of(now)}\nnot-after: {q.later()}\nkeys:\n"
                f'  - {{zone: {ZONE}, ds: "{zsk.ds}"}}\n', ["carl"]))
            first, second, took = self.beside(policy, gone[-1], 0.02 + .03 * i)
            if first == ap.DONE:
                break # it was over before
            self.assertEqual((first, second), (ap.BUSY, ap.DONE))
            self.assertLess(took, ap.SLOW)
            self.assertTrue(in_force(a, 2))
        self.assertIn("document-gives-way", a.log_text())
        if first != ap.DONE:
            first, second, _ = self.beside(policy, gone[0], 0.02)
            self.assertEqual(first, ap.DONE)
            self.assertIn(second, (ap.BUSY, ap.REFUSED))
        self.assertTrue(in_force(a, 3))

    def try_it(self, text):
        try:
            self.a.submit_text(q.POLICY, text, ["anna", "bert"])
        except (OSError, ConnectionError):
            pass


class Reloaded(unittest.TestCase):
    def test_signing_goes_on(self):
        with ap.Appliance() as a:
            a.make()
            zones_and_clients(a)
            a.write_policy()
            a.start()
            load = Load(a, a.beta)
            load.start()
            try:
                a.write_policy(larger(a.policy_text(), COUNT))
                a.reload()
                ap.wait_for(lambda: 2 in load.versions, 20)
                # One after the other, the second while the first is read.
                third = larger(a.policy_text(), COUNT // 2)
                a.write_policy(third)
                a.reload()
                time.sleep(0.1)
                a.write_policy(larger(a.policy_text(), 1))
                a.reload()
                ap.wait_for(lambda: 4 in load.versions, 20)
            finally:
                load.end()
            self.assertEqual(load.bad, [])
            self.assertLess(load.longest, 0.5 * ap.SLOW)
            with a.peer("auto") as p:
                self.assertEqual(p.ask(ap.STATUS)[3][10], 3)


if __name__ == "__main__":
    unittest.main()
