#!/usr/bin/python3
"""What a user meets is in the page where they look for it: log events, keys of
every file, rules, options, exit codes, states, JSON keys, metrics. The tables
in the sources say what there is; the pages must have all of it, and where a
page has a list of its own, nothing else. Reads sources and pages only.
"""
import os
import re
import sys
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as f:
        return f.read()


def sources(*folders):
    """path → text without comments"""
    found = {}
    for folder in folders:
        for name in sorted(os.listdir(os.path.join(TOP, folder))):
            if name.endswith((".c", ".h")):
                found[f"{folder}/{name}"] = re.sub(
                    r"/\*.*?\*/", " ", read(folder, name), flags=re.S)
    return found


def arguments(text, at):
    """The arguments of a call; at: the place of its bracket."""
    depth, begin, out, i = 0, at + 1, [], at
    while True:
        if text[i] == '"':
            i = re.compile(r'"(?:\\.|[^"\\])*"').match(text, i).end()
            continue
        if text[i] in "([{":
            depth += 1
        elif text[i] in ")]}":
            depth -= 1
        if depth == 0 or (depth == 1 and text[i] == ","):
            out.append(text[begin:i].strip())
            begin = i + 1
        if depth == 0:
            return out
        i += 1


def words(text):
    return re.findall(r'"([^"]*)"', text)


def section(page, name, macro="Sh"):
    """The text of a page from one heading to the next of its kind."""
    match = re.search(rf"^\.{macro} {re.escape(name)}\n.*?(?=^\.Sh |"
                      rf"^\.{macro} |\Z)", page, re.M | re.S)
    assert match is not None, f"no section {name}"
    return match.group()


def has(page, word):
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", page)


def items(text, macro):
    """What the lines `.It Li a , b` or the like list."""
    found = []
    for line in re.findall(rf"^\.It {macro} (.*)$", text, re.M):
        found += [x for x in line.replace('"', "").split() if x != ","]
    return found


class LogEvents(unittest.TestCase):
    page = section(read("appliance", "kskd.8"), "LOG")

    @staticmethod
    def found():
        """event → files. It is an argument of ksk_log, or of a function of
        the same file that passes it on."""
        events = {}
        for path, text in sources(
                "appliance/base", "appliance/frontend", "appliance/policy",
                "appliance/signer", "appliance/supervisor", "hsm").items():
            if path.startswith("appliance/base/log."):
                continue
            calls = {"ksk_log": 1}
            for name, parameters in re.findall(
                    r"^(\w+)\(([^)]*const char \*event\b[^)]*)\)", text, re.M):
                names = [x.strip() for x in parameters.split(",")]
                calls[name] = names.index("const char *event")
            for name, place in calls.items():
                for match in re.finditer(rf"\b{name}\(", text):
                    listed = arguments(text, match.end() - 1)
                    for event in words(listed[place]):
                        events.setdefault(event, set()).add(path)
        table = read("appliance", "frontend", "fold.h").split(
            "#define KSK_FOLD_TABLE")[1].split("enum ", 1)[0]
        for event, reason in re.findall(
                r'X\(\w+, \w+, "([a-z-]+)",[\s\\]*"([a-z-]+)"', table):
            if reason != "none":        # no line is ever written of it
                events.setdefault(event, set()).add(reason)
        return events

    def test_all_are_told_and_no_others(self):
        found = self.found()
        self.assertGreater(len(found), 60)
        self.assertEqual(set(items(self.page, "Li")), set(found))

    def test_reasons_of_clients(self):
        for event in ("handshake-refused", "connection-refused",
                      "connection-closed"):
            told = self.page.split(f".It Li {event}\n")[1].split(".It")[0]
            told = set(re.findall(r"[a-z-]+", re.sub(
                r"^\.El.*", "", told.replace(".Li", ""),
                flags=re.M | re.S)))
            reasons = {x for x in self.found()[event] if "/" not in x}
            self.assertTrue(reasons)
            self.assertEqual(told, reasons, event)


class Keys(unittest.TestCase):
    """The keys of each kind of file, as its schema has them."""

    def check(self, schema, page, least, macro="(?:Ic|Cm)"):
        text = re.sub(r"#define .*?[^\\]\n", "\n", schema, flags=re.S)
        keys = set(re.findall(
            r'\b(?:TEXT|LIST|LIMIT|CYAML_FIELD_\w+)\(\s*"([a-z0-9-]+)"', text))
        keys |= set(re.findall(
            r"\b(?:USER|TOKEN_TEXT|TOP_TEXT|TOP_PART)\((\w+)[,)]", text))
        self.assertGreaterEqual(len(keys), least, keys)
        for key in keys:
            self.assertRegex(page, rf"(?m)^\..*\b{macro}\b.*"
                             rf"(?<![\w-]){key}(?![\w-])", key)

    def test_kskd_yaml(self):
        schema = read("appliance", "base", "config_schema.c")
        self.check(schema, read("appliance", "kskd.yaml.5"), 40,
                   "(?:Ic|Li)")

    def test_policy(self):
        self.check(read("appliance", "policy", "compile_schema.c"),
                   read("appliance", "kskd.policy.5"), 50)

    def test_signed_documents(self):
        self.check(read("appliance", "policy", "compile_document.c"),
                   section(read("appliance", "kskd.policy.5"),
                           "Signed documents", "Ss"), 15)

    def test_announcements(self):
        text = read("appliance", "policy", "announcement.c")
        keys = words(re.search(r"names\[FIELD_COUNT\] = \{(.*?)\};", text,
                               re.S).group(1))
        self.assertGreater(len(keys), 5)
        page = section(read("appliance", "kskd.policy.5"), "ANNOUNCEMENTS")
        self.assertLessEqual(set(keys) | {"retired"}, set(items(page, "Ic")))

    def test_sync(self):
        self.check(read("client", "sync_schema.c"),
                   read("client", "kskctl-sync.5"), 20)

    def test_profile(self):
        text = read("client", "profile.c")
        keys = re.findall(r'CYAML_FIELD_\w+\("([a-z-]+)"', text)
        self.assertGreater(len(keys), 4)
        page = section(read("client", "kskctl.1"), "FILES")
        for key in keys:
            self.assertTrue(has(page, key), key)

    def test_rights(self):
        text = read("appliance", "policy", "compile_document.c")
        rights = words(re.search(r"rights\[\] = \{(.*?)\};", text,
                                 re.S).group(1))
        page = section(read("appliance", "kskd.policy.5"), "Clients", "Ss")
        self.assertEqual(len(rights), 5)
        for right in rights:
            self.assertTrue(has(page, right), right)


class Rules(unittest.TestCase):
    page = read("appliance", "kskd.policy.5")

    def test_sets_and_announcements(self):
        table = read("appliance", "policy", "rules.c").split(
            "rules[] = {")[1].split("\n};")[0]
        rows = re.findall(r'\{"([a-z-]+)",(.*?)\},?(?=\n|$)', table, re.S)
        sets = [name for name, row in rows if "ANNOUNCEMENT" not in row]
        announced = [name for name, row in rows if "ANNOUNCEMENT" in row]
        self.assertGreater(len(sets), 20)
        self.assertGreater(len(announced), 4)
        self.assertEqual(items(section(self.page, "RULES"), "Cm"), sets)
        page = section(self.page, "ANNOUNCEMENTS")
        for rule in announced:
            self.assertRegex(page, rf"(?m)^\.Pq Cm {rule}\b")

    def test_signed_documents(self):
        table = read("appliance", "policy", "approve.h")
        rules = re.findall(r'X\(KSK_APPROVE_\w+,\s+"([a-z-]+)"',
                           table.replace("\\\n", ""))
        self.assertGreater(len(rules), 10)
        page = section(self.page, "Signed documents", "Ss")
        told = re.findall(r"[a-z-]+", page.split("names its rules:\n")[1]
                          .split(".Pp")[0].replace(".Cm", ""))
        self.assertEqual(told, rules)


class ExitCodes(unittest.TestCase):
    def listed(self, page):
        found = set()
        for line in re.findall(r"^\.It (.*)$", section(page, "EXIT STATUS"),
                               re.M):
            found |= {int(x) for x in re.findall(r"\d+", line)}
        return found

    def test_kskctl(self):
        table = read("client", "exit.h")
        self.assertEqual(self.listed(read("client", "kskctl.1")), {
            int(x) for x in re.findall(r"KSK_CTL_\w+ = (\d+)", table)})

    def test_kskadm(self):
        table = dict(re.findall(r"(KSK_EXIT_\w+) = (\d+)",
                                read("appliance", "base", "exit.h")))
        used = {name for text in sources("appliance/admin").values()
                for name in re.findall(r"\bKSK_EXIT_\w+", text)}
        self.assertGreater(len(used), 12)
        told = self.listed(read("appliance", "kskadm.8"))
        for name in used & set(table):
            self.assertIn(int(table[name]), told, name)


class Options(unittest.TestCase):
    def test_kskctl(self):
        """Each verb's options stand in its part of the page."""
        page = read("client", "kskctl.1")
        verbs = 0
        for path, text in sources("client").items():
            for name, rest in re.findall(
                    r'const struct ksk_verb \w+ = \{\s*\.name = "([a-z-]+)"'
                    r"(.*?)\n\};", text, re.S):
                verbs += 1
                told = section(page, name, "Ss")
                for option in re.findall(
                        r'\{"([a-z-]+)",\s*(?:NULL|"[^"]*"),', rest):
                    self.assertRegex(told, rf"\bFl -{option}(?![\w-])",
                                     f"{name} --{option}")
        self.assertGreaterEqual(verbs, 12)
        common = read("client", "args.c").split("common[] = {")[1]
        for option in re.findall(r'\{"([a-z-]+)",', common.split("};")[0]):
            self.assertIn(f"Fl -{option}", page)

    def test_kskctl_has_no_others(self):
        page = read("client", "kskctl.1")
        known = {x for text in sources("client").values()
                 for x in re.findall(r'\{"([a-z-]+)",\s*(?:NULL|"[^"]*"),',
                                     text)}
        for option in re.findall(r"\bFl -([a-z-]+)", page):
            self.assertIn(option, known)

    def test_kskadm(self):
        """The options that --help shows, and no others."""
        page = read("appliance", "kskadm.8")
        table = read("appliance", "admin", "main.c").split(
            "verbs[] = {")[1].split("\n};")[0]
        shown = set(re.findall(r"--([a-z-]+)", table))
        taken = {x for text in sources("appliance/admin").values()
                 for x in re.findall(r'\{"([a-z-]+)", (?:&|NULL)', text)}
        self.assertGreater(len(taken), 15)
        self.assertEqual(shown, taken)
        self.assertEqual(set(re.findall(r"Fl -([a-z-]+)", page)),
                         taken | {"help"})

    def test_kskd(self):
        text = read("appliance", "supervisor", "main.c")
        for option in re.findall(r'\{"([a-z]+)", \w+, NULL, \'\w\'\}', text):
            self.assertIn(f"Fl -{option}", read("appliance", "kskd.8"))


class Client(unittest.TestCase):
    page = read("client", "kskctl.1")

    def test_json_keys(self):
        told = section(self.page, "JSON")
        keys = set()
        for path, text in sources("client").items():
            if path.endswith(("/deliver.c", "/clock.c")):
                continue                # what a provider's program reads
            # From one process of a run to another.
            text = re.sub(r"^ksk_\w+_give\(.*?^}$", "", text,
                          flags=re.M | re.S)
            for match in re.finditer(r"\bjson_pack\(", text):
                keys |= {x for a in arguments(text, match.end() - 1)[1:]
                         for x in re.findall(r'^"([a-z-]+)"$', a)}
            for match in re.finditer(r"\b(?:json_object_set_new|set|set_moment)"
                                     r"\(", text):
                keys |= {x for a in arguments(text, match.end() - 1)[1:2]
                         for x in re.findall(r'^"([a-z-]+)"$', a)}
        self.assertGreater(len(keys), 80)
        for key in keys:
            self.assertTrue(has(told, key), key)

    def test_metrics(self):
        metrics = set(re.findall(r'"(ksk_check_\w+)"',
                                 read("client", "check_print.c")))
        self.assertGreater(len(metrics), 5)
        self.assertEqual(metrics, set(re.findall(r"\bksk_check_\w+",
                                                 self.page)))

    def test_adapters(self):
        page = read("client", "kskctl-sync.5")
        for name in os.listdir(os.path.join(TOP, "client", "adapters")):
            if name != "rest.sh":
                self.assertIn(name, page)


class States(unittest.TestCase):
    def test_kskd(self):
        table = read("protocol", "msg.h").split("#define KSK_STATE_TABLE")[1]
        names = re.findall(r'X\(\w+, \d+, "([a-z-]+)"\)',
                           table.split("\n\n")[0])
        self.assertEqual(len(names), 8)
        page = section(read("appliance", "kskd.8"), "States", "Ss")
        self.assertEqual(items(page, "Li"), names)


if __name__ == "__main__":
    sys.exit(unittest.main())
