#!/usr/bin/python3
"""The long form of tests/integration/test_faults.py, `make soak`: random
faults from a printed seed, then signatures and worker restarts with session
counts, descriptors and memory watched. Ends in a table; the exit code says
whether every figure is as it must be. What a refusal may take, and which ones
are told apart, stands in meanwhile.py.
"""
import argparse
import collections
import concurrent.futures
import os
import random
import signal
import sqlite3
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
from faulty import (  # noqa: E402
    Faulty, LEAVE_CALLS, LOGIN_HARMLESS, WORKER_CALLS, WrongSignature, ap, fl)
import meanwhile as mw  # noqa: E402

SIDE_BY_SIDE = 4
BACK_SECONDS = 5.0
REFUSAL_SECONDS = 0.02

# A call that hangs is cut after limits.job, 2 s. A shared machine may take half
# a second more to notice it and to kill. Whoever waits for the signature is
# answered by another worker, at once, or half a second later if that one must
# be started first. What hangs before a login or while keys are looked up has
# the time that its like is known to take, eight times, and 2 s at least.
CUT_SECONDS, CUT_TOLERANCE, START_SECONDS = 2.0, 0.5, 0.5
SIGN_CALLS = ("C_SignInit", "C_Sign")

# What one fault cost. begin, end: between them it was there. cut: the call that
# hung and the seconds until its process was dead, or None.
Cost = collections.namedtuple("Cost", "kind seconds double begin end cut")

# Sanitized, its figures are not those of the product.
SLOWER = 1 if ap.PLAIN else 5


def quantiles(values):
    values = sorted(values)
    if not values:
        return "-", "-", "-"
    return tuple(f"{values[min(len(values) - 1, int(len(values) * q))] * 1e3:.1f}"
                 for q in (0.5, 0.99, 1))


class Bad(Exception):
    """A fault that was not survived; names what was done."""


# ---- faults: each makes one, has the workers come to it, and heals it ----

class Faults:
    def __init__(self, f, rng):
        self.f, self.fault, self.rng = f, f.fault, rng
        self.client = mw.Meanwhile(f)
        self.doing, self.cut = "", None

    def ask_for(self, seconds):
        self.f.ask_for(seconds, 0.005)

    def come_to(self, call, rule):
        """Has a worker make that call."""
        f = self.f
        if call in LEAVE_CALLS:
            f.fault.fail("C_Sign", "CKR_DEVICE_ERROR", times=1)
            f.sign()
        elif call in SIGN_CALLS:
            f.sign()
        else:
            f.kill_workers()
        rule.wait(seconds=10)

    def some_call(self, *but):
        return self.rng.choice([c for c in WORKER_CALLS if c not in but])

    def code(self):
        call = self.some_call()
        codes = sorted(LOGIN_HARMLESS if call == "C_Login" else fl.CKR)
        code, late = self.rng.choice(codes), self.rng.random() < 0.3
        self.doing = f"{call} answers {code}, late={late}"
        times = self.rng.choice([1, 1, 2, 0])
        rule = self.fault.fail(call, code, times=times, late=late)
        self.come_to(call, rule)
        if times == 0:
            self.ask_for(self.rng.random() * 0.5)

    def hang(self):
        """Not C_Login: who cuts it does not know whether the PIN was refused,
        and it has 30 s."""
        call = self.rng.choice([self.some_call("C_Login"), *SIGN_CALLS])
        self.doing = f"{call} hangs"
        rule = self.fault.hang(call, times=1)
        watch = Watch(self.fault, rule)
        self.come_to(call, rule)
        # Not healed before it is cut: whoever hangs must be killed.
        self.f.sign()
        # Which must be seen to be replaced even if its death was not.
        self.f.wait_workers(seconds=12)
        if (seconds := watch.seconds()) is not None:
            self.cut = (call, seconds)

    def crash(self):
        call = self.some_call()
        how = self.rng.choice(["segv", "abort", 0, 1, 9, 77])
        self.doing = f"{call} crashes: {how}"
        self.come_to(call, self.fault.crash(call, how, times=1))

    def loss(self):
        recovery = self.rng.choice(sorted(fl.RECOVER))
        code = self.rng.choice(["CKR_DEVICE_REMOVED", "CKR_TOKEN_NOT_PRESENT",
                                "CKR_SESSION_HANDLE_INVALID",
                                "CKR_DEVICE_ERROR"])
        self.doing = f"lost, recovery={recovery}, {code}"
        self.fault.lose(recovery, code)
        self.ask_for(self.rng.random() * 3)

    def handles(self):
        self.doing = "handles change"
        self.fault.change_handles()

    def objects(self):
        label = self.rng.choice([None, "ksk1"])
        self.doing = f"objects gone: {label}"
        self.fault.drop(label)
        self.ask_for(self.rng.random() * 3)

    def slots(self):
        self.doing = "slots move"
        self.fault.move_slots(self.rng.random() < 0.7)
        self.f.kill_workers()

    def lie(self):
        kind = self.rng.choice(["flip", "other", "short"])
        self.doing = f"wrong signatures: {kind}"
        when = {"times": self.rng.choice([1, 2, 3, 0])}
        if kind == "flip":
            self.fault.flip(self.rng.randrange(512), **when)
        elif kind == "other":
            self.fault.other_key("stranger", **when)
        else:
            self.fault.shorten(self.rng.randrange(1, 64), **when)
        self.ask_for(self.rng.random() * 0.5)

    def sessions(self):
        kind = self.rng.choice(["life", "cap", "idle"])
        code = self.rng.choice(["CKR_SESSION_HANDLE_INVALID",
                                "CKR_SESSION_CLOSED"])
        self.doing = f"sessions: {kind}, {code}"
        if kind == "life":
            self.fault.sessions(life=self.rng.randrange(60, 300), code=code)
            self.ask_for(1)
        elif kind == "cap":
            self.fault.sessions(cap=1, code=code)
            self.f.kill_workers()
            self.ask_for(1)
        else:
            self.fault.sessions(idle_ms=100, code=code)
            time.sleep(0.3)

    def kill(self):
        self.doing = "SIGKILL"
        self.f.kill_workers()

    def stop(self):
        self.doing = "SIGSTOP"
        self.f.wait_workers()
        for pid in self.f.workers():
            os.kill(pid, signal.SIGSTOP)
        self.f.sign()

    KINDS = [(code, 40), (crash, 15), (loss, 12), (lie, 8), (hang, 5),
             (objects, 5), (sessions, 5), (handles, 4), (kill, 3), (slots, 2),
             (stop, 1)]

    def one(self):
        f, fault = self.f, self.fault
        make = self.rng.choices([k for k, _ in self.KINDS],
                                [w for _, w in self.KINDS])[0]
        f.wait_workers(seconds=20)
        # Those that are open now may be at the token later.
        before = fault.count("C_Sign").calls
        asked = self.asked() - len(self.client.open)
        self.cut, begin = None, time.monotonic()
        try:
            make(self)
            fault.heal()
            seconds, _ = f.until_signed()
        except WrongSignature:
            raise
        except Exception as e:
            raise Bad(f"{self.doing}: {type(e).__name__}: {e}") from e
        finally:
            fault.heal()
        calls = fault.count("C_Sign").calls - before
        return Cost(make.__name__, seconds,
                    max(0, calls - 2 * (self.asked() - asked)),
                    begin, time.monotonic(), self.cut)

    def asked(self):
        return self.f.asked + self.client.sent


class Watch(threading.Thread):
    """How long the process that a rule has hung is there, from when it hung."""

    def __init__(self, fault, rule):
        super().__init__(daemon=True)
        self.fault, self.rule, self.took = fault, rule, None
        self.start()

    def run(self):
        end = time.monotonic() + 10
        while self.rule.fired == 0 and time.monotonic() < end:
            time.sleep(0.001)
        begin, living = time.monotonic(), set(self.fault.processes())
        while living <= set(self.fault.processes()):
            if time.monotonic() > begin + 10:
                return
            time.sleep(0.005)
        self.took = time.monotonic() - begin

    def seconds(self):
        """None: this thread was kept from seeing it."""
        self.join(30)
        return self.took


class Driver(Faulty):
    """Keeps what it asked for, as mw.Meanwhile does."""

    def __init__(self, **more):
        super().__init__(**more)
        self.asked_for = []

    def sign(self):
        begin = time.monotonic()
        reply, seconds = super().sign()
        self.asked_for.append(mw.Asked(begin, time.monotonic(), reply,
                                       None, None))
        return reply, seconds


def failures(f):
    """Intents that ended without a signature: requests that were let through
    to the token."""
    path = f.a.path("state/journal/journal.db")
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return db.execute("SELECT count(*) FROM record WHERE kind = 4"
                          ).fetchone()[0]
    finally:
        db.close()


def fault_part(seed, part, count):
    """-> (costs, troubles, wrong signatures, what was asked for)"""
    rng = random.Random(f"{seed}/{part}")
    costs, bad, wrong = [], [], 0
    with Driver(workers=2) as f:
        f.a.add_ksk("stranger.example.", "stranger")
        f.start()
        f.wait_workers()
        faults = Faults(f, rng)
        faults.client.start()
        for _ in range(count):
            try:
                costs.append(faults.one())
            except WrongSignature:
                wrong += 1
            except Bad as e:
                bad.append(str(e)[:3000])
        f.wait_workers(seconds=20)
        try:
            faults.client.stop()
        except WrongSignature:
            wrong += 1
        f.wait_state("ready", 5)
        bad += [f"log: {x}" for x in f.log_complaints()]
        bad += [f"log: {x}" for x in f.a.log_lines("pin-refused")]
        if f.fault.c.sessions_max > 2:
            bad.append(f"{f.fault.c.sessions_max} sessions")
        if f.stop() != 0:
            bad.append("kskd did not stop with 0")
        told = mw.Refusals(faults.client.asked + f.asked_for)
        # What was refused at once never got as far as an intent.
        let_through = len(told.in_flight) + len(told.tried)
        if failures(f) > let_through:
            bad.append(f"{failures(f)} requests ended at the token, "
                       f"{let_through} of them were told so")
    return costs, bad, wrong, faults.client.asked + f.asked_for


def side_by_side(work, total):
    share = [total // SIDE_BY_SIDE + (i < total % SIDE_BY_SIDE)
             for i in range(SIDE_BY_SIDE)]
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return list(pool.map(work, range(SIDE_BY_SIDE), share))


def faults(seed, count):
    begin = time.monotonic()
    parts = side_by_side(lambda i, n: fault_part(seed, i, n), count)
    costs = [c for p in parts for c in p[0]]
    bad = [b for p in parts for b in p[1]]
    wrong = sum(p[2] for p in parts)
    refusals = [mw.Refusals(p[3]) for p in parts]
    row = "{:<10} {:>6} | {:>8} {:>8} {:>8} | {:>7} {:>7} {:>7} {:>7}".format
    print(row("fault", "n", "p50", "p99", "max", "n", "p50", "p99", "max"))
    print(row("", "", "signing", "again,", "ms", "", "refusal", "mean-",
              "while"))
    for kind in sorted({c.kind for c in costs}) + ["all"]:
        some = [c for c in costs if kind in (c.kind, "all")]
        then = [x for p, r in zip(parts, refusals)
                for x in during(p[0], r.meanwhile, kind)]
        print(row(kind, len(some), *quantiles([c.seconds for c in some]),
                  len(then), *quantiles(mw.took(then))))
    double = sum(c.double for c in costs)
    late = [c for c in costs if c.seconds > BACK_SECONDS * SLOWER]
    print(f"{len(costs)} of {count} faults recovered without a person, "
          f"{len(late)} of them after more than {BACK_SECONDS} s; "
          f"{wrong} wrong signatures released; "
          f"{double} signatures asked for more than twice "
          f"({time.monotonic() - begin:.0f} s)")
    bad += tell_refusals(refusals)
    bad += tell_hangs(costs, [x for p in parts for x in p[3]])
    for text in bad:
        print("BAD", text)
    return not bad and not late and not wrong and not double \
        and len(costs) == count


def during(costs, asked, kind):
    """Those that were asked for while a fault of that kind was there."""
    spans = [(c.begin, c.end) for c in costs if kind in (c.kind, "all")]
    return [x for x in asked
            if kind == "all" or any(b <= x.begin <= e for b, e in spans)]


def tell_refusals(refusals):
    """-> troubles"""
    for name, what in (("tried", "of requests that were tried"),
                       ("in_flight", "in flight when it began"),
                       ("meanwhile", "meanwhile")):
        some = [x for r in refusals for x in getattr(r, name)]
        print("    refusals {}: n={} p50={} p99={} max={} ms".format(
            what, len(some), *quantiles(mw.took(some))))
    some = [x for r in refusals for x in r.meanwhile]
    over = sum(s > REFUSAL_SECONDS for s in mw.took(some))
    late = mw.late(some, REFUSAL_SECONDS * SLOWER)
    print(f"{over} of {len(some)} refusals meanwhile took longer than "
          f"{REFUSAL_SECONDS * 1e3:.0f} ms, {len(late)} of them longer by that "
          "than a status asked for in the same moment")
    first = {t: x for r in refusals for t, x in r.first.items()}
    return [f"a refusal took {(x.end - x.begin) * 1e3:.0f} ms, the status "
            f"{x.status * 1e3:.0f} ms, which said {x.state}: {x.reply[5][:90]}"
            f"\n    {x.begin - first[x.begin].end:.3f} s after: "
            f"{first[x.begin].reply[5][:90]}" for x in late[:20]]


def tell_hangs(costs, asked):
    """-> troubles"""
    signing = [c for c in costs if c.cut and c.cut[0] in SIGN_CALLS]
    others = [c for c in costs if c.cut and c.cut[0] not in SIGN_CALLS]
    waited = [max((x.end - x.begin for x in asked
                   if c.begin <= x.begin <= c.end), default=0)
              for c in signing]
    limit = (CUT_SECONDS + CUT_TOLERANCE) * SLOWER
    hung = [c for c in costs if c.kind == "hang"]
    for what, some in (
            ("signatures that hung: dead after", [c.cut[1] for c in signing]),
            ("    whoever waited was answered after", waited),
            ("other calls that hung: dead after", [c.cut[1] for c in others])):
        print("{} n={} p50={} p99={} max={} ms".format(
            what, len(some), *quantiles(some)))
    print(f"allowed: {limit:.1f} s, for an answer {START_SECONDS} s more")
    unseen = sum(c.cut is None for c in hung)
    return [f"{unseen} of {len(hung)} were not seen to die"
            for _ in hung[:1] if 5 * unseen > len(hung)] + [
        f"a signature hung for {c.cut[1]:.2f} s" for c in signing
            if c.cut[1] > limit] + [
        f"it was answered after {s:.2f} s" for s in waited
        if s > limit + START_SECONDS * SLOWER] + [
        f"{c.cut[0]} hung for {c.cut[1]:.2f} s" for c in others
        if c.cut[1] > 3 * limit]


# ---- endurance ----

def memory(pid):
    """Resident bytes of a process; of root's eyes only."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return 0


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def everyone(f):
    found = {"kskd": [f.a.process.pid], **f.a.children()}
    return {f"{name} {i}": pid for name, pids in found.items()
            for i, pid in enumerate(pids)}


def signatures(count):
    """Through one connection, sixteen at a time, each verified here."""
    bad, open_count = [], 0
    begin = time.monotonic()
    with Faulty(workers=2, start=True) as f, f.a.peer() as peer:
        f.wait_workers()
        before = None
        for done in range(count):
            while open_count < 16 and done + open_count < count:
                peer.send(ap.SIGN, {1: f.keyset})
                open_count += 1
            reply = peer.receive()
            open_count -= 1
            if reply[2] != ap.DONE:
                bad.append(str(reply))
                continue
            f.check(reply[3][1])
            f.signed += 1
            if done == count // 10:
                before = {n: (memory(p), descriptors(p))
                          for n, p in everyone(f).items()}
        after = {n: (memory(p), descriptors(p))
                 for n, p in everyone(f).items()}
        fault = f.fault
        print(f"{f.signed} of {count} signatures in "
              f"{time.monotonic() - begin:.0f} s, one worker life each: "
              f"{fault.count('C_Initialize').calls} starts; sessions at "
              f"most {fault.c.sessions_max}, opened "
              f"{fault.c.sessions_opened}; C_Sign {fault.count('C_Sign').calls}")
        for name, (rss, fds) in after.items():
            print(f"    {name:<16} {rss >> 10} KiB "
                  f"({(rss - before[name][0]) >> 10:+d}), {fds} descriptors "
                  f"({fds - before[name][1]:+d})")
            if fds != before[name][1]:
                bad.append(f"{name}: descriptors")
            # SoftHSM and SQLite settle; what grows with the count shows.
            if rss - before[name][0] > (8 << 20) * SLOWER:
                bad.append(f"{name}: memory")
        if fault.c.sessions_max != 2 or fault.c.sessions_opened != 2 or \
                fault.count("C_Sign").calls != count:
            bad.append("sessions or calls")
    for text in bad[:20]:
        print("BAD", text)
    return not bad


def restart_part(_, count):
    bad = []
    with Faulty(workers=2, start=True) as f:
        f.wait_workers()
        before = {n: descriptors(p) for n, p in everyone(f).items()}
        rss = {n: memory(p) for n, p in everyone(f).items()}
        worst = 0
        for i in range(count):
            worst = max(worst, f.replace_worker(i % 2))
            if f.fault.sessions_open != 2 or f.fault.c.sessions_max > 2:
                bad.append(f"{f.fault.sessions_open} sessions")
        after = {n: descriptors(p) for n, p in everyone(f).items()}
        grown = {n: memory(p) - rss[n] for n, p in everyone(f).items()
                 if "token" not in n}
        if before != after:
            bad.append(f"descriptors: {before} {after}")
        if max(grown.values()) > (8 << 20) * SLOWER:
            bad.append(f"memory: {grown}")
        left = f.fault.sessions_left
    return worst, bad, left, max(grown.values())


def restarts(count):
    begin = time.monotonic()
    parts = side_by_side(restart_part, count)
    bad = [b for p in parts for b in p[1]]
    print(f"{count} worker restarts in {time.monotonic() - begin:.0f} s: "
          f"signing again after {max(p[0] for p in parts) * 1e3:.0f} ms at "
          "most, two sessions open after each, descriptors flat, memory "
          f"{max(p[3] for p in parts) >> 10:+d} KiB at most")
    for text in bad[:20]:
        print("BAD", text)
    return not bad


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument("--signatures", type=int, default=100_000)
    parser.add_argument("--restarts", type=int, default=1000)
    parser.add_argument("--seed", default=str(random.randrange(1 << 32)))
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    good = True
    for work, count in ((lambda n: faults(args.seed, n), args.faults),
                        (signatures, args.signatures),
                        (restarts, args.restarts)):
        if count > 0:
            good = work(count) and good
            sys.stdout.flush()
    print("as it must be" if good else "NOT as it must be")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
