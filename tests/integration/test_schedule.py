#!/usr/bin/python3
"""Schedules before a whole appliance: all bundles are signed or none, each
follows those before it, a repeat gets the whole again without the token, a
signature that fails or a crash in the middle releases nothing, and the same
request completes afterwards. Every RRSIG is verified by libcrypto.
"""
import os
import signal
import sys
import time
import unittest

import cbor2

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import appliance as ap  # noqa: E402
import faulty  # noqa: E402
import oracle  # noqa: E402

SANITIZED = True

HOUR, DAY, JOURNAL_READ = 3600, 86400, 8
SIGNATURE = ("{validity: 14d, refresh: 5d, inception-offset: 1h, horizon: "
             "90d, min-validity: 1d}")
INTENT, RESULT, REFUSAL, FAILURE, ABANDONED, REFUSALS = 1, 2, 3, 4, 5, 9


class Base(unittest.TestCase):
    """One appliance, and a zone for each test."""

    @classmethod
    def setUpClass(cls):
        cls.f = faulty.Faulty(workers=2)
        cls.addClassCleanup(cls.f.close)
        cls.a = a = cls.f.a
        a.clients["auto"] = (a.clients["auto"][0], "read, sign, journal")
        cls.of_test = {}
        for i, name in enumerate(
                unittest.defaultTestLoader.getTestCaseNames(cls)):
            zone = f"s{i}.example."
            a.add_ksk(zone, zone)
            zsks = [ap.Zsk(a.path(f"{zone}{j}"), zone) for j in range(3)]
            providers = {"alpha": [zsks[0], zsks[2]], "beta": [zsks[1]]}
            a.add_zone(zone, [zone], providers, signature=SIGNATURE)
            cls.of_test[name] = zone, zsks, providers
        a.version = 0
        a.write_policy()
        cls.f.start()

    @classmethod
    def tearDownClass(cls):
        assert cls.f.stop() == 0
        complaints = cls.f.log_complaints()
        assert complaints == [], complaints
        cls.a.kskadm("journal", "check",
                     cls.a.path("state/journal/journal.db"))

    def setUp(self):
        self.zone, zsks, self.providers = self.of_test[self._testMethodName]
        self.old, self.beta, self.new = zsks
        self.ksk = self.a.ksks[self.zone]
        self.now = int(time.time())
        self.begin = self.f.status()[8] + 1

    def tearDown(self):
        self.f.fault.cancel_all()

    # -- asking --
    def keyset(self, *zsks):
        return self.a.keyset(self.zone, zsks, [self.zone])

    def sets(self, starts=(0, 7, 14), valid=14 * DAY):
        """A roll of a ZSK: the set in effect, with the new key, without the
        old one. starts: days from now."""
        keysets = [self.keyset(self.old, self.beta),
                   self.keyset(self.old, self.beta, self.new),
                   self.keyset(self.beta, self.new)]
        return [(keyset, {1: self.now + d * DAY, 2: self.now + d * DAY + valid})
                for d, keyset in zip(starts, keysets)]

    def many(self, count):
        keyset = self.keyset(self.old, self.beta)
        return [(keyset, {1: self.now + i * DAY,
                          2: self.now + (i + 14) * DAY})
                for i in range(count)]

    def ask(self, sets, **more):
        body = {**ap.schedule(sets), **{int(k[1:]): v for k, v in
                                        more.items()}}
        return self.f.ask(ap.SIGN_SCHEDULE, body)[0]

    def check(self, sets, reply):
        self.assertEqual(reply[2], ap.DONE, reply)
        self.assertEqual(len(reply[3][1]), len(sets))
        for (rrset, window), signed in zip(sets, reply[3][1]):
            self.assertEqual(signed[2], window)
            self.assertEqual(len(signed[1]), 1)
            self.assertTrue(oracle.verify(
                {"owner": rrset[1], "type": rrset[2], "ttl": rrset[3],
                 "keys": rrset[4]}, (window[1], window[2]), self.ksk,
                signed[1][0]))
        records = [s[3] for s in reply[3][1]]
        self.assertEqual(records, list(range(records[0],
                                             records[0] + len(sets))))
        return records

    def refused(self, reply, *pairs):
        """Exactly these (bundle, rule), in any order."""
        self.assertEqual(reply[2], ap.REFUSED, reply)
        self.assertEqual({(r[5], r[1]) for r in reply[4]}, set(pairs), reply)

    # -- what is so --
    def last(self, kind=ap.DNSKEY):
        return self.f.ask(ap.LAST_ANSWER, {
            1: ap.wire_name(self.zone), 2: kind})[0].get(3)

    def kinds(self):
        """{kind: how many records since the test began}"""
        with self.a.peer() as peer:
            reply = peer.ask(JOURNAL_READ, {1: self.begin, 2: 256})
        found = [cbor2.loads(r)[3] for r in reply[3][1]]
        return {kind: found.count(kind) for kind in found}

    def reload(self, **more):
        """The zone's entry with other values."""
        at, = [i for i, z in enumerate(self.a.zones) if z[0] == self.zone]
        zone, ksks, providers, clients, was = self.a.zones[at]
        self.a.zones[at] = (zone, ksks, providers, clients, {**was, **more})
        self.a.write_policy()
        count = len(self.a.log_lines("reload-done"))
        self.a.reload()
        ap.wait_for(lambda: len(self.a.log_lines("reload-done")) > count)
        self.f.wait_workers()

    def kill_signer(self):
        victim = self.a.children()["kskd-signer"][0]
        os.kill(victim, signal.SIGKILL)
        self.f.hang_up()
        ap.wait_for(lambda: victim not in
                    self.a.children().get("kskd-signer", []))


class Schedules(Base):
    def test_all_are_signed_and_lie_ahead(self):
        self.assertIsNone(self.last())
        sets = self.sets()
        cds = ap.rrset(self.zone, ap.CDS, HOUR, [oracle.ds_rdata(
            oracle.ds_of(self.zone, self.ksk, 2))])
        # Not before all caches and the zone's data are ready for a DS.
        sets.append((cds, {1: self.now + 9 * DAY, 2: self.now + 23 * DAY}))
        records = self.check(sets, self.ask(sets))
        last = self.last()
        self.assertEqual(last[3], records[0])
        self.assertEqual(last[9], [
            {1: n, 2: s[1][1]} for n, s in zip(records[1:3], sets[1:3])])
        head = last[10]
        self.assertEqual(self.last(ap.CDS)[3], records[3])
        # What is signed next names what it replaces, and its head.
        again = self.sets((1, 8, 15))
        self.refused(self.ask(again), (0, "supersedes"))
        self.refused(self.ask(again, _6=records[1:2]), (0, "supersedes"))
        self.refused(self.ask(again, _6=records[1:3] + [999]),
                     (2, "supersedes"))
        self.refused(self.ask(again, _5=bytes(32), _6=records[1:3]),
                     (0, "previous"))
        self.check(again, self.ask(again, _5=head, _6=records[1:3]))
        self.assertEqual([x[2] for x in self.last()[9]],
                         [s[1][1] for s in again])

    def test_none_is_signed_if_one_may_not_be(self):
        made = self.f.fault.signatures_made
        self.refused(self.ask(self.sets((0, 7, 8))), (2, "early-drop"))
        self.refused(self.ask(self.sets((0, 7, 14), 7 * DAY)),
                     (1, "schedule-gap"), (2, "schedule-gap"))
        self.refused(self.ask(self.sets((7, 0, 14))), (1, "schedule-gap"),
                     (2, "schedule-gap"))
        sets = self.sets((0, 7, 95))
        sets[1][0][3] = 60
        self.refused(self.ask(sets), (1, "ttl"), (2, "window"),
                     (2, "schedule-gap"))
        self.assertEqual(self.f.fault.signatures_made, made)
        self.assertEqual(set(self.kinds()), {REFUSAL, REFUSALS})
        self.assertIsNone(self.last())

    def test_a_repeat_gets_the_whole_again(self):
        sets, key = self.sets(), os.urandom(16)
        first = self.ask(sets, _4=key)
        self.check(sets, first)
        made = self.f.fault.signatures_made
        again = self.ask(sets, _4=key)
        self.assertEqual(again[3], first[3])
        self.kill_signer()
        self.a.wait_ready()
        self.assertEqual(self.ask(sets, _4=key)[3], first[3])
        self.assertEqual(self.f.fault.signatures_made, made)
        # Other bytes under the key, and the key for one set.
        self.refused(self.ask(sets[:2], _4=key), (0, "idempotency"),
                     (0, "supersedes"))
        reply, _ = self.f.ask(ap.SIGN, {1: sets[0][0], 3: key})
        self.assertEqual({r[1] for r in reply[4]}, {"idempotency",
                                                    "supersedes"})
        # A policy that withdraws a key of it: no longer.
        self.providers["alpha"][1] = \
            f'{{ds: "{self.new.ds}", withdrawn: yes}}'
        self.reload()
        self.refused(self.ask(sets, _4=key), (1, "key-allowed"))

    def test_a_repeat_after_a_later_answer_is_refused(self):
        sets, key = self.sets(), os.urandom(16)
        records = self.check(sets, self.ask(sets, _4=key))
        reply, _ = self.f.ask(ap.SIGN, {1: sets[0][0], 7: records[1:]})
        self.assertEqual(reply[2], ap.DONE, reply)
        reply = self.ask(sets, _4=key)
        self.assertEqual([r[1] for r in reply[4]], ["idempotency"], reply)
        self.assertIn("changed by later answers", reply[4][0][2])

    def test_a_schedule_counts_once_for_the_rate(self):
        self.reload(rate="2/1h")
        sets = self.sets()
        records = self.check(sets, self.ask(sets))
        again = self.sets((1, 8, 15))
        self.check(again, self.ask(again, _6=records[1:]))
        third = self.sets((2, 9, 16))
        reply = self.ask(third)
        self.assertIn((0, "rate"), {(r[5], r[1]) for r in reply[4]})

    def test_as_many_bundles_as_there_may_be(self):
        """64 in one request; the 65th is too many."""
        sets = self.many(65)
        reply = self.ask(sets)
        self.assertEqual(reply[2], ap.TOO_LARGE, reply)
        self.assertIn("65 entries, at most 64", reply[5])
        # Others are answered meanwhile.
        with self.a.peer() as other:
            other.send(ap.SIGN_SCHEDULE, ap.schedule(sets[:64]), number=7)
            reply, _ = self.f.ask(ap.STATUS)
            self.assertEqual(reply[2], ap.DONE)
            reply = other.receive()
        self.check(sets[:64], reply)


class BadDays(Base):
    def failed(self, reply, count):
        """Nothing of it is released, and every intent has its end."""
        self.assertEqual(reply[2], ap.NOT_READY, reply)
        self.assertIsNone(self.last())
        kinds = self.kinds()
        self.assertEqual(kinds.get(RESULT, 0), 0)
        self.assertEqual(kinds[INTENT], count)
        self.assertEqual(kinds[FAILURE], count)

    def test_one_signature_fails_and_none_is_released(self):
        """The same request completes when the token is well."""
        sets, key = self.many(24), os.urandom(16)
        made = self.f.fault.signatures_made
        with self.f.fault.fail("C_Sign", "CKR_DEVICE_ERROR", skip=6):
            self.failed(self.ask(sets, _4=key), 24)
            # What waited behind it was not asked for any more.
            self.assertLess(self.f.fault.signatures_made - made, 20)
        self.f.fault.cancel_all()
        self.check(sets, self.ask_until_done(sets, key))

    def ask_until_done(self, sets, key):
        for _ in range(200):
            reply = self.ask(sets, _4=key)
            if reply[2] != ap.NOT_READY:
                return reply
            time.sleep(0.05)
        return reply

    def test_a_wrong_signature_is_none(self):
        """One flipped bit: it is asked for again, elsewhere."""
        sets = self.sets()
        with self.f.fault.flip(times=1, skip=1):
            reply = self.ask(sets)
        if reply[2] == ap.NOT_READY:
            self.failed(reply, 3)
            reply = self.ask_until_done(sets, bytes(16))
        self.check(sets, reply)

    def test_the_signer_dies_in_the_middle(self):
        """Intents without a result are closed; the request begins anew."""
        sets, key = self.sets(), os.urandom(16)
        with self.f.fault.delay("C_Sign", 400000):
            peer = self.a.peer()
            peer.send(ap.SIGN_SCHEDULE, {**ap.schedule(sets), 4: key})
            ap.wait_for(lambda: self.kinds().get(INTENT, 0) == 3)
            self.kill_signer()
            peer.close()
            self.a.wait_ready()
        kinds = self.kinds()
        self.assertEqual(kinds[ABANDONED], 3)
        self.assertEqual(kinds.get(RESULT, 0), 0)
        self.assertIsNone(self.last())
        self.check(sets, self.ask_until_done(sets, key))

    def test_the_frontend_dies_in_the_middle(self):
        """What is done is durable; the repeat gets it."""
        sets, key = self.sets(), os.urandom(16)
        with self.f.fault.delay("C_Sign", 300000):
            peer = self.a.peer()
            peer.send(ap.SIGN_SCHEDULE, {**ap.schedule(sets), 4: key})
            ap.wait_for(lambda: self.kinds().get(INTENT, 0) == 3)
            os.kill(self.a.children()["kskd-frontend"][0], signal.SIGKILL)
            peer.close()
            ap.wait_for(lambda: self.kinds().get(RESULT, 0) == 3)
        self.f.hang_up()
        self.a.wait_ready()
        made = self.f.fault.signatures_made
        self.check(sets, self.ask(sets, _4=key))
        self.assertEqual(self.f.fault.signatures_made, made)

    def test_turns(self):
        """Another set of the zone waits until the schedule is done, and is
        judged by it."""
        sets = self.sets()
        with self.f.fault.delay("C_Sign", 200000):
            with self.a.peer() as one, self.a.peer() as two:
                one.send(ap.SIGN_SCHEDULE, ap.schedule(sets))
                ap.wait_for(lambda: self.kinds().get(INTENT, 0) == 3)
                two.send(ap.SIGN, {1: sets[0][0]})
                records = self.check(sets, one.receive())
                reply = two.receive()
        self.assertEqual({r[1] for r in reply[4]}, {"supersedes"}, reply)
        self.assertIn(str(records[2]), reply[4][0][2])


class Size(unittest.TestCase):
    def test_signatures_that_do_not_fit_are_not_made(self):
        """64 bundles of four RSA keys of 2,048 bits: above one reply."""
        a = ap.Appliance()
        self.addCleanup(a.__exit__)
        a.make()
        a.add_client("auto")
        zone, ksks = "lab.example.", [f"k{i}" for i in range(4)]
        for label in ksks:
            a.add_ksk(zone, label, 8, 2048)
        zsk = ap.Zsk(a.path("zsk"), zone, 8, 2048)
        a.add_zone(zone, ksks, {"alpha": [zsk]}, signature=SIGNATURE)
        a.write_policy()
        a.start()
        now = int(time.time())
        keyset = a.keyset(zone, [zsk], ksks)
        sets = [(keyset, {1: now + i * DAY, 2: now + (i + 14) * DAY})
                for i in range(64)]
        with a.peer() as peer:
            reply = peer.ask(ap.SIGN_SCHEDULE, ap.schedule(sets))
            self.assertEqual(reply[2], ap.TOO_LARGE, reply)
            self.assertIn("fewer bundles", reply[5])
            self.assertNotIn(3, peer.ask(ap.LAST_ANSWER, {
                1: ap.wire_name(zone), 2: ap.DNSKEY}))
            reply = peer.ask(ap.SIGN_SCHEDULE, ap.schedule(sets[:32]))
            self.assertEqual(reply[2], ap.DONE, reply)
            self.assertEqual({len(s[1]) for s in reply[3][1]}, {4})
        self.assertEqual(a.stop(), 0)


if __name__ == "__main__":
    unittest.main()
