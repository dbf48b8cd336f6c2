# SPDX-License-Identifier: BSD-2-Clause
"""The PKCS#11 modules that the token suite (test_modules.py) runs over. Each
class starts what its module needs in a temporary folder, says how kskd.yaml
names it, what it can do and why it can't do the rest, and ends all of it."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(TOP, "tests", "integration")]
import appliance as ap  # noqa: E402

LIB = "/usr/lib/x86_64-linux-gnu"
# (algorithm, bits): the rows of the README's table.
KEYS = {"rsa2048": (8, 2048), "rsa3072": (8, 3072), "rsa4096": (8, 4096),
        "rsa512": (10, 2048), "p256": (13, None), "p384": (14, None),
        "ed25519": (15, None), "ed448": (16, None)}
NAMES = {"rsa2048": "8 RSASHA256, 2048 bits", "rsa3072": "8, 3072 bits",
         "rsa4096": "8, 4096 bits", "rsa512": "10 RSASHA512, 2048 bits",
         "p256": "13 ECDSAP256SHA256", "p384": "14 ECDSAP384SHA384",
         "ed25519": "15 ED25519", "ed448": "16 ED448"}


def quiet_kill(process, how=signal.SIGKILL):
    if process is not None and process.poll() is None:
        process.send_signal(how)
        process.wait()


class Module:
    """What all have. Subclasses fill in the rest."""

    title = ""           # the column of the README's table
    module = ""          # path
    workers = 1
    network = False
    init = ""
    lacks = {}           # name of KEYS: words of the reason expected
    wraps = ()           # names of KEYS that can be backed up
    wraps_not = ""       # words of the reason for all others
    keys_max = 100       # different keys that one worker can sign with
    remote = None        # the process that the module talks to, if any

    def __init__(self):
        self.user = ap.USERS["token"] if os.getuid() == 0 else None
        # Short: the name of a socket has 107 bytes at most.
        self.dir = tempfile.mkdtemp(prefix="ksk m.")
        os.chmod(self.dir, 0o711)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    @property
    def can(self):
        return [name for name in KEYS if name not in self.lacks]

    def folder(self, name):
        """A folder of the token's user."""
        os.mkdir(self.path(name), 0o700)
        if self.user is not None:
            os.chown(self.path(name), self.user, self.user)
        return self.path(name)

    def as_user(self):
        if self.user is not None:
            os.setgroups([])
            os.setresgid(self.user, self.user, self.user)
            os.setresuid(self.user, self.user, self.user)

    def start(self):
        return self

    def stop(self):
        shutil.rmtree(self.dir, ignore_errors=True)

    def environment(self):
        return []

    def paths(self):
        """[(path, "r", "rx" or "rw")]"""
        return []

    def entry(self, pin_file, workers=None, name="main"):
        """The entry of kskd.yaml."""
        text = (f'\n  - name: {name}\n    module: "{self.module}"\n'
                '    uri: "pkcs11:token=ksk"\n'
                f'    pin: {{file: "{pin_file}"}}\n'
                f"    workers: {workers or self.workers}\n"
                f"    network: {'yes' if self.network else 'no'}\n")
        environment = "".join(f'      - "{x}"\n' for x in self.environment())
        paths = "".join(f'      - {{path: "{p}", access: {a}}}\n'
                        for p, a in self.paths())
        return text + (environment and "    environment:\n" + environment) + \
            (paths and "    paths:\n" + paths)

    def make_token(self, appliance):
        """With the tool that a person would use."""
        appliance.kskadm("token", "init", "main", "--generate-pin")

    def kill_remote(self):
        """The module's peer dies, as by the kernel's hand."""

    def start_remote(self):
        """And is back, with what it kept."""


class SoftHsm(Module):
    title = "SoftHSM 2.6.1"
    module = ap.SOFTHSM
    workers = 2
    wraps = tuple(x for x in KEYS if x not in ("ed25519", "ed448"))
    wraps_not = "does not wrap this kind of key"

    def __init__(self):
        super().__init__()
        self.tokens = self.folder("tokens")
        self.conf = self.path("softhsm2.conf")
        with open(self.conf, "w", encoding="ascii") as f:
            f.write(f"directories.tokendir = {self.tokens}\n"
                    "objectstore.backend = file\nlog.level = ERROR\n")

    def environment(self):
        return [f"SOFTHSM2_CONF={self.conf}"]

    def paths(self):
        return [(self.tokens, "rw"), (self.conf, "r")]


class Tpm(Module):
    """tpm2-pkcs11 on a TPM made of software, behind a resource manager as
    /dev/tpmrm0 is one. No network: swtpm listens on a socket in the folder."""

    title = "tpm2-pkcs11 1.9.0 on swtpm"
    module = f"{LIB}/libtpm2_pkcs11.so.1"
    lacks = {"rsa4096": "1024 to 3072 bits", "ed25519": "no mechanism",
             "ed448": "no mechanism"}
    keys_max = 2
    wraps_not = "no mechanism for wrapping by RSA"

    def __init__(self):
        super().__init__()
        self.store = self.folder("store")
        os.mkdir(self.path("state"), 0o700)
        self.manager = None

    def tcti(self):
        return f"swtpm:path={self.path('tpm')}"

    def environment(self):
        return [f"TPM2_PKCS11_TCTI={self.tcti()}",
                f"TPM2_PKCS11_STORE={self.store}",
                "TPM2_PKCS11_LOG_LEVEL=0"]

    def paths(self):
        return [(self.store, "rw")]

    def server(self):
        return [f"type=unixio,path={self.path('raw')}",
                f"type=unixio,path={self.path('tpm.ctrl')},mode=0666"]

    def start_remote(self):
        for name in ("raw", "tpm.ctrl"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(self.path(name))
        server, ctrl = self.server()
        self.remote = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate",
             f"dir={self.path('state')}", "--server", server, "--ctrl", ctrl,
             "--flags", "not-need-init,startup-clear"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        ap.wait_for(self.is_up)
        if self.manager is not None:
            self.clear_lockout()

    def is_up(self):
        assert self.remote.poll() is None, "swtpm has ended"
        return os.path.exists(self.path("raw")) and \
            os.path.exists(self.path("tpm.ctrl"))

    def start(self):
        self.start_remote()
        self.manager = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "tpm_manager.py"),
             self.path("tpm"), self.path("raw")],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert self.manager.stdout.readline() == b"ready\n"
        return self

    def kill_remote(self):
        quiet_kill(self.remote)

    def stop(self):
        quiet_kill(self.manager)
        if self.manager is not None:
            self.manager.stdout.close()
        quiet_kill(self.remote)
        super().stop()

    def tool(self, name, *argv):
        """A program of tpm2-tools on this TPM."""
        return ap.sh(name, *argv, env=dict(os.environ,
                                           TPM2TOOLS_TCTI=self.tcti())).out

    def clear_lockout(self):
        """A TPM that loses its power while keys are in use takes that for a
        wrong PIN: three of them lock swtpm's."""
        self.tool("tpm2_dictionarylockout", "--clear-lockout")

    def failed_tries(self):
        for line in self.tool("tpm2_getcap",
                              "properties-variable").splitlines():
            if line.startswith("TPM2_PT_LOCKOUT_COUNTER:"):
                return int(line.split()[1], 0)
        raise AssertionError("the TPM tells no lockout counter")


class TpmTcp(Tpm):
    """The same over TCP, as a module reaches a network HSM. TCP tells no
    process, so there is no resource manager: good for a few logins."""

    network = True

    def start(self):
        for _ in range(20):
            self.port = ap.free_port()
            with contextlib.suppress(AssertionError):
                self.start_remote()
                return self
        raise AssertionError("no two ports in a row")

    def tcti(self):
        return f"swtpm:host=127.0.0.1,port={self.port}"

    def server(self):
        return [f"type=tcp,port={self.port + i},bindaddr=127.0.0.1"
                for i in (0, 1)]

    def is_up(self):
        assert self.remote.poll() is None, "swtpm has ended"
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port + 1)) == 0


class P11Kit(SoftHsm):
    """p11-kit's client module: the token is SoftHSM's, in another process
    that may die. That process has the files, the worker only a socket."""

    title = "p11-kit 0.24.1 remote (SoftHSM behind)"
    module = f"{LIB}/pkcs11/p11-kit-client.so"
    pin = "remote-1234"
    wraps, wraps_not = (), "no mechanism for AES key wrap"
    lacks = {"ed25519": "no mechanism", "ed448": "no mechanism"}

    def __init__(self):
        super().__init__()
        self.run = self.folder("run")
        os.chmod(self.run, 0o711)

    def environment(self):
        return [f"P11_KIT_SERVER_ADDRESS=unix:path={self.run}/p11"]

    def paths(self):
        return []

    def behind(self):
        return dict(os.environ, SOFTHSM2_CONF=self.conf)

    def make_token(self, appliance):
        """A remote token is made where it is: the server shows no slot
        without one."""
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", "ksk",
             "--so-pin", "12345678", "--pin", self.pin], check=True,
            env=self.behind(), stdout=subprocess.DEVNULL,
            preexec_fn=self.as_user)
        appliance.write("etc/pin.main", self.pin + "\n", 0o600)
        self.kill_remote()
        self.start_remote()

    def start(self):
        self.start_remote()
        return self

    def start_remote(self):
        with contextlib.suppress(FileNotFoundError):
            os.remove(f"{self.run}/p11")
        self.remote = subprocess.Popen(
            ["p11-kit", "server", "--foreground", "--name", f"{self.run}/p11",
             "--provider", ap.SOFTHSM, "pkcs11:token=ksk"],
            env=self.behind(), preexec_fn=self.as_user,
            start_new_session=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ap.wait_for(self.is_up)

    def is_up(self):
        assert self.remote.poll() is None, "p11-kit server has ended"
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(f"{self.run}/p11") == 0

    def kill_remote(self):
        """The server has a process for each connection: all of its session
        go, and nobody else is in that."""
        if self.remote is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.remote.pid, signal.SIGKILL)
            self.remote.wait()

    def stop(self):
        self.kill_remote()
        super().stop()


TESTED = (SoftHsm, Tpm, P11Kit)


def table():
    """The README's table, from what the suite tests."""
    rows = [["algorithm", *(m.title for m in TESTED)],
            ["---"] * (1 + len(TESTED))]
    for name, shown in NAMES.items():
        rows.append([shown, *("no" if name in m.lacks else
                              "yes, backup" if name in m.wraps else "yes"
                              for m in TESTED)])
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)
