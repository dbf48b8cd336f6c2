#!/usr/bin/python3
"""The long form of tests/integration/test_faults.py, `make soak`: random
faults from a printed seed, then signatures and worker restarts with session
counts, descriptors and memory watched. Ends in a table; the exit code says
whether every figure is as it must be.
"""
import argparse
import collections
import concurrent.futures
import os
import random
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
from faulty import (  # noqa: E402
    Faulty, LEAVE_CALLS, LOGIN_HARMLESS, WORKER_CALLS, WrongSignature, ap, fl)

SIDE_BY_SIDE = 4
BACK_SECONDS = 5.0
REFUSAL_SECONDS = 0.02

# What one fault cost. others: refusals after the first one, in seconds: the
# first is the change itself, a request that was on its way.
Cost = collections.namedtuple("Cost", "kind seconds others double")

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
        self.asked_replies = []
        self.doing = ""

    def ask_for(self, seconds):
        self.asked_replies += self.f.ask_for(seconds, 0.005)

    def come_to(self, call, rule):
        """Has a worker make that call."""
        f = self.f
        if call in LEAVE_CALLS:
            f.fault.fail("C_Sign", "CKR_DEVICE_ERROR", times=1)
            self.ask_for(0)
            self.asked_replies.append(f.sign())
        elif call in ("C_SignInit", "C_Sign"):
            self.asked_replies.append(f.sign())
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
        call = self.some_call("C_Login")
        self.doing = f"{call} hangs"
        rule = self.fault.hang(call, times=1)
        self.come_to(call, rule)
        # Not healed before it is cut: whoever hangs must be killed.
        self.asked_replies.append(self.f.sign())
        self.f.wait_workers(seconds=12)

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
        self.asked_replies.append(self.f.sign())

    KINDS = [(code, 40), (crash, 15), (loss, 12), (lie, 8), (hang, 5),
             (objects, 5), (sessions, 5), (handles, 4), (kill, 3), (slots, 2),
             (stop, 1)]

    def one(self):
        f, fault = self.f, self.fault
        make = self.rng.choices([k for k, _ in self.KINDS],
                                [w for _, w in self.KINDS])[0]
        f.wait_workers(seconds=20)
        before, asked = fault.count("C_Sign").calls, f.asked
        self.asked_replies = []
        try:
            make(self)
            fault.heal()
            seconds, others = f.until_signed()
        except WrongSignature:
            raise
        except Exception as e:
            raise Bad(f"{self.doing}: {type(e).__name__}: {e}") from e
        finally:
            fault.heal()
        refusals = [s for r, s in self.asked_replies + others
                    if r[2] != ap.DONE]
        calls = fault.count("C_Sign").calls - before
        return Cost(make.__name__, seconds, refusals[1:],
                    max(0, calls - 2 * (f.asked - asked)))


def fault_part(seed, part, count):
    """-> (costs, troubles, [figures of the whole part])"""
    rng = random.Random(f"{seed}/{part}")
    costs, bad, wrong = [], [], 0
    with Faulty(workers=2) as f:
        f.a.add_ksk("stranger.example.", "stranger")
        f.start()
        f.wait_workers()
        faults = Faults(f, rng)
        for _ in range(count):
            try:
                costs.append(faults.one())
            except WrongSignature:
                wrong += 1
            except Bad as e:
                bad.append(str(e)[:3000])
        f.wait_workers(seconds=20)
        bad += [f"state {f.state()} at the end"] if f.state() else []
        bad += [f"log: {x}" for x in f.log_complaints()]
        bad += [f"log: {x}" for x in f.a.log_lines("pin-refused")]
        if f.fault.c.sessions_max > 2:
            bad.append(f"{f.fault.c.sessions_max} sessions")
        if f.stop() != 0:
            bad.append("kskd did not stop with 0")
    return costs, bad, wrong


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
    row = "{:<10} {:>6} | {:>8} {:>8} {:>8} | {:>7} {:>7} {:>7} {:>7}".format
    print(row("fault", "n", "p50", "p99", "max", "n", "p50", "p99", "max"))
    print(row("", "", "signing", "again,", "ms", "", "further", "refusal",
              "ms"))
    for kind in sorted({c.kind for c in costs}) + ["all"]:
        some = [c for c in costs if kind in (c.kind, "all")]
        refusals = [s for c in some for s in c.others]
        print(row(kind, len(some), *quantiles([c.seconds for c in some]),
                  len(refusals), *quantiles(refusals)))
    double = sum(c.double for c in costs)
    late = [c for c in costs if c.seconds > BACK_SECONDS * SLOWER]
    refusals = sorted(s for c in costs for s in c.others)
    print(f"{len(costs)} of {count} faults recovered without a person, "
          f"{len(late)} of them after more than {BACK_SECONDS} s; "
          f"{wrong} wrong signatures released; "
          f"{double} signatures asked for more than twice; "
          f"{sum(s > REFUSAL_SECONDS for s in refusals)} of {len(refusals)} "
          f"further refusals took longer than {REFUSAL_SECONDS * 1e3:.0f} ms "
          f"({time.monotonic() - begin:.0f} s)")
    for text in bad:
        print("BAD", text)
    typical = not refusals or refusals[len(refusals) // 2] < \
        REFUSAL_SECONDS * SLOWER
    return not bad and not late and not wrong and not double and typical \
        and len(costs) == count


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
