# SPDX-License-Identifier: BSD-2-Clause
"""The trace of tests/crash/shim.c: what the signer wrote, synced and sent, in
order; where to make it stand still; and the files as a power cut would leave
them: what was synced is there, of what was not each write may be there whole,
in part (sectors of 512 bytes), or not at all, in any order.
"""
import ctypes
import mmap
import os
import random
import struct

BOOT, OPEN, WRITE, TRUNCATE, SYNC, UNLINK, SEND = range(1, 8)
MAGIC = 0x6b736b7472616365
SECTOR = 512
# Packets of appliance/base/packet.h.
PREPARED, REPLIES, PINS, SIGN_JOBS, ATTEST, ANCHOR_WRITE = \
    0x05, 0x21, 0x23, 0x32, 0x36, 0x3a
EVENT = struct.Struct("=IIQQ")


class Head(ctypes.Structure):
    _fields_ = [(x, ctypes.c_uint64) for x in (
        "magic", "size", "used", "stop_nth", "stop_kind", "stop_packet",
        "stop_after", "stop_from", "reached", "silent", "limited",
        "room")] + [
            ("sent", ctypes.c_uint64 * 64)]


class Trace:
    """A trace file beside the program, and what it says."""

    def __init__(self, program, size=1 << 30):
        self.path = program + ".trace"
        self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        os.fchmod(self.fd, 0o666)
        os.ftruncate(self.fd, size)     # sparse
        self.memory = mmap.mmap(self.fd, size)
        self.head = Head.from_buffer(self.memory)
        self.head.size = size
        self.head.used = ctypes.sizeof(Head)
        self.head.magic = MAGIC

    def close(self):
        self.head = None
        self.memory.close()
        os.close(self.fd)

    def stop_at(self, kind, nth=1, packet=0, after=False, since=0):
        """The signer stands still at that event; reached then is its pid.
        since: a packet that must have left before events count."""
        self.head.stop_nth = 0
        self.head.reached = 0
        self.head.stop_kind, self.head.stop_packet = kind, packet
        self.head.stop_after, self.head.stop_from = after, since
        self.head.stop_nth = nth        # last: now it is in force

    def stop_nowhere(self):
        self.head.stop_nth = 0

    def sent(self, packet):
        """How many of them left, or were about to."""
        return self.head.sent[packet]

    def events(self):
        """[(kind, file, offset, data)] so far."""
        at, end, out = ctypes.sizeof(Head), self.head.used, []
        while at < end:
            kind, file, offset, length = EVENT.unpack_from(self.memory, at)
            at += EVENT.size
            out.append((kind, file, offset,
                        bytes(self.memory[at:at + length])))
            at = (at + length + 7) // 8 * 8
        return out


class Disk:
    """Files of one folder, fed with events."""

    def __init__(self, files, folder=""):
        self.folder = folder
        self.durable = {p: bytearray(d) for p, d in files.items()}
        self.pending = {}               # path -> [("write", offset, data) ...]
        self.names = {}                 # descriptor -> path
        self.unlinked = []              # not known to be durable

    @classmethod
    def of_folder(cls, folder):
        files = {}
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                files[path] = f.read()
        return cls(files, folder)

    @staticmethod
    def _apply(data, change):
        what, offset, more = change
        if what == "truncate":
            if len(data) > offset:
                del data[offset:]
            else:
                data.extend(bytes(offset - len(data)))
            return
        if len(data) < offset:
            data.extend(bytes(offset - len(data)))
        data[offset:offset + len(more)] = more

    def feed(self, event):
        kind, file, offset, data = event
        path = self.names.get(file)
        if kind == OPEN:
            self.names[file] = path = os.fsdecode(data)
            self.pending.setdefault(path, [])
        elif kind == WRITE and path:
            self.pending[path].append(("write", offset, data))
        elif kind == TRUNCATE and path:
            self.pending[path].append(("truncate", offset, b""))
        elif kind == SYNC and path:
            if path == self.folder:
                self._settle_unlinks()
                return
            content = self.durable.setdefault(path, bytearray())
            for change in self.pending[path]:
                self._apply(content, change)
            self.pending[path] = []
        elif kind == UNLINK:
            self.unlinked.append(os.fsdecode(data))

    def _settle_unlinks(self):
        for path in self.unlinked:
            self.durable.pop(path, None)
            self.pending.pop(path, None)
        self.unlinked = []

    def cut(self, rng):
        """{path: bytes} after a power cut now, as rng will have it."""
        files = {p: bytearray(d) for p, d in self.durable.items()}
        for path, changes in self.pending.items():
            for change in changes:
                for part in self._survivors(change, rng):
                    self._apply(files.setdefault(path, bytearray()), part)
        for path in self.unlinked:
            if rng.random() < 0.5:
                files.pop(path, None)
        return files

    @staticmethod
    def _survivors(change, rng):
        what, offset, data = change
        fate = rng.choice(("all", "none", "torn"))
        if fate == "none":
            return []
        if fate == "all" or what == "truncate":
            return [change]
        # Sectors lie at multiples of their size in the file.
        parts, at = [], 0
        while at < len(data):
            length = min(SECTOR - (offset + at) % SECTOR, len(data) - at)
            if rng.random() < 0.5:
                parts.append((what, offset + at, data[at:at + length]))
            at += length
        return parts


def replies_of(packet):
    """Frames in a packet of replies: conn u64, close u8, frame block."""
    at, frames = 2, []
    while at < len(packet):
        length, = struct.unpack_from("!H", packet, at + 9)
        frames.append(packet[at + 11:at + 11 + length])
        at += 11 + length
    return frames


def jobs_of(packet):
    """How many jobs a SIGN packet asks: counted by their numbers, which rise
    by the job; each is u64 job, u32 slot, u8 revoked, u64 x 2 window, RRset:
    owner block, u16 type, u32 ttl, u16 count, blocks."""
    at, jobs = 2, []
    while at < len(packet):
        job, = struct.unpack_from("!Q", packet, at)
        at += 8 + 4 + 1 + 16
        length, = struct.unpack_from("!H", packet, at)
        at += 2 + length + 2 + 4
        count, = struct.unpack_from("!H", packet, at)
        at += 2
        for _ in range(count):
            length, = struct.unpack_from("!H", packet, at)
            at += 2 + length
        jobs.append(job)
    return jobs


def seeded(text):
    seed = int(os.environ.get("KSK_SEED", random.randrange(10 ** 9)))
    return seed, random.Random(f"{text} {seed}")
