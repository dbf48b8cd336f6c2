#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The module that fails on command (tests/fault) does what each command says:
in one process, in several, and inside a worker's sandbox."""
import ctypes
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "fault")]
import cryptoki
import fault as fault_module
import judge
import peer
from cryptoki import Attribute, Mechanism, TokenError, ds
from fault import CALLS, CKR, CONSTANTS, Fault

SANITIZED = True
ZONE = "example.com."
MESSAGE = b"what is signed"
ECDSA, RSA, SHA256_RSA = 0x1041, 1, 0x40


class Token(cryptoki.Session):
    """A session that signs; `session` opens a further one."""

    def call(self, name, *args):
        rv = getattr(self.lib, name)(*args) & 0xffffffff
        if rv != 0:
            raise TokenError(name, rv)

    def session(self, slot=None):
        h = ctypes.c_ulong()
        self.call("C_OpenSession",
                  ctypes.c_ulong(self.slot if slot is None else slot),
                  ctypes.c_ulong(6), None, None, ctypes.byref(h))
        return h

    def __enter__(self):
        super().__enter__()
        self.slot = self.session_info()[0]
        return self

    def again(self):
        """A new C_Initialize, session and login."""
        self.lib.C_Finalize(None)
        return self.__enter__()

    def session_info(self):
        info = (ctypes.c_ulong * 4)()
        self.call("C_GetSessionInfo", self.h, info)
        return list(info)

    def slots(self, present=1):
        slots = (ctypes.c_ulong * 64)()
        count = ctypes.c_ulong(64)
        self.call("C_GetSlotList", present, slots, ctypes.byref(count))
        return slots[:count.value]

    def login(self, pin, h=None):
        self.call("C_Login", h or self.h, ctypes.c_ulong(1), pin.encode(),
                  ctypes.c_ulong(len(pin)))

    def init_sign(self, key, mechanism=ECDSA):
        m = Mechanism(mechanism, None, 0)
        self.call("C_SignInit", self.h, ctypes.byref(m), ctypes.c_ulong(key))

    def finish_sign(self, room=1024):
        data = hashlib.sha256(MESSAGE).digest()
        buf = ctypes.create_string_buffer(1024)
        n = ctypes.c_ulong(room)
        self.call("C_Sign", self.h, data, ctypes.c_ulong(len(data)),
                  buf if room else None, ctypes.byref(n))
        return buf.raw[:n.value]

    def sign(self, key):
        self.init_sign(key)
        return self.finish_sign()

    def token_info(self):
        """-> (serial, flags)"""
        info = ctypes.create_string_buffer(512)
        self.call("C_GetTokenInfo", ctypes.c_ulong(self.slot), info)
        return info.raw[80:96], int.from_bytes(info.raw[96:104], "little")

    def mechanisms(self):
        count = ctypes.c_ulong()
        self.call("C_GetMechanismList", ctypes.c_ulong(self.slot), None,
                  ctypes.byref(count))
        found = (ctypes.c_ulong * count.value)()
        self.call("C_GetMechanismList", ctypes.c_ulong(self.slot), found,
                  ctypes.byref(count))
        return list(found[:count.value])


def child():
    """A process that signs as told: a line in, a line out."""
    _, _, folder, module = sys.argv
    store = cryptoki.Store.__new__(cryptoki.Store)
    store.conf = os.path.join(folder, "softhsm2.conf")
    token = Token(store, "ksk", module=module)
    for line in sys.stdin:
        word = line.split()
        try:
            if word[0] == "open":
                token.__enter__()
                key = token.find(dict(CLASS=3, LABEL="one"))[0]
            elif word[0] == "sign":
                for _ in range(int(word[1])):
                    token.sign(key)
            elif word[0] == "session":
                token.session()
            elif word[0] == "again":
                token.again()
            elif word[0] == "close":
                token.__exit__()
            print("ok", flush=True)
        except TokenError as e:
            print(f"{e.rv:#x}", flush=True)


class Child:
    def __init__(self, folder, module):
        self.process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), "--child", folder,
             module], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)

    def send(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self

    def answer(self):
        return self.process.stdout.readline().strip()

    def ask(self, line):
        return self.send(line).answer()

    def kill(self):
        self.process.kill()
        return self.end()

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(10)


class FaultCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="ksk fault.")
        os.chmod(cls.dir, 0o755)
        cls.store = cryptoki.Store(cls.dir)
        cls.store.make_token("ksk")
        with cryptoki.Session(cls.store, "ksk") as t:
            public, _ = t.generate(13, "one", b"\1")
            other, _ = t.generate(13, "two", b"\2")
            cls.dnskey, cls.other = t.dnskey(public, 13), t.dnskey(other, 13)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir)

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="module.", dir=self.dir)
        self.f = Fault(self.folder)
        self.addCleanup(self.f.close)
        self.addCleanup(self.f.heal)

    def open(self):
        token = Token(self.store, "ksk", module=self.f.module)
        self.addCleanup(token.lib.C_Finalize, None)
        self.addCleanup(self.f.heal)
        token.__enter__()
        self.one = self.private(token, "one")
        return token

    def private(self, token, label="one"):
        return token.find(dict(CLASS=3, LABEL=label))[0]

    def child(self, opened=True):
        process = Child(self.dir, self.f.module)

        def end():
            if process.process.poll() is None:
                process.kill()
        self.addCleanup(end)
        if opened:
            self.assertEqual(process.ask("open"), "ok")
        return process

    def refused(self, rv, call, *args):
        with self.assertRaises(TokenError) as caught:
            call(*args)
        self.assertEqual(hex(caught.exception.rv), hex(CKR[rv]))

    def verifies(self, signature, dnskey=None):
        return judge.Key(dnskey or self.dnskey).verify(MESSAGE, signature)


class Rules(FaultCase):
    def test_every_function_answers_what_is_injected(self):
        lib = ctypes.CDLL(self.f.module)
        list_of_functions = ctypes.c_void_p()
        self.assertEqual(lib.C_GetFunctionList(
            ctypes.byref(list_of_functions)), 0)
        table = ctypes.cast(list_of_functions.value + 8,
                            ctypes.POINTER(ctypes.c_void_p))
        kind = ctypes.CFUNCTYPE(ctypes.c_ulong, *[ctypes.c_void_p] * 8)
        self.assertEqual(len(CALLS), 68)
        for i, name in enumerate(CALLS):
            before = self.f.count(name).calls
            for function in (kind(table[i]),
                             kind(ctypes.cast(getattr(lib, name),
                                              ctypes.c_void_p).value)):
                with self.f.fail(name, 0x80000100 + i) as rule:
                    self.assertEqual(function(*[None] * 8), 0x80000100 + i)
                self.assertEqual(rule.fired, 1, name)
            count = self.f.count(name)
            self.assertEqual((count.calls - before, count.failed,
                              count.injected), (2, 2, 2), name)
        self.assertEqual(len(set(table[:68])), 68)

    def test_every_value(self):
        token = self.open()
        self.assertGreaterEqual(len(CKR), 90)
        for name in CKR:
            with self.f.fail("C_SignInit", name, times=1):
                if name == "CKR_OK":
                    token.init_sign(self.one)
                    self.refused("CKR_OPERATION_NOT_INITIALIZED",
                                 token.finish_sign)
                else:
                    self.refused(name, token.init_sign, self.one)
            self.assertTrue(self.verifies(token.sign(self.one)))

    def test_passes_on_and_counts(self):
        token = self.open()
        self.assertTrue(self.verifies(token.sign(self.one)))
        token.init_sign(self.one)
        token.finish_sign(room=0)  # only asks for the length
        self.refused("CKR_BUFFER_TOO_SMALL", token.finish_sign, 8)
        token.finish_sign()
        count = self.f.count("C_Sign")
        self.assertEqual((count.calls, count.ok, count.failed,
                          count.injected), (4, 3, 1, 0))
        self.assertEqual((self.f.signatures, self.f.signatures_made), (2, 2))
        self.assertEqual(self.f.count("C_Login").ok, 1)
        self.assertEqual(self.f.processes(), {os.getpid(): 1})
        self.f.reset_counters()
        self.assertEqual((self.f.count("C_Sign").calls, self.f.signatures),
                         (0, 0))

    def pattern(self, token, calls, **when):
        """Which of so many signatures fail."""
        out = ""
        with self.f.fail("C_SignInit", "CKR_DEVICE_ERROR", **when) as rule:
            for _ in range(calls):
                try:
                    token.sign(self.one)
                    out += "."
                except TokenError as e:
                    self.assertEqual(e.rv, CKR["CKR_DEVICE_ERROR"])
                    out += "x"
            self.assertEqual((rule.seen, rule.fired),
                             (calls, out.count("x")))
        return out

    def test_turns(self):
        token = self.open()
        self.assertEqual(self.pattern(token, 4), "xxxx")
        self.assertEqual(self.pattern(token, 4, times=2), "xx..")
        self.assertEqual(self.pattern(token, 6, skip=4), "....xx")
        self.assertEqual(self.pattern(token, 7, every=3), "..x..x.")
        self.assertEqual(self.pattern(token, 9, skip=2, every=2, times=2),
                         "...x.x...")
        chance = self.pattern(token, 200, chance=0.25, seed=7)
        self.assertEqual(chance, self.pattern(token, 200, chance=0.25,
                                              seed=7))
        self.assertNotEqual(chance, self.pattern(token, 200, chance=0.25,
                                                 seed=8))
        self.assertTrue(25 < chance.count("x") < 80, chance)
        self.assertEqual(self.pattern(token, 50, chance=0.0), "." * 50)

    def test_late(self):
        """The token has signed, and the caller is told that it has not."""
        token = self.open()
        with self.f.fail("C_Sign", "CKR_DEVICE_ERROR", late=True):
            self.refused("CKR_DEVICE_ERROR", token.sign, self.one)
        self.assertEqual((self.f.signatures, self.f.signatures_made), (0, 1))
        with self.f.fail("C_Sign", "CKR_DEVICE_ERROR"):
            self.refused("CKR_DEVICE_ERROR", token.sign, self.one)
        self.assertEqual((self.f.signatures, self.f.signatures_made), (0, 1))
        # Either way the operation is over, as Cryptoki has it.
        self.refused("CKR_OPERATION_NOT_INITIALIZED", token.finish_sign)
        self.assertTrue(self.verifies(token.sign(self.one)))

    def test_any_call(self):
        token = self.open()
        rule = self.f.fail(None, "CKR_CRYPTOKI_NOT_INITIALIZED", skip=1,
                           times=2)
        token.slots()
        self.refused("CKR_CRYPTOKI_NOT_INITIALIZED", token.slots)
        self.refused("CKR_CRYPTOKI_NOT_INITIALIZED", token.session_info)
        token.session_info()
        self.assertEqual(rule.fired, 2)

    def test_rules_run_out(self):
        for _ in self.f.c.rule:
            self.f.fail("C_Sign", "CKR_CANCEL")
        with self.assertRaises(RuntimeError):
            self.f.fail("C_Sign", "CKR_CANCEL")
        self.f.cancel_all()
        self.f.fail("C_Sign", "CKR_CANCEL")

    def test_delay_sleeps(self):
        token = self.open()
        for when in (dict(), dict(late=True)):
            with self.f.delay("C_Sign", 10_000, **when) as rule:
                begin, cpu = time.monotonic(), time.process_time()
                for _ in range(20):
                    self.assertTrue(self.verifies(token.sign(self.one)))
                self.assertGreaterEqual(time.monotonic() - begin, 0.2)
                self.assertLess(time.process_time() - cpu, 0.15)
                self.assertEqual(rule.fired, 20)
        # Late: the whole call takes that long, what came before is in it.
        with self.f.delay("C_Sign", 30_000), \
                self.f.delay("C_Sign", 30_000, late=True):
            best = 1
            for _ in range(5):
                begin = time.monotonic()
                token.sign(self.one)
                best = min(best, time.monotonic() - begin)
            self.assertGreaterEqual(best, 0.03)
            self.assertLess(best, 0.055)

    def test_short_delay(self):
        token = self.open()
        best = 1
        with self.f.delay("C_GetSlotList", 200):
            for _ in range(50):
                begin = time.monotonic()
                token.slots()
                best = min(best, time.monotonic() - begin)
        self.assertGreaterEqual(best, 0.0002)
        self.assertLess(best, 0.001)


class Processes(FaultCase):
    def test_hang_and_release(self):
        a, b = self.child(), self.child()
        rule = self.f.hang("C_Sign", times=1)
        a.send("sign 1")
        rule.wait()
        self.assertEqual(b.ask("sign 3"), "ok")  # the other one works on
        self.assertEqual(self.f.unfinished("C_Sign"), 1)
        rule.cancel()
        self.assertEqual(a.answer(), "ok")
        self.assertEqual((self.f.unfinished("C_Sign"), self.f.signatures),
                         (0, 4))

    def test_killed_in_a_hang(self):
        a = self.child()
        self.assertEqual(a.ask("sign 5"), "ok")
        # The token has signed, nobody was told.
        rule = self.f.hang("C_Sign", late=True)
        a.send("sign 1")
        rule.wait()
        self.assertEqual(self.f.processes(), {a.process.pid: 1})
        self.assertEqual(a.kill(), -signal.SIGKILL)
        rule.cancel()
        count = self.f.count("C_Sign")
        self.assertEqual((count.calls, count.ok, count.failed), (6, 5, 0))
        self.assertEqual(self.f.unfinished("C_Sign"), 1)
        self.assertEqual((self.f.signatures, self.f.signatures_made), (5, 6))
        self.assertEqual(self.f.processes(), {})
        self.assertEqual((self.f.sessions_open, self.f.sessions_left), (0, 1))
        self.assertEqual(self.child().ask("sign 1"), "ok")
        self.assertEqual((self.f.sessions_open, self.f.sessions_left), (1, 1))
        self.assertEqual(self.f.signatures, 6)

    def test_killed_while_signing(self):
        """Counters of running processes are whole after kill -9."""
        children = [self.child() for _ in range(2)]
        for c in children:
            c.send("sign 1000000")
        limit = time.monotonic() + 10
        while self.f.signatures < 500 and time.monotonic() < limit:
            time.sleep(0.001)
        for c in children:
            c.kill()
        count = self.f.count("C_Sign")
        self.assertGreaterEqual(self.f.signatures, 500)
        self.assertIn(self.f.unfinished("C_Sign"), (0, 1, 2))
        self.assertEqual(count.failed, 0)
        self.assertLessEqual(abs(count.ok - self.f.signatures), 2)
        self.assertEqual(self.f.sessions_left, 2)

    def test_crash(self):
        for how, status, late in (("abort", -signal.SIGABRT, False),
                                  ("segv", -signal.SIGSEGV, True),
                                  (7, 7, False)):
            with self.subTest(how), self.f.crash(
                    "C_Sign", how, skip=1, times=1, late=late):
                made = self.f.signatures_made
                a = self.child()
                self.assertEqual(a.ask("sign 2"), "")
                self.assertEqual(a.end(), status)
                self.assertEqual(self.f.signatures_made - made, 1 + late)
        self.assertEqual(self.child().ask("sign 2"), "ok")

    def test_session_cap_over_processes(self):
        a, b = self.child(), self.child()
        self.f.sessions(cap=3)
        self.assertEqual(a.ask("session"), "ok")
        for c in (a, b):
            self.assertEqual(c.ask("session"), hex(CKR["CKR_SESSION_COUNT"]))
        self.assertEqual((self.f.sessions_open, self.f.sessions_max), (3, 3))
        a.kill()  # its sessions do not count any more
        self.assertEqual(b.ask("session"), "ok")
        self.assertEqual(b.ask("session"), "ok")
        self.assertEqual(b.ask("session"), hex(CKR["CKR_SESSION_COUNT"]))
        self.f.sessions()
        self.assertEqual(b.ask("session"), "ok")
        self.assertEqual(self.f.processes(), {b.process.pid: 4})
        self.assertEqual(b.ask("close"), "ok")
        self.assertEqual(self.f.sessions_open, 0)
        self.assertEqual(self.f.sessions_max, 4)

    def test_command_reaches_running_processes(self):
        a, b = self.child(), self.child()
        with self.f.fail("C_Sign", "CKR_DEVICE_MEMORY"):
            for c in (a, b):
                self.assertEqual(c.ask("sign 1"),
                                 hex(CKR["CKR_DEVICE_MEMORY"]))
        for c in (a, b):
            self.assertEqual(c.ask("sign 1"), "ok")
        self.f.change_handles()
        for c in (a, b):
            self.assertEqual(c.ask("sign 1"),
                             hex(CKR["CKR_KEY_HANDLE_INVALID"]))

    def test_only_a_new_process_helps(self):
        a = self.child()
        self.f.lose("process", "CKR_DEVICE_ERROR")
        self.assertEqual(a.ask("sign 1"), hex(CKR["CKR_DEVICE_ERROR"]))
        self.f.find()
        self.assertEqual(a.ask("sign 1"), hex(CKR["CKR_DEVICE_ERROR"]))
        self.assertEqual(a.ask("again"), "0x0")  # no token of that label
        self.assertEqual(self.child().ask("sign 1"), "ok")

    def test_after_fork(self):
        """A forked child has its own place, and must initialise anew."""
        token = self.open()
        pid = os.fork()
        if pid == 0:
            try:
                rv = token.lib.C_CloseSession(token.h)
                alive = self.f.processes()
                ok = rv == CKR["CKR_CRYPTOKI_NOT_INITIALIZED"] and \
                    alive == {os.getppid(): 1, os.getpid(): 0}
                os._exit(0 if ok else 1)
            except BaseException:
                os._exit(2)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        self.assertTrue(self.verifies(token.sign(self.one)))
        self.assertEqual(self.f.processes(), {os.getpid(): 1})


class Loss(FaultCase):
    def slot_flags(self, token):
        info = ctypes.create_string_buffer(512)
        token.call("C_GetSlotInfo", ctypes.c_ulong(token.slot), info)
        return int.from_bytes(info.raw[96:104], "little")

    def test_gone(self):
        token = self.open()
        self.assertEqual(self.slot_flags(token) & 1, 1)
        self.f.lose()
        self.refused("CKR_DEVICE_REMOVED", token.sign, self.one)
        self.refused("CKR_DEVICE_REMOVED", token.session_info)
        self.assertEqual(token.slots(), [])
        self.assertIn(token.slot, token.slots(present=0))
        self.assertEqual(self.slot_flags(token) & 1, 0)
        for call in (token.token_info, token.session, token.mechanisms):
            self.refused("CKR_TOKEN_NOT_PRESENT", call)
        self.assertEqual(self.f.sessions_open, 0)

    def test_new_session_helps(self):
        token = self.open()
        self.f.lose(code="CKR_SESSION_HANDLE_INVALID")
        self.refused("CKR_SESSION_HANDLE_INVALID", token.sign, self.one)
        self.f.find()
        self.refused("CKR_SESSION_HANDLE_INVALID", token.sign, self.one)
        token.h = token.session()
        self.assertEqual(token.find(dict(CLASS=3)), [])  # not logged in
        token.login("1234")
        self.assertTrue(self.verifies(token.sign(self.private(token))))
        self.assertEqual(self.f.sessions_open, 1)

    def test_lost_and_found_between_calls(self):
        token = self.open()
        self.f.lose()
        self.f.find()
        self.refused("CKR_DEVICE_REMOVED", token.sign, self.one)

    def test_only_initialize_helps(self):
        token = self.open()
        self.f.lose("initialize", "CKR_DEVICE_ERROR")
        self.refused("CKR_DEVICE_ERROR", token.sign, self.one)
        self.f.find()
        self.refused("CKR_DEVICE_ERROR", token.sign, self.one)
        self.refused("CKR_TOKEN_NOT_PRESENT", token.session)
        self.assertEqual(token.slots(), [])
        token.again()
        self.assertTrue(self.verifies(token.sign(self.private(token))))

    def test_initialize_too_early(self):
        token = self.open()
        self.f.lose("initialize")
        self.refused("CKR_OK", token.again)  # finds no token
        self.assertEqual(token.lib.C_Initialize(None), 0)
        self.f.find()
        self.assertEqual(token.slots(), [])
        token.again()
        self.assertTrue(self.verifies(token.sign(self.private(token))))


class Sessions(FaultCase):
    def test_life(self):
        token = self.open()
        self.f.sessions(life=10, code="CKR_SESSION_CLOSED")
        used = self.f.sessions_open
        with self.assertRaises(TokenError) as caught:
            for calls in range(100):
                token.session_info()
        self.assertEqual(caught.exception.rv, CKR["CKR_SESSION_CLOSED"])
        self.assertLess(calls, 10)
        self.refused("CKR_SESSION_CLOSED", token.session_info)
        self.assertEqual((used, self.f.sessions_open), (1, 0))
        token.h = token.session()
        for _ in range(10):
            token.session_info()
        self.refused("CKR_SESSION_CLOSED", token.session_info)
        self.assertEqual(self.f.c.sessions_killed, 2)

    def test_idle(self):
        token = self.open()
        self.f.sessions(idle_ms=400)
        for _ in range(5):
            time.sleep(0.1)
            token.sign(self.one)
        time.sleep(0.5)
        self.refused("CKR_SESSION_HANDLE_INVALID", token.sign, self.one)
        token.h = token.session()
        token.login("1234")  # the last session's end was a logout
        self.assertTrue(self.verifies(token.sign(self.private(token))))

    def test_closing(self):
        token = self.open()
        more = [token.session() for _ in range(3)]
        self.assertEqual(self.f.sessions_open, 4)
        token.call("C_CloseSession", more[0])
        self.refused("CKR_SESSION_HANDLE_INVALID", token.call,
                     "C_CloseSession", more[0])
        self.assertEqual(self.f.sessions_open, 3)
        token.call("C_CloseAllSessions", ctypes.c_ulong(token.slot))
        self.assertEqual(self.f.sessions_open, 0)
        self.refused("CKR_SESSION_HANDLE_INVALID", token.session_info)
        self.assertEqual((self.f.sessions_max, self.f.sessions_left), (4, 0))

    def test_many(self):
        """Entries of dead and closed sessions are used again."""
        token = self.open()
        for i in range(600):
            h = token.session()
            if i % 2:
                self.f.lose()
                self.f.find()
            else:
                token.call("C_CloseSession", h)
        self.assertEqual(self.f.sessions_open, 1)
        self.assertEqual(self.f.c.sessions_opened, 601)

    def test_slots_move(self):
        token = self.open()
        before = token.slot
        self.f.move_slots()
        self.assertEqual(token.session_info()[0], before)
        seen = {before}
        for _ in range(3):
            token.again()
            seen.add(token.slot)
            self.assertIn(token.slot, token.slots())
            self.assertTrue(self.verifies(token.sign(self.private(token))))
            self.refused("CKR_SLOT_ID_INVALID", token.session, before)
        self.assertEqual(len(seen), 4)


class Pins(FaultCase):
    def test_lock(self):
        token = self.open()
        token.call("C_Logout", token.h)
        self.f.pins(limit=3, flags=True)
        low, final, locked = 1 << 16, 1 << 17, 1 << 18
        for flags in (0, low, low | final):
            self.assertEqual(token.token_info()[1] & (low | final | locked),
                             flags)
            self.refused("CKR_PIN_INCORRECT", token.login, "4321")
        self.assertEqual(token.token_info()[1] & (final | locked), locked)
        self.refused("CKR_PIN_LOCKED", token.login, "4321")
        self.refused("CKR_PIN_LOCKED", token.login, "1234")
        self.assertEqual(self.f.count("C_Login").calls, 6)
        self.f.pins(limit=3)
        token.login("1234")

    def test_a_right_pin_counts_anew(self):
        token = self.open()
        self.f.pins(limit=2)
        for _ in range(3):
            token.call("C_Logout", token.h)
            self.refused("CKR_PIN_INCORRECT", token.login, "4321")
            token.login("1234")

    def test_injected_refusals_lock_too(self):
        token = self.open()
        token.call("C_Logout", token.h)
        self.f.pins(limit=2)
        with self.f.fail("C_Login", "CKR_PIN_INCORRECT"):
            for rv in ("INCORRECT", "INCORRECT", "LOCKED", "LOCKED"):
                self.refused("CKR_PIN_" + rv, token.login, "1234")
        self.refused("CKR_PIN_LOCKED", token.login, "1234")


class Objects(FaultCase):
    def test_handles_change(self):
        token = self.open()
        self.f.change_handles()
        self.refused("CKR_KEY_HANDLE_INVALID", token.sign, self.one)
        self.refused("CKR_OBJECT_HANDLE_INVALID", token.get, self.one,
                     "LABEL")
        now = self.private(token)
        self.assertNotEqual(now, self.one)
        self.assertEqual(token.get(now, "LABEL"), b"one")
        self.assertTrue(self.verifies(token.sign(now)))
        public, private = token.generate(13, "new", b"\7")
        token.sign(private)
        token.destroy(public)
        token.destroy(private)
        self.assertEqual(token.find(dict(LABEL="new")), [])

    def test_drop(self):
        token = self.open()
        before = len(token.find({}))
        self.f.drop("one")
        self.assertEqual(len(token.find({})), before - 2)
        self.assertEqual(token.find(dict(LABEL="one")), [])
        self.refused("CKR_KEY_HANDLE_INVALID", token.sign, self.one)
        self.assertTrue(self.verifies(
            token.sign(self.private(token, "two")), self.other))
        self.f.drop()
        self.assertEqual(token.find({}), [])
        self.refused("CKR_OBJECT_HANDLE_INVALID", token.get, self.one,
                     "LABEL")
        self.f.restore()
        self.assertEqual(len(token.find({})), before)
        self.assertTrue(self.verifies(token.sign(self.one)))

    def test_drop_in_small_searches(self):
        """A search in steps of one does not end at what is gone."""
        token = self.open()
        self.f.drop("one")
        token.call("C_FindObjectsInit", token.h, None, ctypes.c_ulong(0))
        found = []
        while True:
            o, n = ctypes.c_ulong(), ctypes.c_ulong()
            token.call("C_FindObjects", token.h, ctypes.byref(o),
                       ctypes.c_ulong(1), ctypes.byref(n))
            if n.value == 0:
                break
            found.append(token.get(o.value, "LABEL"))
        token.call("C_FindObjectsFinal", token.h)
        self.assertEqual(found, [b"two", b"two"])

    def test_attributes(self):
        token = self.open()
        public = token.find(dict(CLASS=2, LABEL="one"))[0]
        wrapped = token.get(public, "EC_POINT")
        self.assertEqual((wrapped[:3], len(wrapped)), (b"\4\x41\4", 67))
        self.assertEqual(token.get(self.one, "EXTRACTABLE"), b"\0")
        self.f.attributes(CKA_EC_POINT="raw", CKA_ID="hide",
                          CKA_EXTRACTABLE=True, CKA_SIGN=False,
                          CKA_LABEL="empty")
        self.assertEqual(token.get(public, "EC_POINT"), wrapped[2:])
        self.refused("CKR_ATTRIBUTE_TYPE_INVALID", token.get, public, "ID")
        self.assertEqual(token.get(self.one, "EXTRACTABLE"), b"\1")
        self.assertEqual(token.get(self.one, "SIGN"), b"\0")
        self.assertEqual(token.get(self.one, "LABEL"), b"")
        # Several at once: the length, room that is too small, one hidden.
        buf = ctypes.create_string_buffer(64)
        t = (Attribute * 4)(
            Attribute(CONSTANTS["CKA_EC_POINT"], None, 0),
            Attribute(CONSTANTS["CKA_EC_POINT"],
                      ctypes.cast(buf, ctypes.c_void_p), 64),
            Attribute(CONSTANTS["CKA_ID"], None, 0),
            Attribute(CONSTANTS["CKA_CLASS"], None, 0))
        self.refused("CKR_BUFFER_TOO_SMALL", token.call,
                     "C_GetAttributeValue", token.h, ctypes.c_ulong(public),
                     t, ctypes.c_ulong(4))
        gone = ctypes.c_ulong(-1).value
        self.assertEqual([a.length for a in t], [65, gone, gone, 8])
        self.f.attributes()
        self.assertEqual(token.get(public, "EC_POINT"), wrapped)
        self.assertEqual(token.get(public, "ID"), b"\1")

    def test_mechanisms(self):
        token = self.open()
        before = token.mechanisms()
        self.assertIn(SHA256_RSA, before)
        self.f.hide("CKM_SHA256_RSA_PKCS", "CKM_ECDSA")
        self.assertEqual(set(before) - set(token.mechanisms()),
                         {SHA256_RSA, ECDSA})
        info = (ctypes.c_ulong * 3)()
        for mechanism in (SHA256_RSA, ECDSA):
            self.refused("CKR_MECHANISM_INVALID", token.call,
                         "C_GetMechanismInfo", ctypes.c_ulong(token.slot),
                         ctypes.c_ulong(mechanism), info)
        token.call("C_GetMechanismInfo", ctypes.c_ulong(token.slot),
                   ctypes.c_ulong(RSA), info)
        self.refused("CKR_MECHANISM_INVALID", token.sign, self.one)
        self.f.hide()
        self.assertEqual(token.mechanisms(), before)
        token.sign(self.one)

    def test_serial(self):
        token = self.open()
        real = token.token_info()[0]
        self.f.serial("empty")
        self.assertEqual(token.token_info()[0], b" " * 16)
        self.f.serial("zero")
        self.assertEqual(token.token_info()[0], b"0" * 16)
        self.f.serial(None)
        self.assertEqual(token.token_info()[0], real)
        self.assertNotIn(real, (b" " * 16, b"0" * 16))


class Signatures(FaultCase):
    def test_flip(self):
        token = self.open()
        with self.f.flip(bit=300, times=2):
            for _ in range(2):
                wrong = bytearray(token.sign(self.one))
                self.assertFalse(self.verifies(bytes(wrong)))
                wrong[300 // 8] ^= 1 << 300 % 8
                self.assertTrue(self.verifies(bytes(wrong)))
            self.assertTrue(self.verifies(token.sign(self.one)))
        self.assertEqual(self.f.signatures, 3)

    def test_short(self):
        token = self.open()
        with self.f.shorten(3):
            self.assertEqual(len(token.sign(self.one)), 61)
        with self.f.shorten(1000):
            self.assertEqual(token.sign(self.one), b"")
        self.assertEqual(len(token.sign(self.one)), 64)

    def test_der(self):
        token = self.open()
        with self.f.der():
            signature = token.sign(self.one)
            self.assertEqual((signature[0], signature[1] + 2),
                             (0x30, len(signature)))
            r = signature[4:4 + signature[3]]
            s = signature[6 + signature[3]:]
            self.assertTrue(self.verifies(b"".join(
                int.from_bytes(n, "big").to_bytes(32, "big")
                for n in (r, s))))
            token.init_sign(self.one)
            self.refused("CKR_BUFFER_TOO_SMALL", token.finish_sign, 64)

    def test_other_key(self):
        token = self.open()
        with self.f.other_key("two"):
            signature = token.sign(self.one)
        self.assertFalse(self.verifies(signature))
        self.assertTrue(self.verifies(signature, self.other))
        with self.f.other_key("three"):
            self.refused("CKR_KEY_HANDLE_INVALID", token.sign, self.one)
        self.assertTrue(self.verifies(token.sign(self.one)))

    def test_refuse_key(self):
        token = self.open()
        two = self.private(token, "two")
        with self.f.refuse_key("two", "CKR_KEY_FUNCTION_NOT_PERMITTED"):
            self.refused("CKR_KEY_FUNCTION_NOT_PERMITTED", token.sign, two)
            self.assertTrue(self.verifies(token.sign(self.one)))
        self.assertTrue(self.verifies(token.sign(two), self.other))


class Loading(FaultCase):
    def refuses(self):
        """One line on stderr, and every call fails."""
        done = subprocess.run(
            [sys.executable, "-c", "import ctypes, sys\n"
             "lib = ctypes.CDLL(sys.argv[1])\n"
             "print(lib.C_Initialize(None), lib.C_GetFunctionList(None),"
             " lib.C_Sign(0, None, 0, None, None))", self.f.module],
            capture_output=True, text=True)
        self.assertEqual(done.stdout, "5 5 5\n")
        self.assertEqual(done.stderr.count("libkskfault: "), 1, done.stderr)
        return done.stderr

    def test_conf(self):
        conf = os.path.join(self.folder, "fault.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write(f"control {self.f.control}\n")
        self.assertIn("lines", self.refuses())
        with open(conf, "a", encoding="ascii") as f:
            f.write("module /nowhere.so\n")
        self.assertIn("/nowhere.so", self.refuses())
        os.unlink(conf)
        self.assertIn("fault.conf", self.refuses())

    def test_other_version(self):
        self.f.c.version = 0
        self.assertIn("version", self.refuses())
        self.f.c.version = fault_module.VERSION
        os.truncate(self.f.control, 4096)
        self.assertIn("size", self.refuses())
        os.truncate(self.f.control, ctypes.sizeof(fault_module.Control))


class Sandbox(FaultCase):
    """The module inside kskd-token: no environment, another uid, Landlock and
    seccomp."""

    def setUp(self):
        super().setUp()
        self.user = None
        if os.geteuid() == 0:
            self.user = 64898
            for where, _, names in os.walk(self.dir):
                for path in [where] + [os.path.join(where, n) for n in names]:
                    os.chown(path, self.user, self.user)

    def worker(self):
        worker = peer.Worker(
            self.store, "ksk", module=self.f.module, user=self.user,
            keymap=peer.keymap_line(ZONE, "main", ds(ZONE, self.dnskey)),
            paths=[(self.store.tokens, 5), *self.f.paths])
        self.addCleanup(worker.close)
        worker.ready().connect()
        self.assertEqual(worker.keys([(0, ZONE, ds(ZONE, self.dnskey),
                                       "one")])[0], (self.dnskey, ""))
        return worker

    def sign(self, worker):
        return worker.sign(slot=0, zone=ZONE, rdatas=[self.dnskey])[0]

    def test_signs_slowly_and_dies(self):
        worker = self.worker()
        self.assertEqual(self.sign(worker), peer.DONE)
        self.assertEqual(self.f.signatures, 1)
        self.assertEqual(self.f.processes(), {worker.process.pid: 1})
        with self.f.delay("C_Sign", 30_000):
            begin = time.monotonic()
            self.assertEqual(self.sign(worker), peer.DONE)
            self.assertGreaterEqual(time.monotonic() - begin, 0.03)
        with self.f.hang("C_Sign") as rule:
            worker.send_jobs([dict(job=7, slot=0, zone=ZONE,
                                   rdatas=[self.dnskey])])
            rule.wait()
        self.assertEqual(worker.signed()[7][0], peer.DONE)
        with self.f.crash("C_Sign", 9):
            worker.send_jobs([dict(job=7, slot=0, zone=ZONE,
                                   rdatas=[self.dnskey])])
            self.assertEqual(worker.wait(), 9)
        self.assertEqual((self.f.signatures, self.f.sessions_left), (3, 1))

    def test_token_is_lost(self):
        worker = self.worker()
        self.f.lose("initialize")
        worker.send_jobs([dict(job=7, slot=0, zone=ZONE,
                               rdatas=[self.dnskey])])
        self.assertNotEqual(worker.wait(), 0)
        self.assertIn("CKR_DEVICE_REMOVED", worker.text())
        self.f.find()
        self.assertEqual(self.sign(self.worker()), peer.DONE)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child()
    else:
        sys.exit(unittest.main())
