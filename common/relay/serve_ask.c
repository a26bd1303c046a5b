/*
 * serve_ask.c: questions that a stream's home answers: Locate and Fetch. The question travels there by mailbox and the
 * answer back, whole messages; the link may have gone by then. Answers to Fetch are large: those of one link are made
 * one after the other, each when the link has room. And a word to the home that needs no answer: the number that a
 * puller has.
 */
#include "common/relay/serve_parts.h"

#include <stdlib.h>
#include <string.h>

struct question {
	struct message message;
	struct list node;            /* a Fetch that waits, in its link's */
	struct relay_server *server; /* lives as long as its worker */
	uint64_t link;
	struct stream_name name;
	char rendition[TRACK_NAME_MAX];
	uint64_t id, epoch, from, to_epoch, to;
	bool fetch;
	struct bytes *answer;
};

static void ask_home(struct question *q) {
	worker_post(stream_home(q->server->worker, &q->name), &q->message);
}

static void deliver_answer(struct worker *w, struct message *message) {
	struct question *q = (struct question *)message;
	struct link *l = relay_server_link(q->server, q->link);
	(void)w;
	if (l && q->answer)
		link_send_block(l, q->answer);
	else if (l)
		link_close(l, "out of memory"); /* who asked must not wait for ever */
	if (l && !l->closed && q->fetch) {
		struct serve *s = l->serve;
		s->fetching = false;
		serve_fetches_writable(s);
	}
	bytes_unref(&q->answer);
	free(q);
}

static void answer(struct question *q, struct bytes *block) {
	q->answer = block;
	q->message.deliver = deliver_answer;
	worker_post(q->server->worker, &q->message);
}

/* What the stream says of its run. */
static void fill_run(Weir__Relay__Located *out, const struct stream *s) {
	out->run = s->run;
	out->number = s->segment_number;
	out->highest_us = s->highest_us;
	out->discontinuity = s->discontinuity;
	if (!s->tracks)
		return;
	out->base_us = s->tracks->base_us;
	out->target_ms = s->tracks->target_ms;
	for (size_t i = 0; i < s->tracks->count; i++)
		if (s->tracks->items[i].id > out->track)
			out->track = s->tracks->items[i].id;
}

/* `s` NULL: found above, or not at all. */
static void answer_located(struct question *q, bool found, uint64_t epoch, const struct stream *s) {
	Weir__Relay__Located h_body = WEIR__RELAY__LOCATED__INIT;
	h_body.id = q->id;
	h_body.found = found;
	h_body.epoch = epoch;
	h_body.node = (char *)q->server->self->id;
	if (s) {
		h_body.waiting = s->phase == STREAM_WAITING || s->filled;
		h_body.replica = s->replica;
		fill_run(&h_body, s);
	}
	RELAY_HEADER(h, located, LOCATED);
	answer(q, relay_pack(&h, (struct slice){0}));
}

static void on_located_above(void *context, bool found, uint64_t epoch) {
	answer_located(context, found, epoch, NULL);
}

static void answer_locate(struct worker *home, struct message *message) {
	struct question *q = (struct question *)message;
	const struct stream *s = streams_find(home, &q->name);
	if (s && stream_tellable(s))
		answer_located(q, true, stream_told_epoch(s), s);
	else if (q->server->locate_above)
		q->server->locate_above(home, &q->name, on_located_above, q);
	else
		answer_located(q, false, 0, NULL);
}

static bool is_before(uint64_t epoch, uint64_t sequence, uint64_t other_epoch, uint64_t other_sequence) {
	return epoch < other_epoch || (epoch == other_epoch && sequence < other_sequence);
}

/* The entries of the range, as much as one answer holds. Returns the item to ask for next; NULL: that was all. */
static const struct log_item *collect(const struct rendition *r, const struct question *q, struct buffer *out) {
	const struct log *l = &r->log;
	for (uint64_t p = l->first; p < l->next; p++) {
		const struct log_item *item = log_at(l, p);
		if (is_before(item->epoch, item->sequence, q->epoch, q->from))
			continue;
		if (is_before(q->to_epoch, q->to, item->epoch, item->sequence))
			return NULL;
		if (out->size && out->size + item->size_bytes > FETCH_BYTES)
			return item;
		if (out->size == 0 && r->first_mark && p == l->first)
			relay_write_entry(out, r->first_mark, 0);
		relay_write_entry(out, (struct entry *)item->object, 0); /* counted is the first member */
	}
	return NULL;
}

static void answer_not_here(struct question *q) {
	Weir__Relay__Refused h_body = WEIR__RELAY__REFUSED__INIT;
	h_body.id = q->id;
	h_body.reason = WEIR__RELAY__REASON__REASON_NOT_FOUND;
	h_body.why = (char *)"the stream is not here";
	RELAY_HEADER(h, refused, REFUSED);
	answer(q, relay_pack(&h, (struct slice){0}));
}

static void answer_fetch(struct worker *home, struct message *message) {
	struct question *q = (struct question *)message;
	struct stream *s = streams_find(home, &q->name);
	const struct rendition *r = s ? stream_rendition(s, q->rendition) : NULL;
	if (!r) {
		answer_not_here(q);
		return;
	}
	Weir__Relay__Fetched h_body = WEIR__RELAY__FETCHED__INIT;
	struct buffer entries;
	buffer_init(&entries, 0);
	const struct log_item *next = collect(r, q, &entries);
	h_body.id = q->id;
	h_body.next = next ? next->sequence : 0;
	h_body.next_epoch = next ? next->epoch : 0;
	RELAY_HEADER(h, fetched, FETCHED);
	answer(q, buffer_error(&entries) ? NULL : relay_pack(&h, buffer_slice(&entries)));
	buffer_fini(&entries);
}

static struct question *question_new(struct serve *s, const char *stream, message_fn deliver) {
	struct question *q = calloc(1, sizeof *q);
	if (!q || stream_name_parse(&q->name, stream, strlen(stream))) {
		free(q);
		return NULL;
	}
	q->message.deliver = deliver;
	list_init(&q->node);
	q->server = s->server;
	q->link = s->link->id;
	return q;
}

void serve_locate(struct serve *s, const Weir__Relay__Locate *m) {
	struct question *q = question_new(s, m->stream, answer_locate);
	if (!q) {
		serve_refuse(s, m->id, WEIR__RELAY__REASON__REASON_NOT_FOUND, "not a stream's name");
		return;
	}
	q->id = m->id;
	ask_home(q);
}

void serve_fetch(struct serve *s, const Weir__Relay__Fetch *m) {
	if (s->fetches_count >= SERVE_FETCHES_MAX) {
		serve_refuse(s, m->id, WEIR__RELAY__REASON__REASON_LIMIT, "too many questions on one link");
		return;
	}
	struct question *q = question_new(s, m->stream, answer_fetch);
	if (!q || strlen(m->rendition) >= sizeof q->rendition) {
		free(q);
		serve_refuse(s, m->id, WEIR__RELAY__REASON__REASON_NOT_FOUND, "not a stream's name");
		return;
	}
	strcpy(q->rendition, m->rendition);
	q->id = m->id;
	q->epoch = m->epoch;
	q->from = m->from;
	q->to = m->to;
	q->to_epoch = m->to_epoch ? m->to_epoch : m->epoch;
	q->fetch = true;
	list_append(&s->fetches, &q->node);
	s->fetches_count++;
	serve_fetches_writable(s);
}

static struct question *take_first(struct serve *s) {
	struct question *q = list_entry(s->fetches.next, struct question, node);
	list_remove(&q->node);
	s->fetches_count--;
	return q;
}

void serve_fetches_writable(struct serve *s) {
	if (s->fetching || list_empty(&s->fetches) || link_full(s->link))
		return;
	s->fetching = true;
	ask_home(take_first(s));
}

void serve_fetches_end(struct serve *s) {
	while (!list_empty(&s->fetches))
		free(take_first(s));
}

/* --- a puller's number --- */

struct told_number {
	struct message message;
	struct stream_name name;
	uint64_t epoch, number;
};

static void deliver_number(struct worker *home, struct message *message) {
	struct told_number *n = (struct told_number *)message;
	struct stream *s = streams_find(home, &n->name);
	void (*told)(struct stream *, uint64_t, uint64_t) = s ? streams_role_ops(s->streams)->told_number : NULL;
	if (told)
		told(s, n->epoch, n->number);
	free(n);
}

/* Without memory the puller's own guard remains: it shows no number twice. */
void serve_tell_number(struct serve *s, const struct stream_name *name, uint64_t epoch, uint64_t number) {
	struct told_number *n = malloc(sizeof *n);
	if (!n)
		return;
	*n = (struct told_number){.message.deliver = deliver_number, .name = *name, .epoch = epoch, .number = number};
	worker_post(stream_home(s->server->worker, name), &n->message);
}
