"""The providers of a zone on loopback, each with its own software; all daemons
are children of this process, have ports that were free, and are stopped by
their process id.

Knot has an offline KSK, BIND a dynamic zone, PowerDNS is presigned secondary of
a hidden primary, NSD (Static) serves a zone file that is signed offline. What
they serve as DNSKEY, CDS and CDNSKEY comes from `kskctl sync` alone.
"""
import contextlib
import os
import shutil
import socket
import subprocess
import sys

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
ALGORITHMS = {"RSASHA256": (8, ["2048"]), ALGORITHM: (13, [])}
ADDRESS = "127.0.0.1"
# dnsviz tells servers apart by their addresses alone. BIND listens on those of
# an interface only.
HOSTS = {"alpha": "127.0.0.11", "gamma": "127.0.0.13", "delta": "127.0.0.14",
         "echo": "127.0.0.15"}


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
        self.sep = self.rdata[1] & 1 != 0
        self.tag = ap.key_tag(self.rdata)
        self.ds = ap.ds_text(ZONE, self.rdata)


class Server:
    """A daemon in a folder of its own."""

    def __init__(self, bench, name):
        self.bench, self.name = bench, name
        self.dir = os.path.join(bench.dir, name)
        os.makedirs(self.dir, exist_ok=True)
        self.host = HOSTS.get(name, ADDRESS)
        self.port = free_port()
        self.processes = []

    @property
    def address(self):
        return f"{self.host}:{self.port}"

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
        return send(query, self.host, port=self.port, timeout=timeout)

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

    def shows(self, kind):
        """Key tags that its CDS or CDNSKEY RRset names."""
        return {int.from_bytes(r[:2], "big") if kind == "CDS"
                else ap.key_tag(r) for r in self.served(kind)[0]}

    def signers(self, kind="SOA"):
        return {r.key_tag for r in self.served(kind)[1]}


class Provider(Server):
    """What `sync` needs to know of it: sync(). new_zsk makes a key, activate
    starts and ends signing with keys, forget offers one no longer."""
    ROLE = None  # ksk or csk: it signs DNSKEY itself (RFC 8901 2.1.2)

    def enter(self, algorithm):
        """A ZSK of another algorithm; it may sign before it is shared."""
        return self.new_zsk(algorithm=algorithm)

    def leave(self, old):
        """The last key of an algorithm goes."""
        self.activate(old=old)
        eventually(lambda: old.tag not in self.signers())
        self.forget(old)

    def sync(self):
        """-> (gather, deliver) as YAML"""
        raise NotImplementedError

    def entry(self):
        gather, deliver = self.sync()
        own = "    own-ksk: yes\n" if self.ROLE else ""
        return (f"  - name: {self.name}\n    servers: [\"{self.address}\"]\n"
                f"    gather: {gather}\n    deliver: {deliver}\n{own}")

    def zsks(self):
        return [k for k in self.keys() if not k.sep]

    def seps(self):
        """Its own KSKs or CSKs."""
        return [k for k in self.keys() if k.sep]


class Knot(Provider):
    """Offline KSK: its ZSKs come as a KSR, the answer goes as an SKR."""

    def prepare(self, zsk_lifetime="30d"):
        for folder in ("run", "zones"):
            os.makedirs(self.path(folder), exist_ok=True)
        write(self.path("zones", "example.test.zone"), zone_text(self.name))
        write(self.path("knot.conf"), f"""
server:
    rundir: {self.dir}/run
    listen: {self.host}@{self.port}
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

    def new_zsk(self, active=False, algorithm=None):
        before = {t for _, t in self.ids()}
        when = "active=-1h" if active else "active=+10y"
        number, bits = ALGORITHMS[algorithm or self.bench.algorithm]
        self.keymgr("generate", f"algorithm={number}", "ksk=no", "zsk=yes",
                    *[f"size={b}" for b in bits], "publish=-1h", when)
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

    def activate(self, new=None, old=None):
        if new is not None:
            self.keymgr("set", f"keytag={new.tag}", "active=+0")
        if old is not None:
            self.keymgr("set", f"keytag={old.tag}", "retire=+0")
        self.knotc("zone-keys-load", ZONE)

    def forget(self, old):
        self.keymgr("set", f"keytag={old.tag}", "remove=+0")

    def enter(self, algorithm):
        """Knot takes no key of an algorithm that none signs with."""
        new = self.new_zsk(True, algorithm)
        self.knotc("zone-keys-load", ZONE)
        return new

    def leave(self, old):
        self.keymgr("set", f"keytag={old.tag}", "retire=+0", "remove=+0")
        self.knotc("zone-keys-load", ZONE)

    def sync(self):
        conf = self.path("knot.conf")
        return (f'{{by: exec, command: [keymgr, -c, "{conf}", "%z", '
                'generate-ksr, "+0", "+1"]}',
                f'{{by: knot, keymgr: [keymgr, -c, "{conf}"], '
                f'knotc: [knotc, -c, "{conf}"], '
                f'skr: "{self.path("skr.txt")}"}}')


class KeyFolder(Provider):
    """ZSKs by dnssec-keygen in a folder."""

    def new_zsk(self, active=False, algorithm=None, flag=()):
        os.makedirs(self.path("keys"), exist_ok=True)
        when = "now" if active else "none"
        algorithm = algorithm or self.bench.algorithm
        bits = [x for b in ALGORITHMS[algorithm][1] for x in ("-b", b)]
        base = sh("dnssec-keygen", "-q", "-K", self.path("keys"), "-a",
                  algorithm, *bits, *flag, "-P", when, "-A", when,
                  ZONE).out.strip()
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
options {{ directory "{self.dir}"; listen-on port {self.port} {{ {self.host}; }};
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

    def activate(self, new=None, old=None):
        for flag, key in (("-A", new), ("-I", old)):
            if key is not None:
                sh("dnssec-settime", "-K", self.path("keys"), flag, "now",
                   key.base)
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
{append}[ ! -e rrsig.zone ] || cat rrsig.zone >>out.zone
[ ! -e rrsig.zone ] || [ -e careless ] ||
	dnssec-verify -o {zone} out.zone >verify.log 2>&1
mv out.zone signed.zone
echo $serial >serial
{reload}
"""
    APPEND = ""

    def prepare(self):
        self.primary_port = self.port
        self.active = self.new_zsk(active=True)
        self.configure()
        write(self.path("active"), self.active.base)
        write(self.path("serial"), "1")
        write(self.path("zone.db"), zone_text(self.name))
        write(self.path("signed.zone"), zone_text(self.name))
        write(self.path("sign.sh"), self.SCRIPT.format(
            dir=self.dir, zone=ZONE, reload=self.reload(),
            append=self.APPEND), 0o755)

    def configure(self, more=""):
        write(self.path("nsd.conf"), f"""
server:
  ip-address: {self.host}@{self.primary_port}
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
until [ "$(dig +short +tcp -p {self.primary_port} @{self.host} {ZONE} SOA |
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

    def reload_only(self):
        """Serves what stands in the signed zone's file."""
        sh("nsd-control", "-c", self.path("nsd.conf"), "reload", ZONE)

    def sign_carelessly(self):
        """The same without looking at what came out."""
        write(self.path("careless"), "")
        self.sign()
        os.unlink(self.path("careless"))

    def activate(self, new=None, old=None):
        bases = [x for x in read(self.path("active")).split()
                 if old is None or x != old.base]
        if new is not None:
            self.active = new
            bases.append(new.base)
        write(self.path("active"), " ".join(bases))
        self.sign()

    def enter(self, algorithm):
        """Signatures come before the key is in the zone."""
        new = super().enter(algorithm)
        self.activate(new)
        return new

    def sync(self):
        return (self.gather(),
                f'{{by: files, dnskey: "{self.path("dnskey.zone")}", '
                f'rrsig: "{self.path("rrsig.zone")}", '
                f'command: ["{self.path("sign.sh")}"]}}')


class Own(Static):
    """The same with a KSK of its own, which signs alone: our RRSIGs are not
    taken over."""
    ROLE = "ksk"
    APPEND = ": "

    def prepare(self):
        super().prepare()
        self.ksk = self.new_zsk(active=True, flag=("-f", "KSK"))
        write(self.path("active"), f"{self.active.base} {self.ksk.base}")
