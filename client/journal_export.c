/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_export - copies an appliance's journal into a file that grows: what
 * is there is followed first, and only what continues it is appended. A mark
 * is written when what stands before it is on disk, so that a copy that was
 * cut off is taken up again at the last mark.
 */
#include "client/file.h"
#include "client/journal.h"
#include "client/output.h"
#include "client/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Replies between two marks: each costs the disk two syncs. */
#define MARK_EVERY 64u

struct export
{
	const struct ksk_journal_options *options;
	FILE *file;
	struct ksk_chain *chain;
	unsigned replies; /* since the last mark */
	bool broken;      /* the chain is ahead of the file: no mark */
	uint64_t added;   /* records, in this run */
	struct ksk_request request;
	struct ksk_buf out; /* what one reply appends */
};

/* Room for the items of one reply: a frame's content, and heads. */
#define OUT_CAP (2u * KSK_FRAME_MAX)

/* ---- the file ---- */

static enum ksk_err
file_fault(const struct export *e, struct ksk_fault *fault)
{
	ksk_fault_set(fault, "%s: %s", e->options->out, strerror(errno));
	return KSK_ERR_IO;
}

/* One export at a time writes a file; a symbolic link is not followed to one
 * that somebody else chose. */
static enum ksk_err
open_out(struct export *e, struct ksk_fault *fault)
{
	int fd = open(e->options->out,
		O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
	struct stat st;

	if (fd < 0 && errno == ELOOP) {
		ksk_fault_set(fault,
			"%s: a symbolic link, which is not followed: name the "
			"file itself",
			e->options->out);
		return KSK_ERR_IO;
	}
	if (fd < 0)
		return file_fault(e, fault);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		ksk_fault_set(fault, "%s: not a regular file", e->options->out);
		goto fail;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		ksk_fault_set(fault, "%s: another export writes it now",
			e->options->out);
		goto fail;
	}
	e->file = fdopen(fd, "r+b");
	if (e->file != NULL)
		return KSK_OK;
	(void)file_fault(e, fault);
fail:
	(void)close(fd);
	return KSK_ERR_IO;
}

/* Follows what is there. out_end: where the last mark ends. */
static enum ksk_err
follow(struct export *e, struct ksk_export_file *reader, uint64_t *out_end,
	struct ksk_fault *fault)
{
	struct ksk_export_item item;
	struct ksk_fault why = {""};
	enum ksk_err err;

	while ((err = ksk_export_file_next(reader, &item, fault)) == KSK_OK) {
		err = ksk_chain_item(e->chain, &item, &why);
		if (err != KSK_OK) {
			ksk_fault_set(fault,
				"%s: nothing is appended to it: %.500s",
				e->options->out, why.text);
			return err;
		}
		if (item.kind == KSK_EXPORT_MARK)
			*out_end = ksk_export_file_at(reader);
	}
	return err == KSK_ERR_NOT_FOUND ? KSK_OK : err;
}

/* Follows the file, up to its last mark if more stands behind that. */
static enum ksk_err
read_file(struct export *e, uint64_t *out_end, struct ksk_fault *fault)
{
	struct ksk_export_file *reader = NULL;
	enum ksk_err err = ksk_export_file_new(
		e->file, e->options->out, &reader);

	if (err != KSK_OK) {
		ksk_fault_set(fault, "no memory is left");
		return err;
	}
	err = follow(e, reader, out_end, fault);
	ksk_export_file_free(&reader);
	return err;
}

static enum ksk_err
cut(struct export *e, uint64_t end, struct ksk_fault *fault)
{
	if (ftruncate(fileno(e->file), (off_t)end) != 0 ||
		fseeko(e->file, 0, SEEK_SET) != 0)
		return file_fault(e, fault);
	clearerr(e->file);
	ksk_say("%s: what was written behind the last mark and not finished is "
		"cut off and fetched again",
		e->options->out);
	return KSK_OK;
}

/* Takes up an export where its last mark is. What a crash left behind that is
 * cut off; what is wrong before it is not touched. */
static enum ksk_err
take_up(struct export *e, struct ksk_fault *fault)
{
	uint64_t end = 0;
	enum ksk_err err = read_file(e, &end, fault);
	struct stat st;

	if (fstat(fileno(e->file), &st) != 0)
		return file_fault(e, fault);
	if (err == KSK_OK && end == (uint64_t)st.st_size)
		return KSK_OK;
	/* An item that is cut off at the end follows a crash; anything else
	 * that is wrong is for people to look at. */
	if (err != KSK_OK && err != KSK_ERR_AGAIN)
		return err;
	if ((err = cut(e, end, fault)) != KSK_OK)
		return err;
	ksk_chain_free(&e->chain);
	e->chain = ksk_journal_chain(e->options);
	if (e->chain == NULL)
		return KSK_ERR_BAD_INPUT;
	return read_file(e, &end, fault);
}

static enum ksk_err
write_out(struct export *e, struct ksk_fault *fault)
{
	if (fwrite(e->out.data, 1, e->out.len, e->file) != e->out.len ||
		fflush(e->file) != 0)
		return file_fault(e, fault);
	e->out.len = 0;
	return KSK_OK;
}

/* What stands before a mark is on disk before it. */
static enum ksk_err
write_mark(struct export *e, struct ksk_fault *fault)
{
	const struct ksk_chain_state *state = ksk_chain_state(e->chain);
	struct ksk_export_mark mark = {.number = state->head};
	struct ksk_export_item item = {.kind = KSK_EXPORT_MARK};

	if (state->count == 0 || state->marked || e->broken)
		return KSK_OK;
	memcpy(mark.hash, state->hash, KSK_HASH_LEN);
	enum ksk_err err = ksk_export_mark_put(&e->out, &mark);
	struct ksk_span rest = ksk_buf_span(&e->out);
	if (err == KSK_OK)
		err = ksk_export_take(&rest, &item);
	if (err == KSK_OK)
		err = ksk_chain_item(e->chain, &item, fault);
	if (err != KSK_OK)
		return err;
	e->replies = 0;
	if (fdatasync(fileno(e->file)) != 0)
		return file_fault(e, fault);
	err = write_out(e, fault);
	if (err == KSK_OK && fsync(fileno(e->file)) != 0)
		return file_fault(e, fault);
	ksk_file_sync_folder(e->options->out);
	return err;
}

/* ---- a reply ---- */

/* The number of the first record of a reply; UINT64_MAX if it can't be read,
 * which the chain finds out. */
static uint64_t
first_number(const struct ksk_journal_reply *reply)
{
	struct ksk_record_room room;
	struct ksk_record first;

	return ksk_record_read(reply->record[0], &room, &first, NULL) == KSK_OK
		? first.number
		: UINT64_MAX;
}

/* Is what the next record follows what the file ends with? */
static enum ksk_err
check_before(const struct export *e, const struct ksk_journal_reply *reply,
	struct ksk_fault *fault)
{
	const struct ksk_chain_state *state = ksk_chain_state(e->chain);

	/* Without records it is the head's hash. */
	if ((reply->record_count == 0 && reply->head != state->head) ||
		memcmp(reply->before, state->hash, KSK_HASH_LEN) == 0)
		return KSK_OK;
	ksk_fault_set(fault,
		"record %" PRIu64
		" of the journal is not the one that %s holds",
		state->head, e->options->out);
	return KSK_ERR_MALFORMED;
}

/* Checks that the reply goes on where the file ends. */
static enum ksk_err
check_reply(const struct export *e, const struct ksk_journal_reply *reply,
	struct ksk_fault *fault)
{
	const struct ksk_chain_state *state = ksk_chain_state(e->chain);

	if (!state->started)
		return KSK_OK;
	if (memcmp(state->journal, reply->journal, KSK_ID_LEN) != 0) {
		ksk_fault_set(
			fault, "%s is of another journal", e->options->out);
		return KSK_ERR_NOT_FOUND;
	}
	if (state->count == 0)
		return KSK_OK;
	if (reply->head < state->head) {
		ksk_fault_set(fault,
			"the journal ends at record %" PRIu64
			", but %s holds record %" PRIu64
			" of it: the journal was taken back",
			reply->head, e->options->out, state->head);
		return KSK_ERR_MALFORMED;
	}
	return check_before(e, reply, fault);
}

/* A new file begins with what the first record follows. */
static enum ksk_err
begin(struct export *e, const struct ksk_journal_reply *reply)
{
	struct ksk_export_header header;

	if (ksk_chain_state(e->chain)->started || reply->record_count == 0)
		return KSK_OK;
	header.first = first_number(reply);
	memcpy(header.journal, reply->journal, KSK_ID_LEN);
	memcpy(header.before, reply->before, KSK_HASH_LEN);
	ksk_chain_start(e->chain, &header);
	return ksk_export_header_put(&e->out, &header);
}

/* Appends the next checkpoint if its record is there. */
static enum ksk_err
add_checkpoint(struct export *e, const struct ksk_signed_checkpoint *checkpoint,
	struct ksk_fault *fault)
{
	e->request.journal.has_after = true;
	e->request.journal.after = checkpoint->value.number;
	/* One over a record that is not in the file, or long past: those that
	 * follow prove as much. */
	if (ksk_chain_hash(e->chain, checkpoint->value.number) == NULL)
		return KSK_OK;
	enum ksk_err err = ksk_chain_checkpoint(e->chain, checkpoint, fault);
	return err != KSK_OK ? err
			     : ksk_export_checkpoint_put(&e->out, checkpoint);
}

static enum ksk_err
add_record(struct export *e, struct ksk_span encoded, struct ksk_fault *fault)
{
	enum ksk_err err = ksk_chain_record(e->chain, encoded, fault);

	if (err != KSK_OK)
		return err;
	e->added++;
	e->request.journal.from = ksk_chain_state(e->chain)->head + 1;
	return ksk_export_put(&e->out, KSK_EXPORT_RECORD, encoded);
}

/* Records and checkpoints in the order of a file: each checkpoint behind its
 * record, older ones first. */
static enum ksk_err
add_all(struct export *e, const struct ksk_journal_reply *reply,
	struct ksk_fault *fault)
{
	const struct ksk_chain_state *state = ksk_chain_state(e->chain);
	size_t c = 0;
	enum ksk_err err = KSK_OK;

	for (size_t r = 0; r <= reply->record_count && err == KSK_OK; r++) {
		while (c < reply->checkpoint_count && err == KSK_OK &&
			(r == reply->record_count ||
				(state->count > 0 &&
					reply->checkpoint[c].value.number <=
						state->head)))
			err = add_checkpoint(e, &reply->checkpoint[c++], fault);
		if (r < reply->record_count && err == KSK_OK)
			err = add_record(e, reply->record[r], fault);
	}
	return err;
}

static enum ksk_err
take_reply(struct export *e, const struct ksk_journal_reply *reply,
	struct ksk_fault *fault)
{
	enum ksk_err err = check_reply(e, reply, fault);

	e->out.len = 0;
	if (err == KSK_OK)
		err = begin(e, reply);
	if (err == KSK_OK)
		err = add_all(e, reply, fault);
	if (err == KSK_OK)
		err = write_out(e, fault);
	e->broken = err != KSK_OK;
	if (err == KSK_OK && ++e->replies >= MARK_EVERY)
		err = write_mark(e, fault);
	return err;
}

/* ---- the conversation ---- */

/* Another appliance of the profile has another journal. */
static enum ksk_step
step_of(struct ksk_session *session, enum ksk_err err, struct ksk_fault *fault)
{
	struct ksk_fault what = *fault;

	if (err == KSK_OK)
		return KSK_STEP_DONE;
	ksk_fault_set(fault, "%s: %.560s", session->address, what.text);
	if (err == KSK_ERR_NOT_FOUND)
		return KSK_STEP_NEXT;
	session->exit = err == KSK_ERR_IO || err == KSK_ERR_BAD_INPUT
		? KSK_CTL_BAD_INPUT
		: KSK_CTL_UNVERIFIED;
	ksk_say("%s", fault->text);
	return KSK_STEP_OVER;
}

/* Records that left the journal can't be had from it any more. */
static enum ksk_err
check_first(struct export *e, const struct ksk_journal_reply *reply,
	struct ksk_fault *fault)
{
	const struct ksk_chain_state *state = ksk_chain_state(e->chain);
	struct ksk_journal_read *asked = &e->request.journal;

	if (!reply->has_first || asked->from >= reply->first)
		return KSK_OK;
	if (state->count > 0) {
		ksk_fault_set(fault,
			"the journal was pruned: its oldest record is %" PRIu64
			", but the last one in %s is %" PRIu64
			": go on with a new file",
			reply->first, e->options->out, state->head);
		return KSK_ERR_BAD_INPUT;
	}
	if (e->options->has_from) {
		ksk_fault_set(fault,
			"the journal was pruned: its oldest record is %" PRIu64,
			reply->first);
		return KSK_ERR_BAD_INPUT;
	}
	ksk_say("the journal was pruned: its oldest record is %" PRIu64,
		reply->first);
	asked->from = reply->first;
	return KSK_OK;
}

/* Asks which journal it is, and where it begins and ends. */
static enum ksk_step
ask_where(
	struct ksk_session *session, struct export *e, struct ksk_fault *fault)
{
	struct ksk_request where = {.op = KSK_OP_JOURNAL_READ};
	struct ksk_request *request = &where;
	struct ksk_answer answer = {0};
	enum ksk_step step = ksk_ask(session, &request, 1, &answer, fault);

	if (step == KSK_STEP_DONE)
		step = ksk_answer_judge(session, answer.reply, fault);
	if (step == KSK_STEP_OVER)
		ksk_say("%s", fault->text);
	if (step == KSK_STEP_DONE) {
		const struct ksk_journal_reply *reply =
			&answer.reply->journal_body;
		enum ksk_err err = check_reply(e, reply, fault);

		if (err == KSK_OK)
			err = check_first(e, reply, fault);
		step = step_of(session, err, fault);
	}
	ksk_answers_free(&answer, 1);
	return step;
}

static enum ksk_step
ask_once(struct ksk_session *session, struct export *e, bool *out_more,
	struct ksk_fault *fault)
{
	struct ksk_request *request = &e->request;
	struct ksk_answer answer = {0};
	enum ksk_step step = ksk_ask(session, &request, 1, &answer, fault);

	if (step == KSK_STEP_DONE)
		step = ksk_answer_judge(session, answer.reply, fault);
	if (step == KSK_STEP_OVER)
		ksk_say("%s", fault->text);
	if (step == KSK_STEP_DONE) {
		const struct ksk_journal_reply *reply =
			&answer.reply->journal_body;

		*out_more = reply->record_count > 0 ||
			reply->checkpoint_count > 0;
		step = step_of(session, take_reply(e, reply, fault), fault);
	}
	ksk_answers_free(&answer, 1);
	return step;
}

static enum ksk_step
work(struct ksk_session *session, void *ctx, struct ksk_fault *fault)
{
	struct export *e = ctx;
	enum ksk_step step = ask_where(session, e, fault);
	bool more = true;

	while (step == KSK_STEP_DONE && more)
		step = ask_once(session, e, &more, fault);
	if (step == KSK_STEP_DONE)
		session->exit = KSK_CTL_DONE;
	return step;
}

/* Where to go on. */
static enum ksk_err
set_request(struct export *e, struct ksk_fault *fault)
{
	const struct ksk_chain_state *state = ksk_chain_state(e->chain);
	struct ksk_journal_read *asked = &e->request.journal;

	e->request.op = KSK_OP_JOURNAL_READ;
	asked->most = UINT64_MAX;
	asked->from = state->count > 0 ? state->head + 1 : e->options->from;
	if (e->options->has_from && state->started &&
		state->first != e->options->from) {
		ksk_fault_set(fault,
			"%s begins with record %" PRIu64
			"; --from can't change that",
			e->options->out, state->first);
		return KSK_ERR_BAD_INPUT;
	}
	asked->has_after = state->checkpoint_count > 0;
	asked->after = state->checkpoint;
	/* None yet: also those over records that are in the file. */
	if (!asked->has_after && state->count > 0 && state->first > 0) {
		asked->has_after = true;
		asked->after = state->first - 1;
	}
	return KSK_OK;
}

static void
say_added(const struct export *e)
{
	const struct ksk_chain_state *state = ksk_chain_state(e->chain);

	if (state->count == 0)
		ksk_say_plain("%s: no records", e->options->out);
	else
		ksk_say_plain("%s: %" PRIu64
			      " records added, to record %" PRIu64 "; %" PRIu64
			      " checkpoints",
			e->options->out, e->added, state->head,
			state->checkpoint_count);
}

/* A file that holds no record would only be in the way. Its lock is still
 * held; a file of another name by now is not this one. */
static void
remove_empty(const struct export *e)
{
	struct stat open_one, named;

	if (fstat(fileno(e->file), &open_one) == 0 &&
		stat(e->options->out, &named) == 0 &&
		open_one.st_dev == named.st_dev &&
		open_one.st_ino == named.st_ino)
		(void)unlink(e->options->out);
}

static enum ksk_ctl_exit
run(struct export *e)
{
	struct ksk_fault fault = {""};
	enum ksk_ctl_exit exit = KSK_CTL_BAD_INPUT;
	enum ksk_err err = open_out(e, &fault);

	if (err == KSK_OK)
		err = take_up(e, &fault);
	if (err == KSK_OK && fseeko(e->file, 0, SEEK_END) != 0)
		err = file_fault(e, &fault);
	if (err == KSK_OK)
		err = set_request(e, &fault);
	if (err == KSK_OK) {
		exit = ksk_reach(e->options->ctl, work, e);
		/* What came before a failure is kept. */
		err = write_mark(e, &fault);
	}
	if (err == KSK_OK) {
		bool empty = ksk_chain_state(e->chain)->count == 0;

		if (empty)
			remove_empty(e);
		if (!e->broken && !(empty && exit != KSK_CTL_DONE))
			say_added(e);
		return exit;
	}
	ksk_say("%s", fault.text);
	return err == KSK_ERR_MALFORMED || err == KSK_ERR_BAD_SIGNATURE
		? KSK_CTL_UNVERIFIED
		: KSK_CTL_BAD_INPUT;
}

enum ksk_ctl_exit
ksk_journal_export(const struct ksk_journal_options *options)
{
	struct export *e = calloc(1, sizeof(*e));
	uint8_t *room = malloc(OUT_CAP);
	enum ksk_ctl_exit exit = KSK_CTL_BAD_INPUT;

	if (e == NULL || room == NULL) {
		ksk_say("no memory is left");
		goto out;
	}
	e->options = options;
	e->out = ksk_buf_of(room, OUT_CAP);
	e->chain = ksk_journal_chain(options);
	if (e->chain == NULL)
		goto out;
	exit = run(e);
	if (e->file != NULL && fclose(e->file) != 0 && exit == KSK_CTL_DONE) {
		ksk_say("%s: %s", options->out, strerror(errno));
		exit = KSK_CTL_BAD_INPUT;
	}
	ksk_chain_free(&e->chain);
out:
	free(room);
	free(e);
	return exit;
}
