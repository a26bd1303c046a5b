#include "common/stream/publisher.h"

#include "common/base/metrics.h"
#include "common/stream/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/*
 * A link is made by publisher_open on the session's worker and freed there when the home's last word has come. In
 * between each side touches only its own part.
 *
 *     session's worker                home worker
 *     open      ─────────────────▶    streams_ops.publish
 *     verdict   ◀─────────────────    accept, refuse
 *     samples   ─────────────────▶    streams_ops.samples
 *     samples   ◀─────────────────    the same message, empty: how much is on its way
 *     verdict   ◀─────────────────    stop
 *     close     ─────────────────▶    streams_ops.unpublish
 *     close     ◀─────────────────    freed
 */
enum { PRESSURE_HIGH = 8 * 1024 * 1024, PRESSURE_LOW = 4 * 1024 * 1024, FIRST_BATCH = 16 };

struct batch {
	struct message message;
	struct publisher_link *link;
	size_t count, capacity, bytes;
	struct sample *samples;
};

struct word {
	struct message message;
	struct publisher_link *link;
	uint64_t epoch;
	bool accepted, stopped;
	enum publish_refusal refusal;
	char why[160];
};

struct publisher_link {
	/* the session's worker */
	struct publisher *publisher; /* NULL once it has closed */
	struct worker *from, *home;
	struct batch *batch;
	struct turn_task send;
	size_t in_flight; /* bytes */
	bool full;
	struct word closing; /* kept from the start, so that closing needs no memory */
	/* the home's */
	struct intake intake;
	bool deaf; /* refused or stopped: what still comes is dropped */
};

/* --- the session's side --- */

static void batch_free(struct batch *b) {
	for (size_t i = 0; i < b->count; i++)
		bytes_unref(&b->samples[i].block);
	free(b->samples);
	free(b);
}

static void set_pressure(struct publisher_link *l, bool full) {
	l->full = full;
	if (l->publisher && l->publisher->ops->on_pressure)
		l->publisher->ops->on_pressure(l->publisher, full);
}

static void deliver_taken(struct worker *from, struct message *message) {
	struct batch *b = (struct batch *)message;
	struct publisher_link *l = b->link;
	(void)from;
	l->in_flight -= b->bytes;
	batch_free(b);
	if (l->full && l->in_flight <= PRESSURE_LOW)
		set_pressure(l, false);
}

static void deliver_samples(struct worker *home, struct message *message) {
	struct batch *b = (struct batch *)message;
	struct publisher_link *l = b->link;
	if (!l->deaf) {
		l->intake.last_sample_ms = worker_now_ms(home);
		l->intake.streams_ops->samples(&l->intake, b->samples, b->count);
	}
	b->message.deliver = deliver_taken;
	worker_post(l->from, &b->message);
}

static void on_send(struct turn_task *task) {
	struct publisher_link *l = list_entry(task, struct publisher_link, send);
	struct batch *b = l->batch;
	l->batch = NULL;
	l->in_flight += b->bytes;
	worker_post(l->home, &b->message);
	if (!l->full && l->in_flight > PRESSURE_HIGH)
		set_pressure(l, true);
}

static struct batch *batch_get(struct publisher_link *l) {
	if (!l->batch) {
		l->batch = calloc(1, sizeof *l->batch);
		if (!l->batch)
			return NULL;
		l->batch->message.deliver = deliver_samples;
		l->batch->link = l;
	}
	struct batch *b = l->batch;
	if (b->count == b->capacity) {
		size_t capacity = b->capacity ? 2 * b->capacity : FIRST_BATCH;
		struct sample *samples = realloc(b->samples, capacity * sizeof *samples);
		if (!samples)
			return NULL;
		b->samples = samples;
		b->capacity = capacity;
	}
	return b;
}

int publisher_sample(struct publisher *p, const struct sample *sample) {
	struct publisher_link *l = p->link;
	if (!l)
		return 0;
	struct batch *b = batch_get(l);
	if (!b)
		return UV_ENOMEM;
	b->samples[b->count] = *sample;
	if (sample->block)
		bytes_ref(sample->block);
	b->count++;
	b->bytes += sample->payload.size + sizeof *sample;
	worker_at_turn_end(l->from, &l->send);
	return 0;
}

static void deliver_closed(struct worker *from, struct message *message) {
	struct publisher_link *l = ((struct word *)message)->link;
	free(l);
	worker_release(from);
}

static void deliver_close(struct worker *home, struct message *message) {
	struct publisher_link *l = ((struct word *)message)->link;
	(void)home;
	l->deaf = true;
	l->intake.streams_ops->unpublish(&l->intake);
	l->closing.message.deliver = deliver_closed;
	worker_post(l->from, &l->closing.message);
}

void publisher_close(struct publisher *p) {
	struct publisher_link *l = p->link;
	if (!l)
		return;
	p->link = NULL;
	l->publisher = NULL;
	if (l->batch) { /* what was received is published, also when the encoder left in the same turn */
		list_remove(&l->send.node);
		on_send(&l->send);
	}
	l->closing.message.deliver = deliver_close;
	worker_post(l->home, &l->closing.message);
	metric_dec(M_PUBLISHERS);
}

static void deliver_verdict(struct worker *from, struct message *message) {
	struct word *word = (struct word *)message;
	struct publisher *p = word->link->publisher;
	(void)from;
	if (p && word->accepted) {
		p->ops->on_accepted(p, word->epoch);
	} else if (p) {
		publisher_close(p);
		(word->stopped ? p->ops->on_stopped : p->ops->on_refused)(p, word->refusal, word->why);
	}
	free(word);
}

static void deliver_open(struct worker *home, struct message *message) {
	struct word *word = (struct word *)message;
	struct publisher_link *l = word->link;
	free(word);
	l->intake.streams = home->streams;
	l->intake.streams_ops = streams_role_ops(home->streams);
	l->intake.last_sample_ms = worker_now_ms(home);
	if (worker_stopping(home))
		intake_refuse(&l->intake, PUBLISH_UNAVAILABLE, "the node is stopping");
	else
		l->intake.streams_ops->publish(&l->intake);
}

int publisher_open(struct publisher *p, struct worker *w, const struct publish_request *request,
                   const struct publisher_ops *ops) {
	if (worker_stopping(w))
		return UV_ECANCELED;
	struct publisher_link *l = calloc(1, sizeof *l);
	struct word *word = calloc(1, sizeof *word);
	if (!l || !word) {
		free(l);
		free(word);
		return UV_ENOMEM;
	}
	*p = (struct publisher){.link = l, .ops = ops};
	l->publisher = p;
	l->from = w;
	l->home = stream_home(w, &request->name);
	l->intake.request = *request;
	l->intake.link = l;
	l->closing.link = l;
	turn_task_init(&l->send, on_send);
	word->message.deliver = deliver_open;
	word->link = l;
	worker_hold(w);
	metric_inc(M_PUBLISHERS);
	worker_post(l->home, &word->message);
	return 0;
}

/* --- the home's side --- */

static void post_verdict(struct intake *i, const struct word *from) {
	struct word *word = malloc(sizeof *word);
	if (!word)
		return; /* the encoder's own time-out ends it */
	*word = *from;
	word->message.deliver = deliver_verdict;
	word->link = i->link;
	worker_post(i->link->from, &word->message);
}

void intake_accept(struct intake *i, uint64_t epoch) {
	i->accepted = true;
	post_verdict(i, &(struct word){.accepted = true, .epoch = epoch});
}

static void give_up(struct intake *i, bool stopped, enum publish_refusal refusal, const char *why) {
	if (i->link->deaf)
		return;
	i->link->deaf = true;
	struct word word = {.stopped = stopped, .refusal = refusal};
	snprintf(word.why, sizeof word.why, "%s", why);
	post_verdict(i, &word);
}

void intake_refuse(struct intake *i, enum publish_refusal refusal, const char *why) {
	give_up(i, false, refusal, why);
}

void intake_stop(struct intake *i, enum publish_refusal refusal, const char *why) {
	give_up(i, true, refusal, why);
}
