# SPDX-License-Identifier: BSD-2-Clause
"""A whole appliance whose signer is traced and killed (shim.c), clients that
repeat what got no answer, and the promises that no end may break.
"""
import collections
import hashlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

import cbor2

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "integration")]
import appliance as ap  # noqa: E402
import faulty  # noqa: E402
import trace as tr  # noqa: E402

INTENT, RESULT, REFUSAL, FAILURE, ABANDONED, POLICY, ADOPT = range(1, 8)
REFUSALS = 9
PROGRAMS = ("kskd", "kskd-frontend", "kskd-policy", "kskd-token")


class Client(threading.Thread):
    """Signs without a pause; repeats the same request until it is done."""

    def __init__(self, a, keyset):
        super().__init__(daemon=True)
        self.a, self.keyset = a, keyset
        self.halt = threading.Event()
        self.done = []          # (record number, [digest of an RRSIG])
        self.trouble = []

    def run(self):
        peer = None
        while not self.halt.is_set():
            body = {1: self.keyset, 3: os.urandom(16)}
            while not self.halt.is_set():
                try:
                    peer = peer or self.a.peer(timeout=10)
                    reply = peer.ask(ap.SIGN, body)
                except OSError:
                    if peer:
                        peer.close()
                    peer = None
                    time.sleep(0.005)
                    continue
                if reply[2] == ap.DONE:
                    self.done.append((reply[3][2],
                                      [digest(x) for x in reply[3][1]]))
                    break
                if reply[2] not in (ap.NOT_READY, ap.BUSY):
                    self.trouble.append(reply)
                    self.halt.set()
                time.sleep(0.005)
        if peer:
            peer.close()


class Crashing(faulty.Faulty):
    """Its programs stand in a folder of their own, the signer's beside its
    trace."""

    def __init__(self, **more):
        super().__init__(**more)
        self.folder = self.a.path("bin")
        os.mkdir(self.folder, 0o755)
        for name in PROGRAMS:
            shutil.copy(os.path.join(ap.BUILD, name), self.folder)
        self.signer = os.path.join(self.folder, "kskd-signer")
        shutil.copy(os.path.join(ap.BUILD, "tests", "crash", "kskd-signer"),
                    self.signer)
        self.trace = tr.Trace(self.signer)
        self.a.build = self.folder
        self.journal = self.a.path("state", "journal")
        self.before = tr.Disk.of_folder(self.journal)
        self.clients = []

    def close(self):
        self.quiet()
        super().close()
        if getattr(self, "trace", None) is not None:
            self.trace.close()
            self.trace = None

    def load(self, count=3):
        self.clients = [Client(self.a, self.keyset) for _ in range(count)]
        for client in self.clients:
            client.start()

    def quiet(self):
        for client in getattr(self, "clients", []):
            client.halt.set()
        for client in getattr(self, "clients", []):
            client.join(15 * ap.SLOW)

    def answers(self):
        """[(record number, [digest of an RRSIG])] that clients hold."""
        return [x for c in self.clients for x in c.done]

    def signed_count(self):
        return sum(len(c.done) for c in self.clients)

    def kill(self, seconds=10, over=lambda: False):
        """Kills the signer that stands still; returns whether one did before
        that time, or before it was over."""
        end = time.monotonic() + seconds * ap.SLOW
        while not self.trace.head.reached:
            if time.monotonic() > end or over():
                return False
            time.sleep(0.0005)
        os.kill(self.trace.head.reached, signal.SIGKILL)
        return True

    def back(self, seconds=10):
        """Waits for a signature asked for after now; returns how long."""
        begin, count = time.monotonic(), self.signed_count()
        ap.wait_for(lambda: self.signed_count() > count + len(self.clients),
                    seconds, 0.002)
        return time.monotonic() - begin


# ---- what a journal must say, computed without the product ----

def records_of(path):
    """Each decoded record of a closed journal, its chain checked."""
    db = sqlite3.connect(f"file:{path}?immutable=1", uri=True) \
        if not os.path.exists(path + "-wal") else sqlite3.connect(path)
    before, due = bytes(32), 0
    try:
        for number, body, digest in db.execute(
                "SELECT number, body, hash FROM record ORDER BY number"):
            assert number == due, f"record {due} is missing"
            record = cbor2.loads(body)
            assert record[1] == number, record
            before = hashlib.sha256(b"ksk-record-1" + before + body).digest()
            assert before == digest, f"the chain breaks at record {number}"
            due += 1
            yield record
    finally:
        db.close()


class Said:
    """What a journal's records say: a soak leaves millions, so they are
    looked at once and let go. Every intent has ended exactly once."""

    def __init__(self, path):
        self.kinds = {}             # kind -> how many
        self.intended = 0           # signatures
        self.durable = {}           # digest of an RRSIG -> record number
        self.adopted = {}           # digest of an RRSIG -> [record number]
        self.refusals = {}          # owner of the set -> [record number]
        self.counted = {}           # refusal -> the last sum
        self.count = 0
        opened = set()
        for record in records_of(path):
            self.count += 1
            self._take(record, opened)
        self._checkpoints(path)
        assert not opened, f"intents without an end: {sorted(opened)}"

    def _checkpoints(self, path):
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            self.checkpoints = db.execute(
                "SELECT number, hash FROM checkpoint").fetchall()
            self.hash_at = dict(db.execute(
                "SELECT number, hash FROM record WHERE number IN"
                " (SELECT number FROM checkpoint)"))
        finally:
            db.close()

    def _take(self, record, opened):
        number, kind = record[1], record[3]
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if kind == INTENT:
            opened.add(number)
            self.intended += len(record[9])
        elif kind in (RESULT, FAILURE, ABANDONED):
            assert record[8] in opened, f"intent {record[8]} ended twice"
            opened.remove(record[8])
        if kind == RESULT:
            for rrsig in record[10]:
                self.durable[digest(rrsig)] = number
        elif kind == ADOPT:
            for rrsig in record[10]:
                self.adopted.setdefault(digest(rrsig), []).append(number)
        elif kind == REFUSAL:
            owner = record[5][1] if 5 in record else record[13]
            self.refusals.setdefault(owner, []).append(number)
        elif kind == REFUSALS:
            self.counted[record[17].get(1)] = record[17][2]


def digest(rrsig):
    return hashlib.sha256(rrsig).digest()[:16]


class Reopener:
    """The signer's own way to open a journal, many times."""

    def __init__(self, appliance_id):
        self.id = appliance_id
        self.folder = tempfile.mkdtemp(prefix="ksk cut.")
        self.path = os.path.join(self.folder, "journal.db")
        self.process = subprocess.Popen(
            [os.path.join(ap.BUILD, "tests", "crash", "reopen")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def open(self, files):
        """files: {path: bytes} as Disk.cut gives. Returns the answer."""
        for name in os.listdir(self.folder):
            os.unlink(os.path.join(self.folder, name))
        for path, data in files.items():
            with open(os.path.join(self.folder, os.path.basename(path)),
                      "wb") as f:
                f.write(data)
        self.process.stdin.write(f"{self.path} {self.id}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


Left = collections.namedtuple("Left", "asked sent refused")


def answers_of(body):
    """Of a reply to sign, adopt or sign-schedule: [(record number,
    [digest])]."""
    first = body.get(1)
    if isinstance(first, list) and first and isinstance(first[0], dict) \
            and isinstance(first[0].get(1), list):
        return [(b[3], [digest(x) for x in b[1]]) for b in first]
    if isinstance(first, list) and first and isinstance(first[0], bytes) \
            and first[0][:2] == b"\0\x30":
        return [(body[2], [digest(x) for x in first])]
    if isinstance(first, int) and isinstance(body.get(2), bytes):
        return [(first, [])]
    return []


def promised(events):
    """([Left], [(record number, [digest of an RRSIG])]): what had left the
    signer before each event, as counts; the answers that left."""
    asked, refused, sent, out = 0, 0, [], []
    for event in events:
        out.append(Left(asked, len(sent), refused))
        kind, _, _, data = event
        if kind != tr.SEND or len(data) < 2:
            continue
        packet = int.from_bytes(data[:2], "big")
        if packet == tr.SIGN_JOBS:
            asked += len(tr.jobs_of(data))
        elif packet == tr.REPLIES:
            for frame in tr.replies_of(data):
                reply = cbor2.loads(frame)
                refused += reply[2] in (ap.REFUSED, ap.UNKNOWN_ZONE)
                if reply[2] == ap.DONE and 3 in reply:
                    sent += answers_of(reply[3])
    out.append(Left(asked, len(sent), refused))
    return out, sent


def cuts_of(events, count, rng):
    """Where to cut: at random, and around each kind of moment."""
    marks = [i for i, e in enumerate(events) if e[0] in (tr.SYNC, tr.SEND)]
    # Files that come and go are few moments with many outcomes each.
    some = [0, len(events)]
    some += [i + 1 for i, e in enumerate(events)
             if e[0] in (tr.OPEN, tr.UNLINK) for _ in range(5)]
    while len(some) < count:
        if rng.random() < 0.5:
            some.append(rng.choice(marks) + rng.choice((0, 1)))
        else:
            some.append(rng.randrange(len(events) + 1))
    return sorted(some)


def named_points(rng):
    """One place to stand still, and what it is called."""
    return rng.choice([
        (f"{'after' if after else 'before'} {name}",
         dict(kind=kind, packet=packet, after=after,
              nth=rng.randrange(1, 4)))
        for name, kind, packet in (
            ("a commit is synced", tr.SYNC, 0),
            ("a write of the journal", tr.WRITE, 0),
            ("the token is asked", tr.SEND, tr.SIGN_JOBS),
            ("replies leave", tr.SEND, tr.REPLIES))
        for after in (False, True)])


def rng_of(name):
    seed = int(os.environ.get("KSK_SEED", time.time_ns() % 10 ** 9))
    return seed, random.Random(f"{name} {seed}")
