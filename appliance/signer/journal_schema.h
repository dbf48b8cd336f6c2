/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_schema - the tables of the journal's file, in the version that this
 * program writes, and how older versions become it. Only journal_open.c
 * includes it. Each table's keeper:
 *   meta         journal_open.c: whose journal it is, and which one; open_from:
 *                every intent that is open has this number or a higher one
 *   record       journal.c: the chain
 *   policy       a trigger: numbers of the POLICY records
 *   timeline     timeline.c: one row per zone
 *   announced    timeline_announced.c: what a provider of a zone announced last
 *   idempotency  idempotency.c: answers to give again, by their RESULT record
 *   checkpoint   signatures by the audit key over a record's hash
 *   state        journal.c: small things by name (ksk_journal_state_set)
 *   document     document_store.c: signed documents in pieces
 * Tests: tests/unit/test_journal.c
 */
#ifndef KSK_SIGNER_JOURNAL_SCHEMA_H
#define KSK_SIGNER_JOURNAL_SCHEMA_H

#define KSK_SCHEMA_VERSION 4

/* What version 2 has and version 1 had not. */
#define KSK_SCHEMA_NEW_IN_2 \
	"CREATE TABLE timeline(zone BLOB PRIMARY KEY," \
	" expires INTEGER NOT NULL, body BLOB NOT NULL);" \
	"CREATE TABLE idempotency(record INTEGER PRIMARY KEY," \
	" pin BLOB NOT NULL, key BLOB NOT NULL, digest BLOB NOT NULL," \
	" expires INTEGER NOT NULL, UNIQUE(pin, key));" \
	"CREATE TABLE checkpoint(number INTEGER PRIMARY KEY," \
	" hash BLOB NOT NULL, time INTEGER NOT NULL, signature BLOB NOT NULL," \
	" key BLOB NOT NULL);" \
	"CREATE TABLE state(name TEXT PRIMARY KEY, value BLOB NOT NULL)" \
	" WITHOUT ROWID;"

/* What version 3 has and version 2 had not. */
#define KSK_SCHEMA_NEW_IN_3 \
	"CREATE TABLE announced(zone BLOB NOT NULL, provider TEXT NOT NULL," \
	" pin BLOB NOT NULL, not_before INTEGER NOT NULL," \
	" not_after INTEGER NOT NULL, body BLOB NOT NULL," \
	" PRIMARY KEY(zone, provider)) WITHOUT ROWID;"

/* What version 4 has and version 3 had not. name: SHA-256 of the whole. */
#define KSK_SCHEMA_NEW_IN_4 \
	"CREATE TABLE document(name BLOB NOT NULL, part INTEGER NOT NULL," \
	" bytes BLOB NOT NULL, UNIQUE(name, part));"

/* A new journal. One row of meta follows. */
#define KSK_SCHEMA_MAKE \
	"CREATE TABLE meta(id INTEGER PRIMARY KEY CHECK(id = 1)," \
	" appliance BLOB NOT NULL, journal_id BLOB NOT NULL," \
	" open_from INTEGER NOT NULL);" \
	"CREATE TABLE record(number INTEGER PRIMARY KEY," \
	" time INTEGER NOT NULL, kind INTEGER NOT NULL, body BLOB NOT NULL," \
	" hash BLOB NOT NULL);" \
	"CREATE TABLE policy(number INTEGER PRIMARY KEY);" \
	"CREATE TRIGGER policy_seen AFTER INSERT ON record WHEN new.kind = 6" \
	" BEGIN INSERT INTO policy VALUES(new.number); END;" KSK_SCHEMA_NEW_IN_2 \
		KSK_SCHEMA_NEW_IN_3 KSK_SCHEMA_NEW_IN_4 \
	"PRAGMA user_version = 4;"

/* Version 1 kept each open intent in a table, which cost every commit a page.
 * Setting meta.journal_id follows. */
#define KSK_SCHEMA_FROM_1 \
	"ALTER TABLE meta ADD COLUMN journal_id BLOB NOT NULL DEFAULT x'';" \
	"ALTER TABLE meta ADD COLUMN open_from INTEGER NOT NULL DEFAULT 0;" \
	"UPDATE meta SET open_from =" \
	" coalesce((SELECT min(number) FROM open_intent)," \
	" (SELECT max(number) + 1 FROM record), 0);" \
	"DROP TABLE open_intent;" KSK_SCHEMA_NEW_IN_2 KSK_SCHEMA_NEW_IN_3 \
		KSK_SCHEMA_NEW_IN_4 "PRAGMA user_version = 4;"

/* Version 2 knew no announcements, version 3 no documents. */
#define KSK_SCHEMA_FROM_2 \
	KSK_SCHEMA_NEW_IN_3 KSK_SCHEMA_NEW_IN_4 "PRAGMA user_version = 4;"
#define KSK_SCHEMA_FROM_3 KSK_SCHEMA_NEW_IN_4 "PRAGMA user_version = 4;"

#endif
