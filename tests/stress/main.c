/*
 * main.c of stress: mailboxes, publishers, views and mirrors under all the races that four workers can make of them,
 * for ThreadSanitizer (which Criterion does not run under). On each worker an actor opens and closes readers of streams
 * at random; publishers come on any worker, send samples to the stream's home, leave, and come again elsewhere.
 *
 *     stress [SECONDS]
 *
 * Every reader must see (epoch, sequence) only grow. At the end nothing may be left. Exit status 0, or 1 and why.
 */
#include "common/base/metrics.h"
#include "common/stream/mirror.h"
#include "common/stream/publisher.h"
#include "common/stream/stream.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

enum { WORKERS = 4, READERS = 24, PUBLISHERS = 4, STREAMS = 6, STEP_MS = 1, GOP = 10, STOP_MS = 10000 };

struct actor;

struct reader {
	struct mirror_reader mirror;
	struct actor *actor;
	struct cursor cursor;
	uint64_t epoch, sequence;
	bool open;
};

struct uploader {
	struct publisher publisher;
	bool open, accepted;
	uint32_t sent;
};

struct actor {
	struct worker *worker;
	struct timer step;
	uint64_t seed;
	struct reader readers[READERS];
	struct uploader uploaders[PUBLISHERS];
};

/* A stream's source, at home. */
struct source {
	struct intake *intake;
	uint64_t epoch, sequence;
};

static struct actor actors[WORKERS];
static struct config *config;
static _Atomic uint64_t epochs = 1, frames, faults, refused;

static uint64_t next_random(struct actor *a) {
	a->seed ^= a->seed << 13;
	a->seed ^= a->seed >> 7;
	a->seed ^= a->seed << 17;
	return a->seed;
}

static struct stream_name name_of(uint64_t n) {
	struct stream_name name;
	snprintf(name.text, sizeof name.text, "live/s%u", (unsigned)(n % STREAMS));
	return name;
}

/* --- readers --- */

static void on_ready(struct cursor *c) {
	struct reader *r = list_entry(c, struct reader, cursor);
	const struct log_item *item;
	enum cursor_result result;
	while ((result = cursor_next(c, &item)) != CURSOR_EMPTY) {
		if (result == CURSOR_OVERRUN)
			continue;
		bool newer = item->epoch > r->epoch || (item->epoch == r->epoch && item->sequence > r->sequence);
		if (!newer)
			atomic_fetch_add(&faults, 1);
		r->epoch = item->epoch;
		r->sequence = item->sequence;
		atomic_fetch_add(&frames, 1);
		cursor_advance(c);
	}
}

static void on_log(struct mirror_reader *m, struct log *log, const struct mirror_info *info) {
	struct reader *r = list_entry(m, struct reader, mirror);
	(void)info;
	cursor_open(&r->cursor, log, CURSOR_NEWEST_KEY, 0, on_ready);
}

static void on_gone(struct mirror_reader *m, int reason) {
	struct reader *r = list_entry(m, struct reader, mirror);
	(void)reason;
	cursor_close(&r->cursor);
	r->open = false;
}

static const struct mirror_reader_ops reader_ops = {.on_log = on_log, .on_gone = on_gone};

static int render(struct view *v, const struct entry *e, struct bytes **block, struct bytes **head) {
	(void)v;
	if (e->kind != ENTRY_FRAME)
		return 0;
	*block = bytes_copy(e->frame.payload.data, e->frame.payload.size);
	if (e->frame.flags & FRAME_KEY)
		*head = bytes_copy("head", 4);
	return *block ? 0 : UV_ENOMEM;
}

static const struct view_ops form = {.name = "stress", .render = render};

static void close_reader(struct reader *r) {
	if (!r->open)
		return;
	cursor_close(&r->cursor);
	mirror_close(&r->mirror);
	r->open = false;
}

static void turn_reader(struct actor *a, struct reader *r) {
	if (r->open) {
		close_reader(r);
		return;
	}
	struct stream_name name = name_of(next_random(a));
	const struct view_ops *ops = next_random(a) & 1 ? &form : NULL;
	*r = (struct reader){.actor = a};
	r->open = mirror_open(&r->mirror, a->worker, &name, RENDITION_SOURCE, ops, next_random(a) & 1 ? MIRROR_WAIT : 0,
	                      &reader_ops) == 0;
}

/* --- publishers --- */

static struct uploader *uploader_of(struct publisher *p) {
	return list_entry(p, struct uploader, publisher);
}

static void on_accepted(struct publisher *p, uint64_t epoch) {
	(void)epoch;
	uploader_of(p)->accepted = true;
}

static void on_refused(struct publisher *p, enum publish_refusal refusal, const char *why) {
	(void)refusal;
	(void)why;
	uploader_of(p)->open = false;
	atomic_fetch_add(&refused, 1);
}

static void on_pressure(struct publisher *p, bool full) {
	(void)p;
	(void)full;
}

static const struct publisher_ops publisher_ops = {
    .on_accepted = on_accepted, .on_refused = on_refused, .on_stopped = on_refused, .on_pressure = on_pressure};

static void turn_uploader(struct actor *a, struct uploader *u) {
	if (!u->open) {
		struct publish_request request = {.name = name_of(next_random(a))};
		*u = (struct uploader){0};
		u->open = publisher_open(&u->publisher, a->worker, &request, &publisher_ops) == 0;
		return;
	}
	if (next_random(a) % 200 == 0) {
		publisher_close(&u->publisher);
		u->open = false;
		return;
	}
	struct bytes *block = u->accepted ? bytes_new(100) : NULL;
	if (!block)
		return;
	memset(block->data, (int)u->sent, block->size);
	struct sample s = {.type = SAMPLE_FRAME,
	                   .kind = TRACK_VIDEO,
	                   .keyframe = u->sent % GOP == 0,
	                   .timestamp_ms = u->sent,
	                   .block = block,
	                   .payload = bytes_slice(block)};
	u->sent++;
	publisher_sample(&u->publisher, &s);
	bytes_unref(&block);
}

/* --- the role, at a stream's home --- */

static void append(struct stream *s, struct entry *e) {
	struct source *from = s->role;
	struct rendition *r = stream_rendition_get(s, RENDITION_SOURCE);
	e->epoch = from->epoch;
	e->sequence = ++from->sequence;
	if (stream_append(r, e))
		atomic_fetch_add(&faults, 1);
}

static void append_mark(struct stream *s) {
	struct tracks *t = tracks_copy(NULL);
	t->revision = 1;
	t->run = 1;
	struct mark m = {.number = 1, .timescale = VIDEO_TIMESCALE, .tracks = t};
	append(s, entry_new_mark(&m, 0));
	tracks_unref(&t);
}

static void on_publish(struct intake *i) {
	struct stream *s = streams_get(streams_worker(i->streams), &i->request.name);
	if (!s) {
		intake_refuse(i, PUBLISH_UNAVAILABLE, "the node is stopping");
		return;
	}
	if (!s->role)
		s->role = calloc(1, sizeof(struct source));
	struct source *from = s->role;
	if (from->intake) {
		intake_refuse(i, PUBLISH_BAD_NAME, "taken");
		return;
	}
	from->intake = i;
	from->epoch = atomic_fetch_add(&epochs, 1);
	from->sequence = 0;
	i->role = s;
	append_mark(s);
	intake_accept(i, from->epoch);
}

static void on_samples(struct intake *i, const struct sample *samples, size_t count) {
	struct stream *s = i->role;
	for (size_t k = 0; s && k < count; k++) {
		const struct sample *p = &samples[k];
		struct frame f = {.track = 1,
		                  .kind = p->kind,
		                  .flags = p->keyframe ? FRAME_KEY : 0,
		                  .dts = p->timestamp_ms,
		                  .pts = p->timestamp_ms,
		                  .block = p->block,
		                  .payload = p->payload};
		append(s, entry_new_frame(&f, (int64_t)p->timestamp_ms * 1000));
	}
}

/* Some streams end with their publisher, the others wait for the next. */
static void on_unpublish(struct intake *i) {
	struct stream *s = i->role;
	if (!s)
		return;
	struct source *from = s->role;
	from->intake = NULL;
	if (from->epoch % 2)
		stream_end(s, "the publisher left");
	else
		stream_waiting(s);
}

static void on_ended(struct stream *s) {
	struct source *from = s->role;
	s->role = NULL;
	if (from && from->intake)
		from->intake->role = NULL;
	free(from);
}

static void on_unwanted(struct stream *s) {
	if (s->phase == STREAM_PENDING && !s->role)
		stream_end(s, "nobody");
}

static const struct streams_ops role = {.unwanted = on_unwanted,
                                        .ended = on_ended,
                                        .publish = on_publish,
                                        .samples = on_samples,
                                        .unpublish = on_unpublish};

/* --- workers --- */

static void on_step(struct timer *t) {
	struct actor *a = list_entry(t, struct actor, step);
	for (int i = 0; i < PUBLISHERS; i++)
		turn_uploader(a, &a->uploaders[i]);
	turn_reader(a, &a->readers[next_random(a) % READERS]);
	timer_start(t, STEP_MS);
}

static int start(struct worker *w, void *context) {
	struct actor *a = &actors[w->index];
	(void)context;
	*a = (struct actor){.worker = w, .seed = 88172645463325252u + w->index};
	timer_init(&a->step, w, on_step);
	int err = streams_init(w, config, &role, NULL);
	return err ? err : timer_start(&a->step, STEP_MS);
}

static void stop(struct worker *w, void *context) {
	struct actor *a = &actors[w->index];
	(void)context;
	timer_stop(&a->step);
	for (int i = 0; i < READERS; i++)
		close_reader(&a->readers[i]);
	for (int i = 0; i < PUBLISHERS; i++)
		if (a->uploaders[i].open)
			publisher_close(&a->uploaders[i].publisher);
	streams_stop(w);
}

static void fini(struct worker *w, void *context) {
	(void)context;
	streams_fini(w);
}

static const struct worker_hooks hooks = {.start = start, .stop = stop, .fini = fini};

static int fail(const char *why) {
	fprintf(stderr, "stress: %s\n", why);
	return 1;
}

int main(int argc, char **argv) {
	struct workers *group;
	struct buffer why;
	buffer_init(&why, 0);
	int seconds = argc > 1 ? atoi(argv[1]) : 5;
	if (config_parse(&config, CONFIG_EDGE, &(struct config_sources){0}, &why))
		return fail("no configuration");
	if (workers_start(&group, WORKERS, &hooks, NULL))
		return fail("the workers do not start");
	nanosleep(&(struct timespec){.tv_sec = seconds}, NULL);
	if (workers_stop(&group, STOP_MS))
		return fail("something did not let go");
	printf("stress: %llu items read, %llu epochs, %llu publishers refused\n", (unsigned long long)frames,
	       (unsigned long long)epochs, (unsigned long long)refused);
	bool left = metric_value(M_STREAMS) || metric_value(M_LOGS) || metric_value(M_LOG_BYTES);
	config_free(&config);
	buffer_fini(&why);
	if (faults)
		return fail("a reader saw what was not newer, or an append failed");
	return left ? fail("streams or logs are left over") : frames ? 0 : fail("nothing was read");
}
