# SPDX-License-Identifier: BSD-2-Clause
"""An appliance whose token has bad days: the standard one of appliance.py,
with libkskfault.so (tests/fault/fault.h) between its workers and SoftHSM, and
a client that believes nothing: every RRSIG it gets is verified by libcrypto
over bytes built here from RFC 4034.

    with Faulty() as f:
        f.start()
        f.fault.fail("C_Sign", "CKR_DEVICE_ERROR", times=1)
        reply, seconds = f.sign()
"""
import concurrent.futures
import contextlib
import os
import re
import signal
import struct
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "fault"),
                os.path.join(os.path.dirname(HERE), "token")]
import appliance as ap  # noqa: E402
import fault as fl  # noqa: E402
import judge  # noqa: E402

READY, TOKEN_DOWN, LOCKED, KEY_MISSING = range(4)
STATES = {"ready": READY, "token-down": TOKEN_DOWN, "locked": LOCKED,
          "key-missing": KEY_MISSING}

# All that a worker calls, from its start to its end. A test fails if it calls
# anything else.
WORKER_CALLS = [
    "C_Initialize", "C_GetInfo", "C_GetSlotList", "C_GetSlotInfo",
    "C_GetTokenInfo", "C_OpenSession", "C_GetMechanismInfo", "C_Login",
    "C_FindObjectsInit", "C_FindObjects", "C_FindObjectsFinal",
    "C_GetAttributeValue", "C_SignInit", "C_Sign", "C_CloseSession",
    "C_CloseAllSessions", "C_Finalize"]
START_CALLS = WORKER_CALLS[:8]
LEAVE_CALLS = WORKER_CALLS[-3:]

# Answers to C_Login that no PIN causes: another try is safe. After any other
# answer a person must say that the PIN is right (DESIGN 8).
LOGIN_HARMLESS = {
    "CKR_HOST_MEMORY", "CKR_DEVICE_ERROR", "CKR_DEVICE_MEMORY",
    "CKR_DEVICE_REMOVED", "CKR_TOKEN_NOT_PRESENT",
    "CKR_TOKEN_NOT_RECOGNIZED", "CKR_SESSION_CLOSED",
    "CKR_SESSION_HANDLE_INVALID", "CKR_SESSION_COUNT",
    "CKR_CRYPTOKI_NOT_INITIALIZED"}
# No failure at all.
LOGIN_DONE = {"CKR_OK", "CKR_USER_ALREADY_LOGGED_IN"}


class WrongSignature(AssertionError):
    pass


class Faulty:
    def __init__(self, workers=2, limits=None, zones=1, start=False,
                 anchor=False):
        self.a = ap.standard(workers=workers, name="fault")
        self.anchor = anchor
        self.asked = self.signed = 0
        self.channel = None
        try:
            a = self.a
            for i in range(1, zones):
                zone = f"zone{i}.example."
                a.add_ksk(zone, f"ksk-{i}")
                zsk = ap.Zsk(a.path(zone), zone)
                a.add_zone(zone, [f"ksk-{i}"], {"alpha": [zsk]})
            a.version = 0
            a.write_policy()
            self.fault = fl.Fault(a.path("fault"),
                                  build=os.path.join(ap.BUILD))
            self.limits = limits
            self.configure()
            self.keyset = a.keyset(a.zone, [a.zsk1, a.zsk2])
            self.ksk = a.ksks["ksk1"]
            self.key = judge.Key(self.ksk)
            if start:
                self.start()
        except BaseException:
            self.close()
            raise

    def configure(self, **more):
        """kskd.yaml with the fault module; the rest stays."""
        a = self.a
        a.config(limits=self.limits, tokens=f"""
  - name: main
    module: "{self.fault.module}"
    uri: "pkcs11:token=ksk"
    pin: {{file: "{a.path('etc/pin.main')}"}}
    workers: {a.workers}
    anchor: {'yes' if self.anchor else 'no'}
    environment: ["SOFTHSM2_CONF={a.path('etc/softhsm2.conf')}"]
    paths:
      - {{path: "{a.path('tokens')}", access: rw}}
      - {{path: "{a.path('etc/softhsm2.conf')}", access: r}}
      - {{path: "{self.fault.control}", access: rw}}
""", **more)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.hang_up()
        if getattr(self, "fault", None) is not None:
            self.fault.cancel_all()   # nobody hangs any more
        self.a.__exit__()

    def start(self, ready=True):
        self.a.start(ready=ready)
        return self

    def stop(self):
        self.hang_up()
        return self.a.stop(check=False)

    # -- asking --
    def hang_up(self):
        if self.channel is not None:
            self.channel.close()
        self.channel = None

    def ask(self, op, body=None):
        """-> (reply, seconds), through one connection while it lives."""
        if self.channel is None:
            self.channel = self.a.peer(timeout=20)
        begin = time.monotonic()
        try:
            reply = self.channel.ask(op, body)
        except OSError:
            self.hang_up()
            raise
        return reply, time.monotonic() - begin

    def sign(self):
        reply, seconds = self.ask(ap.SIGN, {1: self.keyset})
        self.asked += 1
        if reply[2] == ap.DONE:
            self.signed += 1
            self.check(reply[3][1])
        elif reply[2] != ap.NOT_READY:
            raise AssertionError(f"an odd reply: {reply}")
        return reply, seconds

    def check(self, rrsigs, keyset=None, ksk=None):
        """Raises WrongSignature unless every RRSIG is a right one."""
        keyset = keyset or self.keyset
        key = self.key if ksk is None else judge.Key(ksk)
        ksk = ksk or self.ksk
        zone = self.a.zone if ksk is self.ksk else None
        for rdata in rrsigs:
            (kind, algorithm, labels, ttl, expiration, inception,
             tag) = struct.unpack("!HBBIIIH", rdata[:18])
            owner = keyset[1]
            name = zone or _text(owner)
            signature = rdata[18 + len(owner):]
            data = judge.signed_bytes(
                name, keyset[2], keyset[3], keyset[4],
                (inception, expiration), algorithm, tag)
            right = (kind == keyset[2] and ttl == keyset[3]
                     and tag == ap.key_tag(ksk) and algorithm == ksk[3]
                     and labels == name.rstrip(".").count(".") + 1
                     and rdata[18:18 + len(owner)] == owner
                     and inception <= time.time() < expiration
                     and key.verify(data, signature))
            if not right:
                raise WrongSignature(rdata.hex())
        if not rrsigs:
            raise WrongSignature("none at all")

    def status(self):
        return self.ask(ap.STATUS)[0][3]

    def state(self):
        return self.status()[4]

    def wait_state(self, want, seconds=10):
        ap.wait_for(lambda: self.state() == STATES[want], seconds)

    def workers(self):
        return self.a.children().get("kskd-token", [])

    def kill_workers(self):
        """All that are logged in. Not in the middle of a login: SoftHSM
        empties its token's file there before it writes it anew, and a
        SIGKILL between the two leaves no token."""
        self.wait_workers()
        for pid in self.workers():
            # The second may die of a fault that the first one's death shows.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def replace_worker(self, place=0):
        """Kills one that is logged in and waits until another is -> seconds
        to the next signature."""
        self.wait_workers()
        pid = self.workers()[place]
        os.kill(pid, signal.SIGKILL)
        ap.wait_for(lambda: pid not in self.workers(), step=0.005)
        took, _ = self.until_signed()
        self.wait_workers()
        return took

    def wait_workers(self, count=None, seconds=15):
        """Until so many are logged in and have looked up their keys."""
        count = self.a.workers if count is None else count
        ap.wait_for(lambda: self.status()[11][0][3] == count, seconds, 0.01)

    def until_signed(self, seconds=20, step=0.01):
        """Asks until a signature comes -> (seconds, [(reply, seconds)])."""
        begin = time.monotonic()
        others = []
        while True:
            reply, took = self.sign()
            if reply[2] == ap.DONE:
                return time.monotonic() - begin, others
            others.append((reply, took))
            if time.monotonic() - begin > seconds * ap.SLOW:
                raise AssertionError(
                    f"no signature for {seconds * ap.SLOW} s: {reply}\n"
                    + self.a.log_text()[-8000:])
            time.sleep(step)

    def ask_for(self, seconds, step=0.01):
        """Asks all that time -> [(reply, seconds)]."""
        end = time.monotonic() + seconds
        replies = []
        while time.monotonic() < end:
            replies.append(self.sign())
            time.sleep(step)
        return replies

    def log_complaints(self):
        """What must never be in a log. A sanitizer may report the crashes that
        are made on purpose, in our module, and what libp11 and modules lose
        when a call of theirs fails."""
        bad, report = [], None
        for line in self.a.log_text().splitlines():
            if re.match(r"==\d+==ERROR: |.*runtime error: ", line):
                report = line
            elif report and "Leak" in report:
                if re.match(r"\s+#1 .*/kskd", line):
                    bad.append(f"{report} {line}")
                report = None if "SUMMARY" in line else report
            elif report and re.match(r"\s+#0 ", line):
                if "libkskfault.so" not in line:
                    bad.append(f"{report} {line}")
                report = None
            elif "peer-broken" in line:
                bad.append(line)
            elif ap.PLAIN and not re.match(
                    r"kskd(-\w+)?: (error|warn|info) [a-z-]+: \S", line):
                bad.append(f"an odd line: {line!r}")
        return bad + ([report] if report else [])

    def pin(self):
        with open(self.a.path("etc/pin.main"), encoding="ascii") as f:
            return f.read().strip()

    def touch_pin(self):
        """The person at the box says: the PIN is right."""
        path = self.a.path("etc/pin.main")
        os.utime(path)
        self.a.reload()


# ---- tests that mostly wait are run side by side ----

SIDE_BY_SIDE = 6
figures = []


def figure(text):
    """A measured figure, shown at the end."""
    figures.append(text)


def show(name, values):
    values = sorted(values)
    if values:
        figure(f"{name}: n={len(values)} "
               f"p50={values[len(values) // 2] * 1e3:.1f} "
               f"max={values[-1] * 1e3:.1f} ms")


def _run_one(test):
    result = unittest.TestResult()
    test.run(result)
    bad = result.errors + result.failures
    word = "ERROR" if result.errors else "FAIL" if bad else "ok"
    if result.skipped:
        word = f"skipped {result.skipped[0][1]!r}"
    print(f"{test} ... {word}", flush=True)
    return bad


def main_side_by_side(count=SIDE_BY_SIDE):
    """unittest.main for tests that share nothing and mostly wait. Arguments:
    names of tests or classes; -v is accepted."""
    names = [n for n in sys.argv[1:] if not n.startswith("-")]
    loader, module = unittest.defaultTestLoader, sys.modules["__main__"]
    suites = [loader.loadTestsFromNames(names, module) if names else
              loader.loadTestsFromModule(module)]
    tests = []
    while suites:
        for test in suites.pop():
            (suites if isinstance(test, unittest.TestSuite)
             else tests).append(test)
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        bad = [x for found in pool.map(_run_one, tests) for x in found]
    for test, trace in bad:
        print("=" * 70 + f"\n{test}\n" + "-" * 70 + f"\n{trace}")
    print("\n".join(f"    {x}" for x in figures))
    print(f"Ran {len(tests)} tests, {len(bad)} failed")
    sys.exit(1 if bad or not tests else 0)


def _text(owner):
    labels, at = [], 0
    while owner[at]:
        labels.append(owner[at + 1:at + 1 + owner[at]].decode())
        at += 1 + owner[at]
    return ".".join(labels) + "."
