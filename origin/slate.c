#include "origin/slate.h"

#include "common/base/logger.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

enum { AGAIN_MS = 500 };

static struct slate *slate_of(struct publisher *p) {
	return list_entry(p, struct slate, publisher);
}

static void arm_timer(struct slate *s, uint64_t delay_ms) {
	if (timer_start(&s->timer, delay_ms) == 0)
		return;
	log_error("the slate stops: out of memory", log_str("stream", s->name.text));
	slate_disarm(s);
}

/* --- playing --- */

static uint64_t due_us(const struct slate *s) {
	return slate_file_lap_us(s->file, s->lap) + (uint64_t)s->file->samples[s->next].timestamp_ms * 1000;
}

/* Metadata is told once; configurations, as encoders tell them again, need no look whether they have changed. */
static int send_next(struct slate *s) {
	struct sample sample = s->file->samples[s->next];
	uint64_t us = due_us(s);
	sample.timestamp_ms = (uint32_t)(us / 1000);
	sample.nano_offset = (uint32_t)(us % 1000) * 1000;
	int err = s->lap && sample.type == SAMPLE_METADATA ? 0 : publisher_sample(&s->publisher, &sample);
	if (++s->next == s->file->count) {
		s->next = 0;
		s->lap++;
	}
	return err;
}

static void play(struct slate *s) {
	uint64_t passed_us = (worker_now_ms(s->worker) - s->began_ms) * 1000;
	while (due_us(s) <= passed_us)
		if (send_next(s)) {
			log_error("the slate stops: out of memory", log_str("stream", s->name.text));
			slate_disarm(s);
			return;
		}
	arm_timer(s, (due_us(s) - passed_us + 999) / 1000);
}

/* --- the home's answers --- */

static void on_accepted(struct publisher *p, uint64_t epoch) {
	struct slate *s = slate_of(p);
	s->phase = SLATE_PLAYING;
	s->began_ms = worker_now_ms(s->worker);
	s->lap = s->next = 0;
	log_info("the slate fills the gap", log_str("stream", s->name.text), log_u64("epoch", epoch),
	         log_str("file", s->file->path), log_str("session", s->session));
	play(s);
}

/* As long as the stream waits it is tried again: what stands against it may pass. */
static void on_refused(struct publisher *p, enum publish_refusal refusal, const char *why) {
	struct slate *s = slate_of(p);
	(void)refusal;
	log_info("the slate may not fill the gap", log_str("stream", s->name.text), log_str("reason", why));
	s->phase = SLATE_ARMED;
	arm_timer(s, AGAIN_MS);
}

static void on_stopped(struct publisher *p, enum publish_refusal refusal, const char *why) {
	struct slate *s = slate_of(p);
	(void)refusal;
	log_info("the slate ends", log_str("stream", s->name.text), log_str("session", s->session), log_str("reason", why));
	timer_stop(&s->timer);
	s->phase = SLATE_IDLE;
}

/* What it sends is taken in the same turn: there is no pressure. */
static const struct publisher_ops publisher_ops = {
    .on_accepted = on_accepted, .on_refused = on_refused, .on_stopped = on_stopped};

static void ask(struct slate *s) {
	struct publish_request request = {.name = s->name, .protocol = SLATE_PROTOCOL};
	random_id(s->session);
	snprintf(request.session, sizeof request.session, "%s", s->session);
	s->phase = SLATE_ASKING;
	if (publisher_open(&s->publisher, s->worker, &request, &publisher_ops) == 0)
		return;
	s->phase = SLATE_ARMED; /* the node stops, and this with it; or it is tried again */
	arm_timer(s, AGAIN_MS);
}

static void on_timer(struct timer *t) {
	struct slate *s = list_entry(t, struct slate, timer);
	if (s->phase == SLATE_ARMED)
		ask(s);
	else
		play(s);
}

/* --- life --- */

void slate_init(struct slate *s, struct worker *w, const struct slate_file *file, const struct stream_name *name,
                const struct config_app *config) {
	*s = (struct slate){.worker = w, .file = file, .name = *name, .config = config};
	timer_init(&s->timer, w, on_timer);
}

void slate_arm(struct slate *s) {
	if (!s->file || s->phase != SLATE_IDLE || worker_stopping(s->worker))
		return;
	s->phase = SLATE_ARMED;
	arm_timer(s, (uint64_t)s->config->stream_slate_after);
}

void slate_begin(struct slate *s) {
	if (s->file && s->phase == SLATE_IDLE)
		ask(s);
}

void slate_disarm(struct slate *s) {
	if (s->phase == SLATE_PLAYING)
		log_info("the slate ends", log_str("stream", s->name.text), log_str("session", s->session));
	timer_stop(&s->timer);
	publisher_close(&s->publisher);
	s->phase = SLATE_IDLE;
}

bool slate_is(const struct slate *s, const struct intake *i) {
	return i && *s->session && strcmp(i->request.session, s->session) == 0;
}
