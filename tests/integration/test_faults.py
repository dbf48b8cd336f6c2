#!/usr/bin/python3
"""A token on its bad days, under a whole appliance: every call the worker
makes fails, hangs or crashes; the token goes and comes, moves, forgets, lies.
Each time the appliance recovers without a person, releases no wrong
signature, asks no token twice before the first worker is dead, answers
quickly meanwhile, and says once what is wrong. The long form is `make soak`
(tests/soak/faults.py).
"""
import os
import sqlite3
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faulty import (  # noqa: E402
    Faulty, KEY_MISSING, LEAVE_CALLS, LOCKED, LOGIN_DONE, LOGIN_HARMLESS,
    READY, TOKEN_DOWN, WORKER_CALLS, ap, figure, fl, main_side_by_side, show)

SANITIZED = True

BACK_SECONDS = 5.0      # from the token's return to a signature
REFUSAL_SECONDS = 0.6   # half of them; make soak has the figures
SLOWEST_REFUSAL = 3.5   # of a machine that does other things too

# One of each kind: not ours, not there, session dead, handle dead, locked,
# refused for no reason, not known.
CODES = ["CKR_GENERAL_ERROR", "CKR_DEVICE_REMOVED", "CKR_SESSION_CLOSED",
         "CKR_KEY_HANDLE_INVALID", "CKR_USER_NOT_LOGGED_IN",
         "CKR_FUNCTION_FAILED", "CKR_VENDOR_DEFINED"]
if not ap.PLAIN:
    CODES = CODES[:3]


class Case(unittest.TestCase):
    workers = 2
    limits = None
    intents_without_result = None

    def setUp(self):
        self.f = Faulty(workers=self.workers, limits=self.limits)
        self.addCleanup(self.leave)
        self.fault, self.a = self.f.fault, self.f.a
        self.f.start()
        self.f.wait_workers()
        self.f.sign()

    def leave(self):
        f = self.f
        f.fault.heal()
        status = f.stop() if f.a.process is not None else 0
        made, complaints = self.journal(), f.log_complaints()
        tail = f.a.log_text()[-4000:]
        f.close()
        self.assertEqual(complaints, [])
        self.assertEqual(status, 0, tail)
        self.assertEqual(made["intents"], made["ends"])
        self.assertEqual(made["results"], f.signed)
        if self.intents_without_result is not None:
            self.assertLess(made["intents"] - made["results"],
                            self.intents_without_result)

    def journal(self):
        """Intents, their ends, and results."""
        path = self.a.path("state/journal/journal.db")
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        kinds = dict(db.execute("SELECT kind, count(*) FROM record"
                                " GROUP BY kind"))
        db.close()
        return {"intents": kinds.get(1, 0), "results": kinds.get(2, 0),
                "ends": kinds.get(2, 0) + kinds.get(4, 0) + kinds.get(5, 0)}

    def back(self, seconds=BACK_SECONDS):
        """Signs again within the time -> seconds."""
        took, _ = self.f.until_signed()
        self.assertLess(took, seconds * ap.SLOW)
        return took

    def refused(self, seconds, state, words=""):
        """Asks for a while; all is refused, quickly, with the state."""
        replies = self.f.ask_for(seconds)
        for reply, _ in replies:
            self.assertEqual(reply[2], ap.NOT_READY, reply)
            self.assertTrue(reply[5].startswith(state + ": "), reply)
            self.assertIn(words, reply[5])
        took = sorted(s for _, s in replies)
        self.assertLess(took[len(took) // 2], REFUSAL_SECONDS * ap.SLOW)
        self.assertLess(took[-1], SLOWEST_REFUSAL * ap.SLOW)
        show(f"refusals, {state}", took)

    def our_lines(self):
        return sum(x.startswith("kskd")
                   for x in self.a.log_text().splitlines())

    def lines(self, event):
        return self.a.log_lines(event)


# ---- every code at every call ----

PARTS = 4
CASES = [(call, code, i % 4 == 3)
         for call in WORKER_CALLS for i, code in enumerate(CODES)
         if call != "C_Login" or code in LOGIN_HARMLESS]


class Matrix(Case):
    """Each code at each call, once, some of them for a while."""

    def trigger(self, call, rule):
        """Has the workers come to that call."""
        f = self.f
        if call in ("C_SignInit", "C_Sign"):
            return
        if call in LEAVE_CALLS:
            f.fault.fail("C_Sign", "CKR_DEVICE_ERROR", times=1)
            return
        f.kill_workers()
        rule.wait(seconds=5 * ap.SLOW)

    def one(self, call, code, lasting):
        f, fault = self.f, self.fault
        f.wait_workers()
        before, asked = fault.count("C_Sign").calls, f.asked
        rule = fault.fail(call, code, times=0 if lasting else 1)
        self.trigger(call, rule)
        replies = f.ask_for(0.25) if lasting else []
        if lasting:
            rule.cancel()
        seconds, others = f.until_signed()
        self.assertLess(seconds, BACK_SECONDS * ap.SLOW)
        self.assertGreater(rule.fired, 0)
        calls = fault.count("C_Sign").calls - before
        self.assertLessEqual(calls, 2 * (f.asked - asked))
        self.took.append(seconds)
        self.refusals += [s for r, s in replies + others if r[2] != ap.DONE]

    def part(self, number):
        self.took, self.refusals = [], []
        for case in CASES[number::PARTS]:
            with self.subTest(case):
                try:
                    self.one(*case)
                finally:
                    self.fault.cancel_all()
        self.assertEqual(len(self.took), len(CASES[number::PARTS]))
        self.assertEqual(self.lines("pin-refused"), [])
        called = {c for c in fl.CALLS if self.fault.count(c).calls}
        self.assertEqual(called - set(WORKER_CALLS), {"C_GetFunctionList"})
        self.f.wait_workers()
        self.f.wait_state("ready")
        show("signing again", self.took)
        show("refusals meanwhile", self.refusals)


for _number in range(PARTS):
    setattr(Matrix, f"test_every_code_at_every_call_{_number + 1}",
            lambda self, number=_number: self.part(number))


# ---- calls that never come back, or take the worker with them ----

class Hang(Case):
    def hung_worker(self, rule):
        """The pid of the worker that hangs."""
        rule.wait()
        unfinished = [p for p in self.fault.processes()]
        return unfinished

    def test_a_hung_signature_is_cut_and_asked_once_more(self):
        f, fault = self.f, self.fault
        for call in ("C_Sign", "C_SignInit"):
            before = fault.count("C_SignInit").calls
            rule = fault.hang(call, times=1)
            result = {}
            thread = threading.Thread(
                target=lambda: result.update(x=f.sign()))
            begin = time.monotonic()
            thread.start()
            rule.wait()
            pids = set(fault.processes())
            # Asked again only when one of those is dead.
            while thread.is_alive():
                calls = fault.count("C_SignInit").calls - before
                living = set(fault.processes())
                if calls > 1:
                    self.assertNotEqual(pids & living, pids)
                time.sleep(0.005)
            thread.join()
            took = time.monotonic() - begin
            reply, _ = result["x"]
            self.assertEqual(reply[2], ap.DONE, reply)
            self.assertGreater(took, 1.9)
            self.assertLess(took, 3.0 * ap.SLOW)
            figure(f"{call} hangs: signed after {took:.2f} s")
            rule.cancel()
            f.wait_workers()
        self.assertEqual(len(self.lines("worker-overdue")), 2)

    def test_a_hung_look_up_or_start_is_cut(self):
        f, fault = self.f, self.fault
        for call in ("C_Initialize", "C_GetSlotList", "C_OpenSession",
                     "C_FindObjectsInit", "C_GetAttributeValue"):
            with fault.hang(call, times=1) as rule:
                f.kill_workers()
                begin = time.monotonic()
                rule.wait()
                # The other one may serve; this one must be replaced.
                took = self.back()
                f.wait_workers(seconds=5)
                whole = time.monotonic() - begin
                self.assertLess(whole, 5.0 * ap.SLOW, call)
                figure(f"{call} hangs: signing after {took:.2f} s, "
                       f"all workers after {whole:.2f} s")

    def test_requests_do_not_pile_up_behind_a_start_that_hangs(self):
        f, fault = self.f, self.fault
        with fault.hang("C_Initialize") as rule:
            f.kill_workers()
            rule.wait()
            time.sleep(3.2)
            self.refused(1.0, "token-down")
        self.back()

    def test_a_hung_end_does_not_hold_up_a_job(self):
        f, fault = self.f, self.fault
        for call in LEAVE_CALLS:
            with fault.hang(call):
                fault.fail("C_Sign", "CKR_DEVICE_ERROR", times=1)
                reply, took = f.sign()
                self.assertEqual(reply[2], ap.DONE, reply)
                self.assertLess(took, 2.5 * ap.SLOW)
            f.wait_workers()

    def test_a_slow_token_is_not_taken_for_one_that_hangs(self):
        f, fault = self.f, self.fault
        with fault.delay("C_Sign", 300_000, late=True), f.a.peer() as peer:
            for _ in range(12):
                peer.send(ap.SIGN, {1: f.keyset})
            for _ in range(12):
                reply = peer.receive()
                self.assertEqual(reply[2], ap.DONE, reply)
                f.signed += 1
                f.check(reply[3][1])
        self.assertEqual(self.lines("worker-overdue"), [])


class Crash(Case):
    def test_a_crash_at_any_call(self):
        f, fault = self.f, self.fault
        worst = 0
        how = ["segv", "abort", 0, 77]
        for i, call in enumerate(WORKER_CALLS):
            rule = fault.crash(call, how[i % 4], times=1)
            if call in LEAVE_CALLS:
                fault.fail("C_Sign", "CKR_DEVICE_ERROR", times=1)
            elif call not in ("C_Sign", "C_SignInit"):
                f.kill_workers()
            worst = max(worst, self.back())
            rule.wait()
            fault.cancel_all()
            f.wait_workers()
        figure(f"crashes: signing again after {worst * 1e3:.0f} ms at most")

    def test_a_request_that_crashes_the_module_is_asked_twice_at_most(self):
        f, fault = self.f, self.fault
        with fault.crash("C_Sign", "segv"):
            before = fault.count("C_Sign").calls
            reply, _ = f.sign()
            self.assertEqual(reply[2], ap.NOT_READY, reply)
            self.assertEqual(fault.count("C_Sign").calls - before, 2)
        self.back()


# ---- one key that does not sign ----

class OneKey(unittest.TestCase):
    def test_the_others_sign_on(self):
        """What a token does not let one key do is no failure of the token:
        its workers stay, and other zones' answers come."""
        with Faulty(zones=2, start=True) as f:
            f.wait_workers()
            zone, ksks, providers, *_ = f.a.zones[1]
            zsks = [z for keys in providers.values() for z in keys]
            workers = set(f.workers())
            with f.fault.refuse_key("ksk-1", "CKR_KEY_FUNCTION_NOT_PERMITTED"):
                for _ in range(5):
                    with f.a.peer() as peer:
                        reply = f.a.sign(peer, zone, zsks)
                    self.assertEqual(reply[2], ap.NOT_READY, reply)
                    self.assertIn("CKR_KEY_FUNCTION_NOT_PERMITTED", reply[5])
                    self.assertEqual(f.sign()[0][2], ap.DONE)
            self.assertEqual(set(f.workers()), workers)
            with f.a.peer() as peer:
                reply = f.a.sign(peer, zone, zsks)
            self.assertEqual(reply[2], ap.DONE, reply)
            # Where no key signs, a new worker is a remedy.
            with f.fault.fail("C_SignInit", "CKR_MECHANISM_INVALID"):
                f.ask_for(2.0)
            f.until_signed()
            self.assertTrue(workers - set(f.workers()))


# ---- the token goes and comes back ----

class Loss(Case):
    def test_lost_and_found(self):
        f, fault = self.f, self.fault
        took = []
        for recovery in ("session", "initialize", "process"):
            fault.lose(recovery)
            f.ask_for(0.3)
            f.wait_state("token-down")
            self.refused(0.5, "token-down")
            fault.find()
            took.append(self.back())
            f.wait_workers()
        show("signing again", took)

    def test_away_for_long_is_one_line_and_no_busy_loop(self):
        f, fault = self.f, self.fault
        fault.lose()
        f.ask_for(0.3)
        f.wait_state("token-down")
        time.sleep(1)
        lines = self.our_lines()
        starts = fault.count("C_Initialize").calls
        refusals = f.ask_for(8, 0.05)
        starts = fault.count("C_Initialize").calls - starts
        self.assertLessEqual(starts, 8)
        self.assertGreaterEqual(starts, 2)
        # Not one line more, however many attempts and requests.
        self.assertEqual(self.our_lines(), lines,
                         self.a.log_text())
        self.assertEqual(len(self.lines("token-state")), 2)
        took = sorted(s for _, s in refusals)
        self.assertLess(took[len(took) // 2], REFUSAL_SECONDS * ap.SLOW)
        show("refusals", took)
        fault.find()
        figure(f"away: {starts} starts in 8 s; signing "
               f"{self.back() * 1e3:.0f} ms after the return")
        f.wait_workers()
        self.assertEqual(len(self.lines("token-state")), 3)
        # What has no effect is not in the journal either.
        self.intents_without_result = 5

    def test_a_module_that_crashes_at_start_is_one_line(self):
        f, fault = self.f, self.fault
        with fault.crash("C_Initialize"):
            f.kill_workers()
            time.sleep(4)
            lines = self.our_lines()
            starts = fault.count("C_Initialize").calls
            self.refused(4, "token-down")
            self.assertLessEqual(fault.count("C_Initialize").calls - starts,
                                 6)
            self.assertEqual(self.our_lines(), lines,
                             self.a.log_text())
        self.back()

    def test_a_token_that_logs_in_and_signs_nothing(self):
        """Refusals are quick, attempts are few, and one line says so."""
        f, fault = self.f, self.fault
        with fault.fail("C_Sign", "CKR_FUNCTION_FAILED"):
            f.ask_for(3)
            self.assertEqual(f.state(), TOKEN_DOWN)
            states = len(self.lines("state"))
            logins = fault.count("C_Login").calls
            replies = f.ask_for(4)
            for reply, _ in replies:
                self.assertEqual(reply[2], ap.NOT_READY)
            took = sorted(s for _, s in replies)
            self.assertLess(took[len(took) // 2],
                            REFUSAL_SECONDS * ap.SLOW)
            self.assertLess(took[-1], SLOWEST_REFUSAL * ap.SLOW)
            show("refusals", took)
            # Two workers, 500 ms at least between two lives.
            self.assertLessEqual(fault.count("C_Login").calls - logins, 20)
            self.assertEqual(len(self.lines("state")), states)
        self.back()
        self.assertEqual(f.state(), READY)

    def test_one_request_at_a_time_tries_a_token_that_signs_nothing(self):
        """The others do not wait for what it meets."""
        f, fault, slow = self.f, self.fault, []
        with fault.fail("C_Sign", "CKR_FUNCTION_FAILED"), \
                fault.delay("C_SignInit", 100_000 * ap.SLOW):
            f.ask_for(2.5)
            self.assertEqual(f.state(), TOKEN_DOWN)
            before = fault.count("C_SignInit").calls
            with f.a.peer() as peer:
                end = time.monotonic() + 2.5
                while time.monotonic() < end:
                    begin = time.monotonic()
                    for _ in range(20):
                        peer.send(ap.SIGN, {1: f.keyset})
                    for _ in range(20):
                        reply = peer.receive()
                        self.assertEqual(reply[2], ap.NOT_READY, reply)
                        if time.monotonic() - begin > 0.08 * ap.SLOW:
                            slow.append(reply)
                    time.sleep(0.02)
            tried = fault.count("C_SignInit").calls - before
        self.assertGreater(tried, 0)
        self.assertLessEqual(len(slow), tried)
        for reply in slow:
            self.assertIn("gives no other one", reply[5])
        self.back()

    def test_handles_change(self):
        f, fault = self.f, self.fault
        for _ in range(3):
            fault.change_handles()
            reply, _ = f.sign()
            self.assertEqual(reply[2], ap.DONE, reply)
            f.wait_workers()

    def test_slots_move(self):
        f, fault = self.f, self.fault
        fault.move_slots()
        for _ in range(3):
            f.kill_workers()
            self.back()
        f.wait_workers()

    def test_objects_go_and_come_back(self):
        f, fault = self.f, self.fault
        took = []
        for label in (None, "ksk1"):
            fault.drop(label)
            reply, _ = f.sign()
            self.assertEqual(reply[2], ap.NOT_READY, reply)
            self.assertTrue(reply[5].startswith("key-missing: "), reply)
            self.refused(1.2, "key-missing", "ksk1")
            f.wait_state("key-missing")
            status = f.status()
            self.assertEqual(status[12][0][1], ap.wire_name(self.a.zone))
            looks = fault.count("C_FindObjectsInit").calls
            lines = self.our_lines()
            time.sleep(5)
            # Asked again, by one worker, at most every half second or so.
            looks = fault.count("C_FindObjectsInit").calls - looks
            self.assertGreater(looks, 0)
            self.assertLessEqual(looks, 2 * 8)
            self.assertEqual(self.our_lines(), lines)
            fault.restore()
            took.append(self.back())
            f.wait_state("ready")
            f.wait_workers()
        show("objects back", took)

    def test_a_missing_key_is_no_trouble_of_other_zones(self):
        """Nor of the workers: nobody is restarted for it."""
        f, fault, a = self.f, self.fault, self.a
        a.add_ksk("other.example.", "ksk2")
        zsk = ap.Zsk(a.path("other"), "other.example.")
        a.add_zone("other.example.", ["ksk2"], {"alpha": [zsk]})
        a.write_policy()
        a.reload()
        other = a.keyset("other.example.", [zsk])

        def sign_other():
            reply, _ = f.ask(ap.SIGN, {1: other})
            if reply[2] == ap.DONE:
                f.signed += 1
                f.check(reply[3][1], other, a.ksks["ksk2"])
            return reply
        ap.wait_for(lambda: sign_other()[2] == ap.DONE)
        workers = f.workers()
        fault.drop("ksk2")
        ap.wait_for(lambda: sign_other().get(5, "").startswith(
            "key-missing: "))
        f.wait_workers()
        after = f.workers()
        for reply, _ in f.ask_for(3):
            self.assertEqual(reply[2], ap.DONE, reply)
        self.assertEqual(f.workers(), after)
        self.assertEqual(f.state(), KEY_MISSING)
        fault.restore()
        begin = time.monotonic()
        ap.wait_for(lambda: sign_other()[2] == ap.DONE, BACK_SECONDS)
        figure(f"one key back: after {time.monotonic() - begin:.2f} s")
        # Both workers know it again.
        for _ in range(20):
            self.assertEqual(sign_other()[2], ap.DONE)
        f.wait_state("ready")
        self.assertTrue(workers)


# ---- signatures that are none ----

class Lies(Case):
    def test_a_wrong_signature_never_leaves(self):
        """Whatever leaves is verified in Faulty.sign."""
        f, fault, a = self.f, self.fault, self.a
        a.add_ksk("unused.example.", "other-key")
        for rule in (lambda: fault.flip(0), lambda: fault.flip(511),
                     lambda: fault.other_key("other-key"),
                     lambda: fault.shorten(1), lambda: fault.shorten(63)):
            bad = len(self.lines("bad-signature"))
            made = f.signed
            with rule() as r:
                self.refused_somehow()
                self.assertGreater(r.fired, 0)
            self.assertEqual(f.signed, made)
            self.back()
            f.wait_workers()
            if len(self.lines("bad-signature")) > bad:
                # Its worker is not asked again.
                self.assertTrue(self.lines("worker-wrong"))
        self.assertGreaterEqual(len(self.lines("bad-signature")), 3)

    def refused_somehow(self):
        for reply, _ in self.f.ask_for(0.5):
            self.assertEqual(reply[2], ap.NOT_READY, reply)
            self.assertTrue(reply[5].startswith("token-down: "), reply)

    def test_one_wrong_among_right_ones(self):
        f, fault = self.f, self.fault
        with fault.flip(7, chance=0.2, seed=1):
            f.ask_for(4)
        self.back()
        self.assertGreater(len(self.lines("bad-signature")), 0)

    def test_der_is_turned_into_dns(self):
        f, fault = self.f, self.fault
        with fault.der():
            for _ in range(300):
                self.assertEqual(f.sign()[0][2], ap.DONE)
        self.assertEqual(self.lines("token-failed"), [])

    def test_a_sample_before_another_judge(self):
        f, a = self.f, self.a
        self.fault.fail("C_Sign", "CKR_DEVICE_ERROR", times=1)
        reply, _ = f.sign()
        done = a.validate(a.zone, f.keyset, reply[3][1], a.zsk1)
        self.assertEqual(done.returncode, 0, done.out + done.err)
        wrong = bytearray(reply[3][1][0])
        wrong[-1] ^= 1
        done = a.validate(a.zone, f.keyset, [bytes(wrong)], a.zsk1)
        self.assertNotEqual(done.returncode, 0)


# ---- sessions ----

class Sessions(Case):
    def test_first_request_after_idle_succeeds(self):
        f, fault = self.f, self.fault
        fault.sessions(idle_ms=300)
        for _ in range(3):
            time.sleep(0.8)
            reply, took = f.sign()
            self.assertEqual(reply[2], ap.DONE, reply)
            self.assertLess(took, 1.5 * ap.SLOW)
            f.wait_workers()
        self.assertGreater(fault.c.sessions_killed, 0)

    def test_a_session_that_dies_again_and_again(self):
        """Not one failure that a client sees (tendermint/tmkms#255)."""
        f, fault = self.f, self.fault
        fault.sessions(life=200)
        end = time.monotonic() + 20 * ap.SLOW
        while fault.c.sessions_killed <= 5:
            self.assertLess(time.monotonic(), end)
            self.assertEqual(f.sign()[0][2], ap.DONE)

    def test_capped_sessions(self):
        """The second worker finds no room; the first one signs."""
        f, fault = self.f, self.fault
        fault.sessions(cap=1)
        f.kill_workers()
        self.back()
        for reply, _ in f.ask_for(2):
            self.assertEqual(reply[2], ap.DONE, reply)
        self.assertEqual(f.state(), READY)
        lines = self.our_lines()
        f.ask_for(3)
        self.assertEqual(self.our_lines(), lines,
                         self.a.log_text())
        fault.sessions()
        f.wait_workers(2, 5)

    def test_flat_over_signatures_and_restarts(self):
        f, fault = self.f, self.fault
        signatures, restarts = (3000, 20) if ap.PLAIN else (500, 5)
        for _ in range(signatures):
            self.assertEqual(f.sign()[0][2], ap.DONE)
        self.assertEqual(fault.c.sessions_max, 2)
        for _ in range(restarts):
            self.assertLess(f.replace_worker(), BACK_SECONDS * ap.SLOW)
            # The other one signs while the successor is on its way.
            ap.wait_for(lambda: fault.sessions_open == 2)
        self.assertLessEqual(fault.c.sessions_max, 2)
        self.assertEqual(len(f.workers()), 2)
        # A job that its dead worker had is asked once more.
        self.assertLessEqual(fault.signatures_made, f.signed + restarts)
        self.assertGreaterEqual(fault.signatures, f.signed)


# ---- the login ----

class Login(Case):
    def locked_by(self, code, rule=None):
        """Every refused login costs one try, a restart none, the word of a
        person one."""
        f, fault, a = self.f, self.fault, self.a
        before = fault.count("C_Login").calls
        with rule or fault.fail("C_Login", code):
            f.kill_workers()
            f.wait_state("locked")
            self.refused(0.3, "locked", "PIN")
            self.assertEqual(fault.count("C_Login").calls - before, 1, code)
            self.assertEqual(f.status()[11][0][2], LOCKED)
        f.touch_pin()
        f.wait_state("ready")
        self.back()
        f.wait_workers()

    def test_a_refused_pin_is_tried_once(self):
        codes = ["CKR_PIN_INCORRECT", "CKR_PIN_LOCKED", "CKR_PIN_EXPIRED",
                 "CKR_GENERAL_ERROR", "CKR_FUNCTION_FAILED",
                 "CKR_USER_PIN_NOT_INITIALIZED", "CKR_VENDOR_DEFINED"]
        for code in codes:
            self.assertNotIn(code, LOGIN_HARMLESS | LOGIN_DONE)
            self.locked_by(code)
        self.assertEqual(len(self.lines("pin-refused")), len(codes))

    def test_two_logins_that_nobody_knows_the_end_of(self):
        f, fault = self.f, self.fault
        before = fault.count("C_Login").calls
        with fault.crash("C_Login"):
            f.kill_workers()
            f.wait_state("locked")
            self.refused(0.3, "locked")
        self.assertEqual(fault.count("C_Login").calls - before, 2)
        f.touch_pin()
        self.back(10)

    def test_a_hung_login_is_not_cut_like_a_signature(self):
        """Who cuts it does not know whether the PIN was refused."""
        f, fault = self.f, self.fault
        with fault.hang("C_Login", times=1) as rule:
            f.kill_workers()
            rule.wait()
            time.sleep(4)
            self.assertEqual(self.lines("pin-refused"), [])
            self.refused(0.5, "token-down")
            self.assertEqual(rule.fired, 1)
        self.back()

    def test_other_trouble_is_tried_again(self):
        f, fault = self.f, self.fault
        for code in sorted(LOGIN_HARMLESS)[::3]:
            with fault.fail("C_Login", code, times=2):
                f.kill_workers()
                self.back()
            f.wait_workers()
        self.assertEqual(self.lines("pin-refused"), [])


class Stop(unittest.TestCase):
    def test_a_hung_token_holds_up_no_orderly_end(self):
        """The signer leaves in time to write what it has."""
        with Faulty(limits="{job: 1m}", start=True) as f, \
                f.a.peer() as peer:
            f.wait_workers()
            with f.fault.hang("C_Sign") as rule:
                peer.send(ap.SIGN, {1: f.keyset})
                rule.wait()
                self.assertEqual(f.stop(), 0)
            self.assertEqual([x for x in f.a.log_lines("child-dead")
                              if "kskd-token" not in x], [])
            self.assertIn("kskd-signer",
                          "".join(f.a.log_lines("child-ended")))


class Many(Case):
    workers = 4

    def test_one_login_at_a_time(self):
        """Four workers, a token that refuses the PIN after its return."""
        f, fault = self.f, self.fault
        fault.lose()
        f.ask_for(0.3)
        before = fault.count("C_Login").calls
        with fault.fail("C_Login", "CKR_PIN_INCORRECT"):
            fault.find()
            f.wait_state("locked")
            time.sleep(0.5)
            self.assertEqual(fault.count("C_Login").calls - before, 1)
        self.assertEqual(len(self.lines("pin-refused")), 1)


if __name__ == "__main__":
    main_side_by_side()
