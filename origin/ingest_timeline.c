#include "origin/ingest_parts.h"

#include "common/base/clock.h"
#include "common/base/logger.h"

#include <uv.h>

/* --- what the timeline says --- */

void ingest_tell_registry(struct ingest *g) {
	struct registry_state state = {.run = g->run.run,
	                               .epoch = g->epoch,
	                               .number = g->stream->segment_number,
	                               .wall_us = clock_wall_us(),
	                               .highest_us = g->run.highest_us,
	                               .base_us = g->run.base_us,
	                               .discontinuity = g->run.discontinuity,
	                               .target_ms = g->run.target_ms,
	                               .track = g->run.next_track,
	                               .waiting = ingest_waits(g),
	                               .filled = ingest_waits(g) && g->holder};
	registry_progress(g->origin->registry, &g->stream->name, &state);
}

static void on_entry(void *context, struct entry *e) {
	struct ingest *g = context;
	struct rendition *r = stream_rendition_get(g->stream, RENDITION_SOURCE);
	bool mark = e->kind == ENTRY_MARK;
	int err = UV_ENOMEM;
	if (r)
		err = stream_append(r, e);
	else
		entry_unref(&e);
	if (err)
		g->stream->lost++;
	if (mark && !err)
		ingest_tell_registry(g);
}

static void on_warning(void *context, const char *what) {
	struct ingest *g = context;
	log_warn(what, log_str("stream", g->stream->name.text), log_u64("run", g->run.run), log_u64("epoch", g->epoch),
	         log_str("session", g->holder ? g->holder->request.session : NULL));
}

/* Of an epoch that ends. */
static void keep_warnings(struct ingest *g) {
	const char *what;
	uint64_t count;
	for (size_t i = 0; (what = timeline_warning(g->timeline, i, &count)); i++)
		ingest_add_warning(g->warnings, &g->warning_count, what, count);
}

static const struct timeline_ops timeline_ops = {.on_entry = on_entry, .on_warning = on_warning};

/* --- its life --- */

void ingest_close_timeline(struct ingest *g) {
	if (!g->timeline)
		return;
	timeline_flush(g->timeline);
	struct timeline_counts counts = timeline_counts(g->timeline);
	timeline_counts_add(&g->earlier, &counts);
	keep_warnings(g);
	timeline_free(&g->timeline);
}

int ingest_begin_epoch(struct ingest *g, uint64_t epoch) {
	g->epoch = g->stream->epoch = epoch; /* from now on nothing older is appended */
	g->timeline = timeline_new(g->stream->config, epoch, &g->run, &timeline_ops, g);
	return g->timeline ? 0 : UV_ENOMEM;
}

bool ingest_adopt_timeline(struct ingest *g, const struct timeline_legacy *legacy) {
	g->timeline = timeline_adopt(g->stream->config, g->epoch, &g->run, legacy, &timeline_ops, g);
	return g->timeline;
}
