# SPDX-License-Identifier: BSD-2-Clause
"""A client that asks for a signature every 20 ms whatever becomes of those it
has asked for, and what the refusals of an outage are:

- tried: put to a worker, which gave no signature. Such a refusal tells of one
  request and not yet of the token. While a token that signs nothing is known
  to be one, one request at a time finds out whether it signs again.
- in flight: asked for while the status was still "ready", or before the
  appliance had refused any other request of this outage: it was put to a token
  that failed, or waited for the worker that replaces another. Workers are
  waited for once, for three seconds at most.
- meanwhile: all that were asked for later. What is known is answered at once.

With each signature the client asks for the status, in the same moment and
through the same connection: it says what the appliance knew, and what that
takes is what the machine takes.
"""
import collections
import select
import threading
import time

from faulty import ap

STEP = 0.02
OUTSTANDING = 60

# What the answer to a request that was put to the token says.
TRIED = ("died over this signature", "did not verify", "no usable key")

# One request and its reply. status, state: seconds that the status took that was
# asked for in the same moment, and what it said; None for the driver's own.
Asked = collections.namedtuple("Asked", "begin end reply status state")
READY = 0


class Meanwhile(threading.Thread):
    def __init__(self, f):
        super().__init__(daemon=True)
        self.f = f
        self.halt = threading.Event()
        self.asked = []             # [Asked], done with
        self.sent = 0
        self.trouble = None
        self.open, self.status = {}, {}
        self.peer, self.data = None, b""

    def stop(self):
        self.halt.set()
        self.join(30)
        if self.trouble is not None:
            raise self.trouble

    def run(self):
        try:
            while not self.halt.is_set():
                self._life()
        except BaseException as e:  # told by stop()
            self.trouble = e

    def _life(self):
        """One connection."""
        self.open, self.status, self.data = {}, {}, b""
        try:
            with self.f.a.peer(timeout=20) as self.peer:
                due = time.monotonic()
                while not self.halt.is_set() or self.open:
                    now = time.monotonic()
                    if now >= due and not self.halt.is_set():
                        due = max(due + STEP, now)
                        if len(self.open) < OUTSTANDING:
                            self._send()
                    self._read(max(0.0, due - time.monotonic()))
        except OSError:
            time.sleep(STEP)

    def _send(self):
        begin = time.monotonic()
        number = self.peer.send(ap.SIGN, {1: self.f.keyset})
        self.open[number] = [begin, None, None, None, None]
        self.status[self.peer.send(ap.STATUS)] = number
        self.sent += 1

    def _read(self, seconds):
        sock = self.peer.sock
        if not sock.pending() and \
                not select.select([sock], [], [], min(seconds, STEP))[0]:
            return
        more = sock.recv(65536)
        if not more:
            raise ConnectionError("closed")
        self.data += more
        now = time.monotonic()
        while len(self.data) >= 4:
            size = 4 + int.from_bytes(self.data[:4], "big")
            if len(self.data) < size:
                break
            self._take(ap.cbor2.loads(self.data[4:size]), now)
            self.data = self.data[size:]

    def _take(self, reply, now):
        number = self.status.pop(reply[1], reply[1])
        item = self.open[number]
        if number != reply[1]:
            item[3:5] = now - item[0], reply[3][4]
        else:
            item[1:3] = now, reply
            if reply[2] == ap.DONE:
                self.f.check(reply[3][1])
        if item[1] is not None and item[3] is not None:
            self.asked.append(Asked(*item))
            del self.open[number]


class Refusals:
    """Requests of one appliance, told apart. first: the refusal with which the
    outage of each of meanwhile began to be known."""

    def __init__(self, asked):
        self.in_flight, self.tried, self.meanwhile = [], [], []
        self.first = {}
        done, known, before = 0, None, None     # of this outage, and the last
        for x in sorted(asked, key=lambda x: x.end):
            if x.reply[2] == ap.DONE:
                done, before, known = x.end, known, None
                continue
            if any(text in x.reply[5] for text in TRIED):
                self.tried.append(x)
                continue
            if x.begin >= done:
                known = known or x
            # Of two connections: it belongs to the outage that is over.
            outage = known if x.begin >= done else before
            if outage is None or x.begin <= outage.end or x.state == READY:
                self.in_flight.append(x)
            else:
                self.meanwhile.append(x)
                self.first[x.begin] = outage


def took(asked):
    return [x.end - x.begin for x in asked]


def late(asked, seconds):
    """Those that took longer than the status of the same moment by more."""
    return [x for x in asked if x.status is not None and
            x.end - x.begin - x.status > seconds]
