"""Providers of one zone on loopback, each with its own software, a parent,
resolvers and a loop of queries; all daemons are children of this process, have
ports that were free, and are stopped by their process id.

Alpha is Knot with an offline KSK, Beta BIND with a dynamic zone, Gamma PowerDNS
as presigned secondary of a hidden primary, Delta NSD with a zone file that is
signed offline. What they serve as DNSKEY, CDS and CDNSKEY comes from
`kskctl sync` alone.
"""
import contextlib
import os
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdata
import dns.rdatatype

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "integration"))
import appliance as ap  # noqa: E402

sh = ap.sh
ZONE = "example.test."
APEX = dns.name.from_text(ZONE)
TTL = 2        # of zone data
KEY_TTL = 4    # of the DNSKEY RRset, by the policy
DS_TTL = 4     # at the parent
NAMES = 200
ALGORITHM = "ECDSAP256SHA256"
ADDRESS = "127.0.0.1"


def free_port():
    """A port that is free for UDP and TCP."""
    while True:
        with socket.socket() as tcp, \
                socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind((ADDRESS, 0))
            port = tcp.getsockname()[1]
            with contextlib.suppress(OSError):
                udp.bind((ADDRESS, port))
                return port


def eventually(what, seconds=20, step=0.1):
    """As ap.wait_for; a server that drops a connection is asked again."""
    def tolerant():
        try:
            return what()
        except (OSError, EOFError, dns.exception.DNSException):
            return False
    return ap.wait_for(tolerant, seconds, step)


def write(path, text, mode=0o644):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def zone_text(who, serial=1):
    """The unsigned zone as this provider has it."""
    lines = [f"$ORIGIN {ZONE}", f"$TTL {TTL}",
             f"@ SOA ns.a hostmaster {serial} 3600 600 864000 {TTL}",
             "@ NS ns.a", "@ NS ns.b", f"ns.a A {ADDRESS}",
             f"ns.b A {ADDRESS}", f'whoami TXT "{who}"']
    lines += [f'who{i} TXT "{who}"' for i in range(NAMES // 2)]
    lines += [f"w{i} A 192.0.2.{i % 250 + 1}" for i in range(NAMES)]
    return "\n".join(lines) + "\n"


class Key:
    """The public half of a ZSK, from the line of a .key file."""

    def __init__(self, line, base=""):
        self.base = base
        self.rdata = ap.dnskey_rdata(line)
        self.tag = ap.key_tag(self.rdata)
        self.ds = ap.ds_text(ZONE, self.rdata)


class Server:
    """A daemon in a folder of its own."""

    def __init__(self, bench, name):
        self.bench, self.name = bench, name
        self.dir = os.path.join(bench.dir, name)
        os.makedirs(self.dir, exist_ok=True)
        self.port = free_port()
        self.processes = []

    @property
    def address(self):
        return f"{ADDRESS}:{self.port}"

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def daemon(self, *argv):
        with open(self.path("log"), "ab") as log:
            self.processes.append(subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.dir, start_new_session=True))

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = []

    def ask(self, name, kind, tcp=True, timeout=3):
        query = dns.message.make_query(name, kind, want_dnssec=True,
                                       payload=1232)
        send = dns.query.tcp if tcp else dns.query.udp
        return send(query, ADDRESS, port=self.port, timeout=timeout)

    def answers(self, name=APEX, kind="SOA", tcp=True, rcodes=(0,)):
        try:
            return self.ask(name, kind, tcp, timeout=1).rcode() in rcodes
        except (OSError, EOFError, dns.exception.DNSException):
            return False

    def wait_up(self, **more):
        ap.wait_for(lambda: self.answers(**more), 20, 0.1)

    def served(self, kind="DNSKEY", name=APEX):
        """-> {RDATA bytes}, [RRSIG], TTL"""
        records, rrsigs, ttl = set(), [], None
        for rrset in self.ask(name, kind).answer:
            if rrset.rdtype == dns.rdatatype.RRSIG:
                rrsigs += list(rrset)
            else:
                ttl = rrset.ttl
                records |= {r.to_wire() for r in rrset}
        return records, rrsigs, ttl

    def tags(self):
        return {ap.key_tag(r) for r in self.served()[0]}

    def signers(self, kind="SOA"):
        return {r.key_tag for r in self.served(kind)[1]}


class Provider(Server):
    """What `sync` needs to know of it: sync()."""
    down = False

    def sync(self):
        """-> (gather, deliver) as YAML"""
        raise NotImplementedError

    def entry(self):
        gather, deliver = self.sync()
        return (f"  - name: {self.name}\n    servers: [\"{self.address}\"]\n"
                f"    gather: {gather}\n    deliver: {deliver}\n")


class Knot(Provider):
    """Offline KSK: its ZSKs come as a KSR, the answer goes as an SKR."""

    def prepare(self, zsk_lifetime="30d"):
        for folder in ("run", "zones"):
            os.makedirs(self.path(folder), exist_ok=True)
        write(self.path("zones", "example.test.zone"), zone_text(self.name))
        write(self.path("knot.conf"), f"""
server:
    rundir: {self.dir}/run
    listen: {ADDRESS}@{self.port}
database:
    storage: {self.dir}
log:
  - target: stdout
    any: info
policy:
  - id: m1
    manual: on
    offline-ksk: on
    algorithm: ecdsap256sha256
    dnskey-ttl: {KEY_TTL}
    zone-max-ttl: {TTL}
    propagation-delay: 1
    zsk-lifetime: {zsk_lifetime}
    rrsig-lifetime: 14d
    rrsig-refresh: 7d
template:
  - id: default
    storage: {self.dir}/zones
    file: "%s.zone"
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
zone:
  - domain: {ZONE}
    dnssec-signing: on
    dnssec-policy: m1
""")
        self.new_zsk(active=True)

    def keymgr(self, *argv, **more):
        return sh("keymgr", "-c", self.path("knot.conf"), ZONE, *argv,
                  **more).out

    def knotc(self, *argv):
        return sh("knotc", "-c", self.path("knot.conf"), *argv).out

    def start(self):
        self.daemon("knotd", "-c", self.path("knot.conf"))
        # Before its first SKR the zone is not served.
        self.wait_up(rcodes=(0, 2))

    def new_zsk(self, active=False):
        before = {t for _, t in self.ids()}
        when = "active=-1h" if active else "active=+10y"
        self.keymgr("generate", "algorithm=13", "ksk=no", "zsk=yes",
                    "publish=-1h", when)
        tag, = {t for _, t in self.ids()} - before
        return [k for k in self.keys() if k.tag == tag][0]

    def ids(self):
        return [(line.split()[0], int(line.split()[1]))
                for line in self.keymgr("list", "iso").splitlines()
                if " ZSK " in line]

    def keys(self):
        """All that is published, by Knot's own KSR."""
        text = self.keymgr("generate-ksr", "+0", "+1")
        found, words = [], []
        for line in text.splitlines():
            words += line.split(";")[0].replace("(", " ").replace(
                ")", " ").split()
            if ")" in line and words:
                at = words.index("DNSKEY")
                found.append(Key(" ".join(
                    [ZONE, "4", "IN", "DNSKEY", *words[at + 1:at + 4],
                     "".join(words[at + 4:])])))
                words = []
        return list({k.tag: k for k in found}.values())

    def activate(self, new, old):
        self.keymgr("set", f"keytag={new.tag}", "active=+0")
        self.keymgr("set", f"keytag={old.tag}", "retire=+0")
        self.knotc("zone-keys-load", ZONE)

    def forget(self, old):
        self.keymgr("set", f"keytag={old.tag}", "remove=+0")

    def sync(self):
        conf = self.path("knot.conf")
        return (f'{{by: exec, command: [keymgr, -c, "{conf}", "%z", '
                'generate-ksr, "+0", "+1"]}',
                f'{{by: knot, keymgr: [keymgr, -c, "{conf}"], '
                f'knotc: [knotc, -c, "{conf}"], '
                f'skr: "{self.path("skr.txt")}"}}')


class KeyFolder(Provider):
    """ZSKs by dnssec-keygen in a folder."""

    def new_zsk(self, active=False):
        os.makedirs(self.path("keys"), exist_ok=True)
        when = "now" if active else "none"
        base = sh("dnssec-keygen", "-q", "-K", self.path("keys"), "-a",
                  ALGORITHM, "-P", when, "-A", when, ZONE).out.strip()
        return self.key(base)

    def key(self, base):
        line = [x for x in read(self.path("keys", base + ".key")).splitlines()
                if " DNSKEY " in x and not x.startswith(";")][0]
        return Key(line, base)

    def keys(self):
        return [self.key(n[:-4]) for n in sorted(os.listdir(
            self.path("keys"))) if n.endswith(".key")]

    def forget(self, old):
        """Its files leave: named would put the key back."""
        os.makedirs(self.path("old"), exist_ok=True)
        for name in os.listdir(self.path("keys")):
            if name.startswith(old.base):
                shutil.move(self.path("keys", name), self.path("old", name))

    def gather(self):
        return f'{{by: keys, files: ["{self.path("keys")}/K%z*.key"]}}'


class Bind(KeyFolder):
    """A dynamic zone: the answer goes by DNS UPDATE with TSIG."""

    def prepare(self):
        self.new_zsk(active=True)
        write(self.path("zone.db"), zone_text(self.name))
        self.control = free_port()
        sh("rndc-confgen", "-a", "-c", self.path("rndc.key"), "-k", "rndc",
           "-A", "hmac-sha256")
        write(self.path("owner.key"), sh(
            "tsig-keygen", "-a", "hmac-sha256", "owner").out, 0o600)
        write(self.path("rndc.conf"),
              f'include "{self.path("rndc.key")}";\noptions {{ default-key '
              f'"rndc"; default-server {ADDRESS}; default-port '
              f"{self.control}; }};\n")
        write(self.path("named.conf"), f"""
options {{ directory "{self.dir}"; listen-on port {self.port} {{ {ADDRESS}; }};
  listen-on-v6 {{ none; }}; recursion no; pid-file "named.pid";
  session-keyfile "session.key"; dnssec-validation no; key-directory "keys";
  notify no; allow-transfer {{ none; }}; }};
include "{self.path("owner.key")}";
include "{self.path("rndc.key")}";
controls {{ inet {ADDRESS} port {self.control} allow {{ any; }}
  keys {{ "rndc"; }}; }};
logging {{ channel f {{ stderr; severity debug 1; print-time yes; }};
  category default {{ f; }}; }};
zone "{ZONE}" {{ type primary; file "zone.db";
  update-policy {{ grant owner name {ZONE} DNSKEY CDS CDNSKEY RRSIG; }};
  auto-dnssec allow; update-check-ksk yes; dnssec-dnskey-kskonly no; }};
""")

    def start(self):
        self.daemon("named", "-g", "-c", self.path("named.conf"))
        self.wait_up()
        # Foreign keys in a zone that is not signed yet leave its NSEC chain
        # incomplete: it is signed with its own ZSK alone first.
        self.rndc("sign", ZONE)
        self.wait_signed()

    def rndc(self, *argv):
        return sh("rndc", "-c", self.path("rndc.conf"), *argv).out

    def wait_signed(self):
        def done():
            lines = [x for x in self.rndc("signing", "-list",
                                          ZONE).splitlines() if x.strip()]
            return lines and all(x.startswith("Done") for x in lines)
        ap.wait_for(done, 60, 0.2)

    def activate(self, new, old):
        sh("dnssec-settime", "-K", self.path("keys"), "-A", "now", new.base)
        sh("dnssec-settime", "-K", self.path("keys"), "-I", "now", old.base)
        self.rndc("sign", ZONE)
        self.wait_signed()

    def sync(self):
        return (self.gather(),
                f'{{by: update, server: "{self.address}", '
                f'tsig: "{self.path("owner.key")}"}}')


class Static(KeyFolder):
    """A zone file that is signed offline, between the two fragments that
    `sync` writes, and served by NSD."""
    SCRIPT = """#!/bin/sh
set -eu
cd "{dir}"
serial=$(($(cat serial) + 1))
sed "s/ hostmaster [0-9]* / hostmaster $serial /" zone.db >in.zone
[ ! -e dnskey.zone ] || cat dnskey.zone >>in.zone
dnssec-signzone -q -P -x -o {zone} -K keys -f out.zone in.zone $(cat active) \\
	>sign.log 2>&1
[ ! -e rrsig.zone ] || cat rrsig.zone >>out.zone
[ ! -e rrsig.zone ] || [ -e careless ] ||
	dnssec-verify -o {zone} out.zone >verify.log 2>&1
mv out.zone signed.zone
echo $serial >serial
{reload}
"""

    def prepare(self):
        self.primary_port = self.port
        self.active = self.new_zsk(active=True)
        self.configure()
        write(self.path("active"), self.active.base)
        write(self.path("serial"), "1")
        write(self.path("zone.db"), zone_text(self.name))
        write(self.path("signed.zone"), zone_text(self.name))
        write(self.path("sign.sh"), self.SCRIPT.format(
            dir=self.dir, zone=ZONE, reload=self.reload()), 0o755)

    def configure(self, more=""):
        write(self.path("nsd.conf"), f"""
server:
  ip-address: {ADDRESS}@{self.primary_port}
  username: ""
  chroot: ""
  zonesdir: "{self.dir}"
  database: ""
  pidfile: "{self.dir}/nsd.pid"
  xfrdfile: "{self.dir}/xfrd.state"
  zonelistfile: "{self.dir}/zone.list"
  xfrdir: "{self.dir}"
  logfile: "{self.dir}/nsd.log"
  server-count: 1
remote-control:
  control-enable: yes
  control-interface: {self.dir}/ctl.sock
zone:
  name: "{ZONE}"
  zonefile: "signed.zone"
{more}""")

    def reload(self):
        """NSD reloads behind the answer to its control, and may drop a
        reload that comes during another one."""
        return f"""i=0
until [ "$(dig +short +tcp -p {self.primary_port} @{ADDRESS} {ZONE} SOA |
	cut -d ' ' -f 3)" = $serial ]; do
	[ $((i % 10)) -ne 0 ] ||
		nsd-control -c "{self.path("nsd.conf")}" reload {ZONE} >/dev/null
	i=$((i + 1))
	[ $i -lt 300 ] || exit 1
	sleep 0.1
done"""

    def start(self):
        self.daemon("nsd", "-d", "-c", self.path("nsd.conf"))
        self.wait_up()

    def sign(self):
        """The provider's own work: its zone, signed again."""
        sh(self.path("sign.sh"))

    def sign_carelessly(self):
        """The same without looking at what came out."""
        write(self.path("careless"), "")
        self.sign()
        os.unlink(self.path("careless"))

    def activate(self, new, old):
        self.active = new
        write(self.path("active"), new.base)
        self.sign()

    def sync(self):
        return (self.gather(),
                f'{{by: files, dnskey: "{self.path("dnskey.zone")}", '
                f'rrsig: "{self.path("rrsig.zone")}", '
                f'command: ["{self.path("sign.sh")}"]}}')


class Pdns(Static):
    """PowerDNS as presigned secondary: live signing can't carry an RRSIG of
    ours, so a hidden primary gives it the zone by AXFR."""

    def configure(self, more=""):
        self.primary_port = free_port()
        super().configure(f"  provide-xfr: {ADDRESS}/8 NOKEY\n")
        write(self.path("pdns.conf"), f"""
launch=gsqlite3
gsqlite3-database={self.dir}/pdns.sqlite3
gsqlite3-dnssec=yes
local-address={ADDRESS}
local-port={self.port}
socket-dir={self.dir}
daemon=no
guardian=no
setuid=
setgid=
secondary=yes
xfr-cycle-interval=600
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
zone-metadata-cache-ttl=0
dnssec-key-cache-ttl=0
""")
        with contextlib.closing(sqlite3.connect(
                self.path("pdns.sqlite3"))) as database:
            database.executescript(read(
                "/usr/share/doc/pdns-backend-sqlite3/schema.sqlite3.sql"))
        sh("pdnsutil", f"--config-dir={self.dir}", "create-secondary-zone",
           ZONE, f"{ADDRESS}:{self.primary_port}")

    def reload(self):
        return (super().reload() + "\npdns_control "
                f'"--config-dir={self.dir}" retrieve {ZONE}')

    def start(self):
        self.daemon("nsd", "-d", "-c", self.path("nsd.conf"))
        self.daemon("pdns_server", f"--config-dir={self.dir}")
        ap.wait_for(lambda: sh("pdns_control", f"--config-dir={self.dir}",
                               "retrieve", ZONE, check=False).returncode == 0,
                    20, 0.2)
        self.wait_up()


class Parent(Server):
    """test., with the DS RRset of the zone, on NSD."""

    def prepare(self, ds):
        os.makedirs(self.path("keys"), exist_ok=True)
        self.ksk, self.zsk = (
            sh("dnssec-keygen", "-q", "-K", self.path("keys"), "-a",
               ALGORITHM, *more, "test.").out.strip()
            for more in (["-f", "KSK"], []))
        self.serial = 0
        self.primary_port = self.port
        Static.configure(self)
        conf = self.path("nsd.conf")
        write(conf, read(conf).replace(f'"{ZONE}"', '"test."'))
        self.set_ds(ds)

    def set_ds(self, ds):
        self.serial += 1
        lines = ["$ORIGIN test.", f"$TTL {DS_TTL}",
                 f"@ SOA ns hostmaster {self.serial} 3600 600 864000 "
                 f"{DS_TTL}", "@ NS ns", f"ns A {ADDRESS}",
                 "example NS ns.a.example", "example NS ns.b.example",
                 f"ns.a.example A {ADDRESS}", f"ns.b.example A {ADDRESS}"]
        lines += [f"example DS {x}" for x in ds]
        lines += [read(self.path("keys", k + ".key")).splitlines()[-1]
                  for k in (self.ksk, self.zsk)]
        write(self.path("in.zone"), "\n".join(lines) + "\n")
        sh("dnssec-signzone", "-q", "-d", self.dir, "-o", "test.", "-K",
           self.path("keys"), "-f", self.path("signed.zone"),
           self.path("in.zone"), cwd=self.dir)
        if self.processes:
            sh("nsd-control", "-c", self.path("nsd.conf"), "reload", "test.")

    def start(self):
        self.daemon("nsd", "-d", "-c", self.path("nsd.conf"))
        self.wait_up(name="test.")

    def change_ds(self, *ds):
        """Serves this DS RRset; returns when it is there."""
        self.set_ds(ds)

        def there():
            sh("nsd-control", "-c", self.path("nsd.conf"), "reload", "test.")
            return self.served("DS")[0] == {dns.rdata.from_text(
                "IN", "DS", x).to_wire() for x in ds}
        eventually(there, step=0.5)

    def anchor(self):
        return read(self.path("keys", self.ksk + ".key")).splitlines()[-1]


class Resolver(Server):
    """Unbound. A default one asks other servers again when an answer does not
    validate, which hides a broken Model 1; a strict one does not."""

    def prepare(self, providers, parent, strict):
        stubs = f'stub-zone:\n  name: "{ZONE}"\n' + "".join(
            f"  stub-addr: {ADDRESS}@{p.port}\n" for p in providers)
        stubs += (f'stub-zone:\n  name: "test."\n  stub-addr: '
                  f"{ADDRESS}@{parent.port}\n")
        more = "  val-max-restart: 0\n  harden-algo-downgrade: yes\n" \
            if strict else ""
        write(self.path("unbound.conf"), f"""
server:
  interface: {ADDRESS}@{self.port}
  do-ip6: no
  username: ""
  chroot: ""
  directory: "{self.dir}"
  pidfile: "{self.dir}/unbound.pid"
  use-syslog: no
  logfile: "{self.dir}/unbound.log"
  log-servfail: yes
  val-log-level: 2
  module-config: "validator iterator"
  do-not-query-localhost: no
  access-control: 127.0.0.0/8 allow
  local-zone: "test." nodefault
  aggressive-nsec: no
  val-bogus-ttl: 1
  num-threads: 1
{more}  trust-anchor: "{parent.anchor()}"
{stubs}""")

    def start(self):
        self.daemon("unbound", "-d", "-c", self.path("unbound.conf"))
        self.wait_up(name=".", kind="NS", tcp=False, rcodes=(0, 2, 5))

    def bogus(self):
        return [x for x in read(self.path("unbound.log")).splitlines()
                if "SERVFAIL" in x or "validation failure" in x]


class Prober(threading.Thread):
    """Asks a resolver all the time, a quarter of it for names that are not
    there, and keeps what came back."""

    def __init__(self, resolver, rate):
        super().__init__(daemon=True)
        self.resolver, self.rate = resolver, rate
        self.going = True
        self.log = []
        self.random = random.Random(1)

    def question(self, n):
        if n % 4 == 0:
            return f"nx{self.random.randrange(10 ** 6)}.{ZONE}", "A"
        if n % 4 == 1:
            return f"who{self.random.randrange(NAMES // 2)}.{ZONE}", "TXT"
        return f"w{self.random.randrange(NAMES)}.{ZONE}", "A"

    def probe(self, n):
        name, kind = self.question(n)
        query = dns.message.make_query(name, kind, want_dnssec=True)
        try:
            reply = dns.query.udp(query, ADDRESS, port=self.resolver.port,
                                  timeout=10)
        except (OSError, dns.exception.DNSException) as e:
            return name, type(e).__name__, False, ""
        who = [r[0].to_text().strip('"') for r in reply.answer
               if r.rdtype == dns.rdatatype.TXT]
        return (name, dns.rcode.to_text(reply.rcode()),
                bool(reply.flags & dns.flags.AD), who[0] if who else "")

    def run(self):
        n = 0
        while self.going:
            n += 1
            self.log.append((time.time(), *self.probe(n)))
            time.sleep(1 / self.rate)

    def finish(self):
        self.going = False
        self.join(20)
        return self.log


class Watch:
    """Two resolvers under a loop of queries each."""

    def __init__(self, bench, rate=20, providers=None):
        self.probers = {}
        for name in ("default", "strict"):
            resolver = bench.add(Resolver(bench, f"unbound-{name}"))
            resolver.prepare(providers or bench.providers, bench.parent,
                             name == "strict")
            resolver.start()
            self.probers[name] = Prober(resolver, rate)
        for prober in self.probers.values():
            prober.start()

    def finish(self):
        """-> {resolver: {validated, bad: [what went wrong], who}}"""
        out = {}
        for name, prober in self.probers.items():
            log = prober.finish()
            good = [x for x in log if x[2] in ("NOERROR", "NXDOMAIN") and x[3]]
            out[name] = {
                "validated": len(good),
                "bad": [x for x in log if x not in good],
                "who": sorted({x[4] for x in good if x[4]}),
                "bogus": prober.resolver.bogus()[:3]}
        return out


class Bench:
    """All of it: an appliance, providers, the file of `sync`. Use as a context
    manager."""
    KINDS = {"alpha": Knot, "beta": Bind, "gamma": Pdns, "delta": Static}
    WAITS = ("{zone-max-ttl: 2s, propagation: 1s, sign-delay: 1s, "
             "parent-ds-ttl: 4s, parent-propagation: 1s}")
    SIGNATURE = ("{validity: 14d, refresh: 5d, inception-offset: 1h, "
                 "horizon: 0, min-validity: 1d}")

    def __init__(self, names, **kinds):
        self.names = list(names)
        self.kinds = {**self.KINDS, **kinds}
        self.dir = tempfile.mkdtemp(prefix="ksk providers.")
        # nsd-control and pdns take no blanks everywhere.
        self.dir = shutil.move(self.dir, self.dir.replace(" ", "-"))
        os.chmod(self.dir, 0o755)
        self.stack = contextlib.ExitStack()
        self.servers, self.providers = [], []
        self.parent = None
        self.state = {}   # provider: its keys in the policy
        self.states = {}  # provider: joining or leaving in the policy
        self.ksk = []     # [(label, more of its entry)]
        self.more = {}    # more keys of the zone in the policy

    def __enter__(self):
        try:
            self.begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.stop()
        self.stack.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def add(self, server):
        self.servers.append(server)
        return server

    def begin(self):
        self.a = self.stack.enter_context(ap.Appliance(name="sync"))
        self.a.make()
        self.a.add_client("auto", "read, sign, journal")
        for name in self.names:
            provider = self.add(self.kinds[name](self, name))
            provider.prepare()
            self.providers.append(provider)
            setattr(self, name, provider)
            self.state[name] = [f'{{ds: "{k.ds}"}}' for k in provider.keys()]
        self.add_ksk("ksk1")
        self.write_policy()
        self.write_sync()
        self.a.start()
        for provider in self.providers:
            provider.start()

    # -- the policy --
    def add_ksk(self, label, more="from: 2020-01-01T00:00:00Z, cds: yes"):
        self.a.add_ksk(ZONE, label)
        self.ksk.append((label, more))
        return ap.key_tag(self.a.ksks[label])

    def ds(self, label="ksk1"):
        return ap.ds_text(ZONE, self.a.ksks[label])

    def policy(self):
        self.a.zones = []
        self.a.add_zone(ZONE, self.ksk, self.state, ttl=f"{KEY_TTL}s",
                        waits=self.WAITS, signature=self.SIGNATURE,
                        **self.more)
        text = self.a.policy_text()
        for name, state in self.states.items():
            text = text.replace(f"name: {name}, state: serving",
                                f"name: {name}, state: {state}")
        return text

    def write_policy(self):
        self.a.write_policy(self.policy())

    def set_policy(self):
        """A new policy comes into force."""
        self.write_policy()
        self.a.reload()
        version = self.a.version

        def loaded():
            with self.a.peer() as peer:
                return peer.ask(ap.STATUS)[3][6] == version
        try:
            ap.wait_for(loaded)
        except AssertionError:
            raise AssertionError(self.a.log_text()[-4000:]) from None

    def pin(self, provider, *keys):
        self.state[provider.name] = [
            k if isinstance(k, str) else f'{{ds: "{k.ds}"}}' for k in keys]

    # -- kskctl --
    def write_sync(self, providers=None, **more):
        providers = self.providers if providers is None else providers
        write(os.path.join(self.dir, "kskctl.yaml"), f"""
key: "{self.a.path("auto.key")}"
certificate: "{self.a.path("auto.crt")}"
appliances:
  - address: "{ADDRESS}:{self.a.port}"
    server-pins: ["{self.a.server_pin}"]
""")
        keys = {"profile": "kskctl.yaml", "timeout": "5s", "settle": "15s"}
        keys.update(more)
        parent = "" if self.parent is None else \
            f'    parent: ["{self.parent.address}"]\n'
        write(os.path.join(self.dir, "sync.yaml"), "".join(
            f"{k}: {v}\n" for k, v in keys.items() if v is not None)
            + "providers:\n" + "".join(p.entry() for p in providers)
            + f"zones:\n  - name: {ZONE}\n    providers: "
            + f"[{', '.join(p.name for p in providers)}]\n" + parent)

    def kskctl(self, *argv, check=True):
        return sh(os.path.join(ap.BUILD, "kskctl"), *argv, check=check)

    def sync(self, *more, check=True):
        return self.kskctl("sync", *more,
                           os.path.join(self.dir, "sync.yaml"), check=check)

    def check(self, *more):
        return self.kskctl("check", *more,
                           os.path.join(self.dir, "sync.yaml"), check=False)

    # -- judges --
    def start_parent(self, *ds):
        self.parent = self.add(Parent(self, "parent"))
        self.parent.prepare(ds or [self.ds()])
        self.parent.start()
        self.write_sync()

    def cross_validate(self, source, data, labels=("ksk1",)):
        """The keys that one provider serves validate the data of another.
        -> None or what is wrong"""
        anchor = {dns.rdata.from_text("IN", "DS", self.ds(x)) for x in labels}
        try:
            keys = rrsigs = None
            for rrset in source.ask(APEX, "DNSKEY").answer:
                if rrset.rdtype == dns.rdatatype.DNSKEY:
                    keys = rrset
                else:
                    rrsigs = rrset
            trusted = [k for k in keys if any(
                dns.dnssec.make_ds(APEX, k, "SHA256") == d for d in anchor)]
            if not trusted:
                return "no key of the DS"
            dns.dnssec.validate(keys, rrsigs, {APEX: dns.rrset.from_rdata_list(
                APEX, keys.ttl, trusted)})
            for name, kind in (("w1." + ZONE, "A"), (ZONE, "SOA"),
                               (ZONE, "NS")):
                reply = data.ask(name, kind)
                dns.dnssec.validate(reply.answer[0], reply.answer[1],
                                    {APEX: keys})
            for rrset in data.ask("nx." + ZONE, "A").authority:
                if rrset.rdtype == dns.rdatatype.RRSIG:
                    continue
                dns.dnssec.validate(
                    rrset, [r for r in data.ask("nx." + ZONE, "A").authority
                            if r.name == rrset.name
                            and r.rdtype == dns.rdatatype.RRSIG
                            and r.covers == rrset.rdtype][0], {APEX: keys})
        except (dns.exception.DNSException, IndexError, AttributeError) as e:
            return f"{type(e).__name__}: {e}"
        return None

    def matrix(self, **more):
        """Every provider's data with every provider's keys: what fails."""
        return {f"{s.name}>{d.name}": w
                for s in self.providers for d in self.providers
                if (w := self.cross_validate(s, d, **more)) is not None}
