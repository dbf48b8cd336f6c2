/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kskadm - the local tool for the person at the box: makes what an appliance
 * needs once, makes and lists keys, checks a policy. The table of verbs is
 * here; each has a file of its own.
 */
#include "appliance/admin/admin.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* first and second word ("" = one word only), function, arguments, sentence,
 * details */
static const struct verb {
	const char *first, *second;
	ksk_verb *run;
	const char *arguments;
	const char *summary;
	const char *details;
} verbs[] = {
	{"init", "", ksk_verb_init, "", "make the state of a new appliance",
		"Makes the state folder, a random appliance id, and the "
		"folder of the journal with the\nmark that lets the signer "
		"begin a new one. Refuses if any of it is there already.\n"
		"Prints the appliance id.\n"},
	{"tls", "init", ksk_verb_tls_init, "[--days N]",
		"make the TLS key and certificate",
		"Makes a P-256 key and a self-signed certificate (3650 days "
		"unless --days says else) at\nthe configured paths. Refuses "
		"to overwrite. Prints the server pin, for kskctl enroll.\n"},
	{"tls", "pin", ksk_verb_tls_pin, "", "print the server pin",
		"Prints the SHA-256 of the certificate's public key.\n"},
	{"token", "init", ksk_verb_token_init,
		"NAME [--pin-file FILE | --generate-pin] [--so-pin-file FILE]",
		"initialise an empty token",
		"Initialises a token in a free slot of the module, labelled "
		"as the configured uri says.\nRefuses if such a token is "
		"there already. The PIN comes from the configured file,\n"
		"from --pin-file, or is typed; --generate-pin makes a random "
		"one in the configured file\nand a random SO PIN beside it "
		"(.so): keep that one elsewhere.\n"},
	{"unlock", "", ksk_verb_unlock, "NAME [--pin-file FILE] [--pin-reset]",
		"hand kskd the PIN of a token",
		"For a token with pin: {prompt: yes}. Waits for the first "
		"login and says what became of it.\nA PIN that the token "
		"refuses is forgotten; type it again. --pin-reset says that "
		"the token's\nown lock has been taken off with its vendor's "
		"tool.\n"},
	{"key", "generate", ksk_verb_key_generate,
		"--token NAME (--zone ZONE --algorithm N [--bits N] "
		"[--extractable] | --audit) [--label LABEL] "
		"[--pin-file FILE]",
		"make a KSK in a token and allow it for a zone",
		"Algorithms: 8, 10 (RSA, --bits 2048 to 4096), 13, 14, 15, "
		"16. Prints DNSKEY and DS\nrecords and the line for the "
		"policy. Without --extractable the key never leaves the "
		"token;\nwith it kskadm key backup can take it to another "
		"one.\n--audit makes the token's audit key (algorithm 13), "
		"which signs checkpoints of the journal\nand no RRset, and "
		"prints its public half.\n"},
	{"key", "list", ksk_verb_key_list, "[--token NAME] [--pin-file FILE]",
		"list the keys of the tokens",
		"One line per key: token, label, CKA_ID, algorithm, key tag, "
		"and \"usable\" or why not.\nLabels have %XX for all but "
		"letters, digits and . _ -\n"},
	{"key", "dnskey", ksk_verb_key_dnskey,
		"--token NAME --label LABEL --zone ZONE [--algorithm N] "
		"[--pin-file FILE]",
		"print a key's DNSKEY record",
		"--algorithm 10 tells which one an RSA key is for (else 8).\n"},
	{"key", "ds", ksk_verb_key_ds,
		"--token NAME --label LABEL --zone ZONE [--algorithm N] "
		"[--pin-file FILE]",
		"print a key's DS records",
		"For the parent zone and for ds: in the policy.\n"},
	{"key", "cds", ksk_verb_key_cds,
		"--token NAME --label LABEL --zone ZONE [--algorithm N] "
		"[--pin-file FILE]",
		"print a key's CDS and CDNSKEY records", ""},
	{"key", "allow", ksk_verb_key_allow,
		"--token NAME --label LABEL --zone ZONE [--algorithm N] "
		"[--extractable] [--pin-file FILE]",
		"allow a key of a token for a zone",
		"Adds the key to the keymap; kskd takes it at its next "
		"reload. A key that can leave its\ntoken is refused without "
		"--extractable.\n"},
	{"backup", "recipient", ksk_verb_backup_recipient,
		"--token NAME --label LABEL --output FILE [--pin-file FILE]",
		"make a token one that backups can be made for",
		"Makes an RSA key pair that can do nothing but receive keys, "
		"writes its public half to\nFILE and prints the file's "
		"fingerprint (SHA-256).\n"},
	{"key", "backup", ksk_verb_key_backup,
		"--token NAME --label LABEL --zone ZONE --to FILE "
		"--fingerprint HEX --output FILE [--algorithm N] "
		"[--pin-file FILE]",
		"wrap a key for another token",
		"--to FILE and --fingerprint HEX: what kskadm backup recipient "
		"wrote and printed for the\nother token. The key must be "
		"extractable.\n"},
	{"key", "restore", ksk_verb_key_restore,
		"--token NAME --zone ZONE [--extractable] [--pin-file FILE] "
		"BACKUP",
		"unwrap a key that was backed up for this token",
		"Nothing is changed unless the key proves itself. With "
		"--extractable it can be backed up\nfrom here again.\n"},
	{"authority", "", ksk_verb_authority, "FILE",
		"fix the first operators of an appliance",
		"Checks the authority document in FILE and leaves it for kskd, "
		"which takes it at its next\nstart if it knows no operators "
		"yet. Prints its SHA-256, for `replaces:` in the next one, and\n"
		"the operators' pins.\n"},
	{"policy", "check", ksk_verb_policy_check, "FILE",
		"check a policy as kskd would",
		"Prints its mistakes, the first 20, with line and column.\n"},
	{"accept", "clock", ksk_verb_accept_clock, "JOURNAL-ID [--for TIME]",
		"end clock-hold: the clock is right as it is",
		"kskd takes the word once, at its next reload or start; it is "
		"good for an hour unless\n--for says else.\n"},
	{"accept", "restore", ksk_verb_accept_restore,
		"JOURNAL-ID NUMBER HASH [--for TIME]",
		"end restored: go on with this journal",
		"The words are those of kskctl status. What was signed since "
		"this journal was copied stays\nunknown: rules that need it "
		"can't see it.\n"},
	{"journal", "check", ksk_verb_journal_check, "[--audit-key FILE] PATH",
		"check a journal's file while kskd does not run on it",
		"Follows every record, checkpoint and timeline, and changes "
		"nothing. Without --audit-key the\nkeys in the file itself are "
		"taken at their word.\n"},
	{"journal", "prune", ksk_verb_journal_prune,
		"--export FILE --audit-key FILE [--older-than TIME]",
		"take old records out of the journal while kskd does not run",
		"Those leave that FILE, which kskctl journal export wrote, "
		"holds and proves by the audit key,\nwhose signatures have "
		"expired, and that no answer is given again from. Prints why "
		"no more do.\nKeep FILE.\n"},
	{"doctor", "", ksk_verb_doctor, "",
		"look at all that kskd needs, and change nothing",
		"One line for each thing: ok, warning or trouble, what was "
		"found and what to do. No PIN is\ntried. Exits with 0, with "
		"19 after a warning, with 20 after trouble.\n"},
	{"keymap", "show", ksk_verb_keymap_show, "",
		"print the keymap, if it is right", ""},
	{"ceremony", "", ksk_verb_ceremony, "--transcript FILE SCRIPT",
		"run a script of steps and leave a transcript",
		"SCRIPT has one step per line: a verb of kskadm with its "
		"words, or say \"TEXT\". FILE gets\nevery command, what it "
		"said and how it ended; its SHA-256 is printed at the end. The\n"
		"first step that fails is the last.\n"},
};
#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

/* group: only the verbs that begin with this word; NULL: all. */
static void
print_usage(FILE *out, const char *group)
{
	(void)fprintf(out, "usage: kskadm [-c FILE] VERB [ARGUMENTS]\n\n");
	for (size_t i = 0; i < VERB_COUNT; i++) {
		if (group != NULL && strcmp(group, verbs[i].first) != 0)
			continue;
		(void)fprintf(out, "  %s %-*s  %s\n", verbs[i].first,
			(int)(16 - strlen(verbs[i].first)), verbs[i].second,
			verbs[i].summary);
	}
	(void)fprintf(out,
		"\n-c FILE: kskd.yaml, %s unless given.\n"
		"kskadm VERB --help says more.\n",
		KSK_SYSCONFDIR "/kskd.yaml");
}

static enum ksk_exit
print_help(const struct verb *verb)
{
	(void)printf("usage: kskadm [-c FILE] %s%s%s%s%s\n\n%s.\n%s",
		verb->first, verb->second[0] == '\0' ? "" : " ", verb->second,
		verb->arguments[0] == '\0' ? "" : " ", verb->arguments,
		verb->summary, verb->details);
	return KSK_EXIT_OK;
}

static const struct verb *
find_verb(int argc, char *const *argv)
{
	for (size_t i = 0; i < VERB_COUNT; i++) {
		if (strcmp(argv[0], verbs[i].first) != 0)
			continue;
		if (verbs[i].second[0] == '\0' ||
			(argc > 1 && strcmp(argv[1], verbs[i].second) == 0))
			return &verbs[i];
	}
	return NULL;
}

bool
ksk_admin_is_verb(int argc, char *const *argv)
{
	return argc > 0 && find_verb(argc, argv) != NULL;
}

static bool
wants_help(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0)
			return true;
	}
	return false;
}

/* PINs and TLS keys pass through this process. */
static bool
protect_memory(void)
{
	const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};

	(void)umask(077);
	return setrlimit(RLIMIT_CORE, &none) == 0
#ifndef KSK_SANITIZED
		&& prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
#endif
		;
}

/* Returns the word if verbs of two words begin with it, else NULL. */
static const char *
find_group(const char *word)
{
	for (size_t i = 0; i < VERB_COUNT; i++) {
		if (verbs[i].second[0] != '\0' &&
			strcmp(word, verbs[i].first) == 0)
			return verbs[i].first;
	}
	return NULL;
}

/* No verb is named, or none that there is. */
static enum ksk_exit
help_out(int argc, char **argv)
{
	const char *group = argc > 0 ? find_group(argv[0]) : NULL;
	int words = group == NULL ? 0 : 1;

	if (argc > words && strcmp(argv[words], "--help") == 0) {
		print_usage(stdout, group);
		return KSK_EXIT_OK;
	}
	if (argc > 0)
		ksk_say("there is no verb \"%s%s%s\"", argv[0],
			argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
	print_usage(stderr, group);
	return KSK_EXIT_USAGE;
}

static enum ksk_exit
dispatch(const char *config, int argc, char **argv)
{
	const struct verb *verb = argc > 0 ? find_verb(argc, argv) : NULL;
	int words;

	if (verb == NULL)
		return help_out(argc, argv);
	words = verb->second[0] == '\0' ? 1 : 2;
	if (wants_help(argc - words, argv + words))
		return print_help(verb);
	if (!protect_memory()) {
		ksk_say("the kernel refuses to keep memory private");
		return KSK_EXIT_INTERNAL;
	}
	return verb->run(config, argc - words, argv + words);
}

int
main(int argc, char **argv)
{
	const char *config = KSK_SYSCONFDIR "/kskd.yaml";
	enum ksk_exit code;
	int at = 1;

	if (argc > 1 && strcmp(argv[1], "-c") == 0) {
		if (argc < 3) {
			ksk_say("-c wants a file");
			return KSK_EXIT_USAGE;
		}
		config = argv[2];
		at = 3;
	}
	code = dispatch(config, argc - at, argv + at);
	if (fflush(stdout) != 0 || ferror(stdout) != 0) {
		ksk_say("standard output can't be written");
		return KSK_EXIT_FILE;
	}
	return (int)code;
}
