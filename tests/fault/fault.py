# SPDX-License-Identifier: BSD-2-Clause
"""Commands for libkskfault.so, the PKCS#11 module that fails on command.
fault.h says what each of them means and mirrors every field here.

    fault = Fault(folder)           # wraps SoftHSM; fault.module, fault.paths
    fault.fail("C_Sign", "CKR_DEVICE_REMOVED", times=1)
    fault.delay("C_Sign", 10_000, late=True)
    with fault.hang("C_Sign"): ...
    fault.lose(); fault.find()
    fault.count("C_Sign").ok
"""
import ctypes
import fcntl
import mmap
import os
import re
import shutil
import struct
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(os.environ.get("KSK_BUILD", "build"))
SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
ALWAYS = 1 << 32
ANY_CALL = 1000
LOCK_BASE = 1 << 20


def _read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


# Names in the order of CK_FUNCTION_LIST: a name's place is its number.
CALLS = re.findall(r"^[A-Z]+\((C_\w+),", _read(os.path.join(HERE,
                                                            "calls.def")),
                   re.M)


def _constants():
    include = subprocess.run(
        ["pkg-config", "--cflags-only-I", "p11-kit-1"],
        stdout=subprocess.PIPE, text=True, check=True).stdout.split()[0][2:]
    text = _read(os.path.join(include, "p11-kit", "pkcs11.h"))
    found = {name: int(value, 0) for name, value in re.findall(
        r"^#define (CK[ARM]_\w+)\s+\((0x[0-9a-fA-F]+|\d+)UL\)", text, re.M)}
    return dict(found, CKR_VENDOR_DEFINED=1 << 31)


CONSTANTS = _constants()
# Every return value that Cryptoki knows, by name.
CKR = {k: v for k, v in CONSTANTS.items() if k.startswith("CKR_")}


def constant(value):
    return CONSTANTS[value] if isinstance(value, str) else value


# ---- struct fault_control ----

u64 = ctypes.c_uint64


def _structure(name, *fields):
    return type(name, (ctypes.Structure,), {"_fields_": [
        f if isinstance(f, tuple) else (f, u64) for f in fields]})


LABEL = ctypes.c_char * 32
RuleRecord = _structure(
    "RuleRecord", "serial", "call", "late", "skip", "every", "chance", "seed",
    "times", "action", "value", ("label", LABEL), "seen", "fired")
Count = _structure("Count", "calls", "ok", "failed", "injected")
Process = _structure("Process", "pid", "sessions")
Quirk = _structure("Quirk", "type", "quirk")
STATES = [
    "lost", "epoch", "recovery", "loss_code", "handle_epoch", "drop",
    ("drop_label", LABEL), "session_cap", "session_life", "session_idle_ms",
    "session_code", "pin_limit", "pin_flags", "move_slots", "serial",
    "hidden_count", ("hidden", u64 * 16), "attribute_count",
    ("attribute", Quirk * 8)]
COUNTERS = [
    ("count", Count * len(CALLS)), "signatures_made", "signatures_given",
    "initialized", "pin_refused", "sessions_opened", "sessions_killed",
    "sessions_max", "sessions_left"]
Control = _structure("Control", "magic", "version", "size", *STATES,
                     ("rule", RuleRecord * 64), *COUNTERS,
                     ("process", Process * 64))

MAGIC, VERSION = int.from_bytes(b"kskfault", "little"), 1
(FAIL, DELAY, HANG, ABORT, SEGV, EXIT, FLIP, SHORT, DER,
 OTHER_KEY, REFUSE_KEY) = range(1, 12)
RECOVER = {"session": 0, "initialize": 1, "process": 2}
SERIAL = {None: 0, "empty": 1, "zero": 2}
QUIRK = {"hide": 1, "empty": 2, True: 3, False: 4, "raw": 5}


class Rule:
    """One rule in force; as a context manager, until the block ends."""

    def __init__(self, record):
        self.record = record

    @property
    def seen(self):
        return self.record.seen

    @property
    def fired(self):
        return self.record.fired

    def cancel(self):
        """Takes the rule away; who hangs in it goes on."""
        self.record.serial = 0

    def wait(self, fired=1, seconds=10):
        """Until the rule has fired so many times."""
        limit = time.monotonic() + seconds
        while self.fired < fired:
            if time.monotonic() > limit:
                raise TimeoutError(f"fired {self.fired} times")
            time.sleep(0.001)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cancel()


class Fault:
    """A wrapped module in a folder of its own, and its commands."""

    def __init__(self, folder, module=SOFTHSM, build=BUILD):
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)
        self.module = os.path.join(folder, "libkskfault.so")
        self.control = os.path.join(folder, "fault.control")
        # What a worker's sandbox must let through: read and write.
        self.paths = [(self.control, 5)]
        self._serial = 0
        shutil.copy(os.path.join(build, "tests", "fault", "libkskfault.so"),
                    self.module)
        self._map()
        conf = os.path.join(folder, "fault.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f"module {module}\ncontrol {self.control}\n")
        os.chmod(conf, 0o644)

    def _map(self):
        size = ctypes.sizeof(Control)
        self._fd = os.open(self.control,
                           os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC)
        os.fchmod(self._fd, 0o666)
        os.ftruncate(self._fd, size)
        self._memory = mmap.mmap(self._fd, size)
        self.c = Control.from_buffer(self._memory)
        self.c.loss_code = CKR["CKR_DEVICE_REMOVED"]
        self.c.session_code = CKR["CKR_SESSION_HANDLE_INVALID"]
        self.c.size, self.c.version, self.c.magic = size, VERSION, MAGIC

    def close(self):
        """Lets the mapping go; rules and counters are out of reach then."""
        self.c = None
        os.close(self._fd)

    # ---- rules ----

    def _rule(self, call, action, value=0, label="", late=False, skip=0,
              every=1, times=0, chance=None, seed=0):
        record = next((r for r in self.c.rule if r.serial == 0), None)
        if record is None:
            raise RuntimeError("all rules are in use")
        label = label.encode()
        assert len(label) <= 32, label
        record.call = ANY_CALL if call is None else CALLS.index(call)
        record.late, record.skip, record.every = late, skip, every
        record.times, record.seed = times, seed
        record.chance = ALWAYS if chance is None else int(chance * ALWAYS)
        record.action, record.value, record.label = action, value, label
        record.seen = record.fired = 0
        self._serial += 1
        record.serial = self._serial  # last: now it is in force
        return Rule(record)

    # `when`: late=True (after the real call), skip=N, every=N, times=N,
    # chance=0.0..1.0 with seed=N. call None = every call.

    def fail(self, call, rv, **when):
        """The call answers rv, a name or number."""
        return self._rule(call, FAIL, constant(rv), **when)

    def delay(self, call, us, **when):
        """Sleeps; late: the call takes us microseconds in all."""
        return self._rule(call, DELAY, us, **when)

    def hang(self, call, **when):
        """Never comes back, until the rule is cancelled."""
        return self._rule(call, HANG, **when)

    def crash(self, call, how="segv", **when):
        """how: "abort", "segv", or a number for _exit."""
        if isinstance(how, int):
            return self._rule(call, EXIT, how, **when)
        return self._rule(call, {"abort": ABORT, "segv": SEGV}[how], **when)

    def flip(self, bit=0, call="C_Sign", **when):
        """Signatures with one bit flipped."""
        return self._rule(call, FLIP, bit, **when)

    def shorten(self, by=1, call="C_Sign", **when):
        """Signatures that lack their last bytes."""
        return self._rule(call, SHORT, by, **when)

    def der(self, call="C_Sign", **when):
        """ECDSA signatures as SEQUENCE of two INTEGERs."""
        return self._rule(call, DER, **when)

    def other_key(self, label, **when):
        """Signs with the private key of that label instead; if there is
        none, C_SignInit answers CKR_KEY_HANDLE_INVALID."""
        return self._rule("C_SignInit", OTHER_KEY, label=label, **when)

    def refuse_key(self, label, rv, **when):
        """C_SignInit answers rv for the key of that label."""
        return self._rule("C_SignInit", REFUSE_KEY, constant(rv), label=label,
                          **when)

    def cancel_all(self):
        for record in self.c.rule:
            record.serial = 0

    # ---- lasting states ----

    def lose(self, recovery="session", code="CKR_DEVICE_REMOVED"):
        """The token is gone. After find() only a new "session",
        "initialize" or "process" sees it. code: what open sessions answer."""
        self.c.recovery = RECOVER[recovery]
        self.c.loss_code = constant(code)
        self.c.lost = 1
        self.c.epoch += 1

    def find(self):
        """The token is back."""
        self.c.epoch += 1
        self.c.lost = 0

    def change_handles(self):
        """Objects get other handles, the old ones are invalid."""
        self.c.handle_epoch += 1

    def sessions(self, cap=0, life=0, idle_ms=0,
                 code="CKR_SESSION_HANDLE_INVALID"):
        """cap: of all processes together. life: calls, then it is dead."""
        self.c.session_code = constant(code)
        self.c.session_cap, self.c.session_life = cap, life
        self.c.session_idle_ms = idle_ms

    def pins(self, limit=0, flags=False):
        """CKR_PIN_LOCKED after `limit` refused PINs; 0 unlocks."""
        self.c.pin_refused = 0
        self.c.pin_limit, self.c.pin_flags = limit, flags

    def drop(self, label=None):
        """Objects are gone: all, or those with a label."""
        self.c.drop_label = b"" if label is None else label.encode()
        self.c.drop = 1 if label is None else 2

    def restore(self):
        self.c.drop = 0

    def hide(self, *mechanisms):
        """The token lacks these mechanisms (none: has all again)."""
        for i, mechanism in enumerate(mechanisms):
            self.c.hidden[i] = constant(mechanism)
        self.c.hidden_count = len(mechanisms)

    def attributes(self, **quirks):
        """attributes(CKA_ID="hide", CKA_EXTRACTABLE=True); values are "hide",
        "empty", True, False, "raw" (EC points). None given: all are real."""
        self.c.attribute_count = 0
        for place, (name, quirk) in zip(self.c.attribute, quirks.items()):
            place.type, place.quirk = constant(name), QUIRK[quirk]
        self.c.attribute_count = len(quirks)

    def serial(self, kind):
        """The token's serial: "empty", "zero", or None = the real one."""
        self.c.serial = SERIAL[kind]

    def move_slots(self, on=True):
        """Slot ids are others after each C_Initialize."""
        self.c.move_slots = on

    def heal(self):
        """No rule, no odd state; handles stay as they are, counters too."""
        self.cancel_all()
        if self.c.lost:
            self.find()
        self.c.recovery = 0
        self.sessions()
        self.pins()
        self.restore()
        self.hide()
        self.attributes()
        self.serial(None)
        self.move_slots(False)

    # ---- what happened ----

    def count(self, call):
        """A copy: .calls .ok .failed .injected of all processes."""
        return Count.from_buffer_copy(self.c.count[CALLS.index(call)])

    def unfinished(self, call):
        """Calls that run, hang, or died with their process."""
        count = self.count(call)
        return count.calls - count.ok - count.failed

    @property
    def signatures(self):
        """Signatures that the module gave with CKR_OK."""
        return self.c.signatures_given

    @property
    def signatures_made(self):
        """Signatures that the real token made, told or not."""
        return self.c.signatures_made

    def _is_alive(self, place):
        lock = struct.pack("@hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET,
                           LOCK_BASE + place, 1, 0)
        lock = fcntl.fcntl(self._fd, fcntl.F_OFD_GETLK, lock)
        return struct.unpack_from("@h", lock)[0] != fcntl.F_UNLCK

    def processes(self):
        """{pid: open sessions} of the living ones."""
        return {p.pid: p.sessions for i, p in enumerate(self.c.process)
                if p.pid and self._is_alive(i)}

    @property
    def sessions_open(self):
        return sum(self.processes().values())

    @property
    def sessions_max(self):
        return self.c.sessions_max

    @property
    def sessions_left(self):
        """Sessions that were open when their process ended."""
        return self.c.sessions_left + sum(
            p.sessions for i, p in enumerate(self.c.process)
            if p.sessions and not self._is_alive(i))

    def reset_counters(self):
        """Not while a call is under way."""
        for name in [c if isinstance(c, str) else c[0] for c in COUNTERS]:
            if name == "count":
                ctypes.memset(self.c.count, 0, ctypes.sizeof(self.c.count))
            elif name not in ("initialized", "pin_refused"):
                setattr(self.c, name, 0)
