"""PowerDNS among the providers, see servers.py: as presigned secondary of a
hidden primary, and signing by itself.
"""
import contextlib
import os
import sqlite3

from servers import (ADDRESS, ZONE, Key, Static, ap, free_port, read, sh,
                     write, zone_text)


class Pdns(Static):
    """PowerDNS as presigned secondary: live signing can't carry an RRSIG of
    ours, so a hidden primary gives it the zone by AXFR."""

    def configure(self, more=""):
        self.primary_port = free_port()
        super().configure(f"  provide-xfr: {ADDRESS}/8 NOKEY\n")
        self.configure_pdns()
        self.pdnsutil("create-secondary-zone", ZONE,
                      f"{self.host}:{self.primary_port}")

    def configure_pdns(self, more=""):
        write(self.path("pdns.conf"), f"""
launch=gsqlite3
gsqlite3-database={self.dir}/pdns.sqlite3
gsqlite3-dnssec=yes
local-address={self.host}
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
{more}""")
        with contextlib.closing(sqlite3.connect(
                self.path("pdns.sqlite3"))) as database:
            database.executescript(read(
                "/usr/share/doc/pdns-backend-sqlite3/schema.sqlite3.sql"))

    def pdnsutil(self, *argv):
        return sh("pdnsutil", f"--config-dir={self.dir}", *argv).out

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


class PdnsLive(Pdns):
    """PowerDNS signs by itself, with one key for all: its CSK. What others
    have in the set it takes from its database."""
    ROLE = "csk"

    def prepare(self):
        self.configure_pdns("direct-dnskey=yes\n")
        write(self.path("zone.db"), zone_text(self.name))
        self.pdnsutil("load-zone", ZONE, self.path("zone.db"))
        self.pdnsutil("secure-zone", ZONE)
        self.pdnsutil("rectify-zone", ZONE)

    def start(self):
        self.daemon("pdns_server", f"--config-dir={self.dir}")
        self.wait_up()

    def keys(self):
        return [Key(self.pdnsutil("export-zone-dnskey", ZONE, "1"))]

    def sync(self):
        # Its names have no final dot.
        show = (f"pdnsutil --config-dir={self.dir} export-zone-dnskey $0 1 | "
                "sed 's/ /. /'")
        return (f'{{by: exec, command: [sh, -c, "{show}", "%z"]}}',
                '{by: exec, command: [/usr/bin/python3, "'
                + os.path.join(os.path.dirname(os.path.abspath(__file__)),
                               "pdns_import.py")
                + f'", "{self.dir}"]}}')
