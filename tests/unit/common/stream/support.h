/*
 * support.h: small makers for tests of common/stream, and a worker without a thread whose turns the test ends itself.
 */
#pragma once

#include "common/stream/cursor.h"
#include "common/stream/entry.h"
#include "common/stream/log.h"
#include "common/stream/tracks.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* Enough of a worker for logs and cursors: turn tasks, and no loop. */
static inline struct worker *still_worker_new(void) {
	struct worker *w = calloc(1, sizeof *w);
	list_init(&w->turn_tasks);
	list_init(&w->next_turn_tasks);
	return w;
}

static inline void still_worker_tasks(struct worker *w) {
	while (!list_empty(&w->turn_tasks)) {
		struct turn_task *task = list_entry(w->turn_tasks.next, struct turn_task, node);
		list_remove(&task->node);
		task->run(task);
	}
}

/* What asked for the next turn in the one before is behind the turn's other tasks. */
static inline void still_worker_turn(struct worker *w) {
	still_worker_tasks(w);
	list_splice(&w->turn_tasks, &w->next_turn_tasks);
	still_worker_tasks(w);
}

/* And its timers: a loop that does not run, whose clock the test moves. */
static inline void still_worker_clock_init(struct worker *w) {
	cr_assert_eq(uv_loop_init(&w->loop), 0);
	uv_timer_init(&w->loop, &w->timer_handle);
	uv_idle_init(&w->loop, &w->again);
	w->loop.time = 1000000;
}

static inline void still_worker_clock_fini(struct worker *w) {
	uv_close((uv_handle_t *)&w->timer_handle, NULL);
	uv_close((uv_handle_t *)&w->again, NULL);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	cr_assert_eq(uv_loop_close(&w->loop), 0);
	free(w->timers.items);
}

/* `ms` pass: each timer that comes due runs, and its turn ends. */
static inline void still_worker_pass(struct worker *w, uint64_t ms) {
	for (uint64_t until = w->loop.time + ms; w->loop.time < until;) {
		w->loop.time++;
		while (w->timers.count && w->timers.items[0].at_ms <= w->loop.time)
			timer_heap_run(&w->timers, w->loop.time);
		still_worker_turn(w);
	}
}

static inline struct log_item item_at(int64_t ms, uint32_t flags, uint64_t sequence, uint32_t size) {
	struct bytes *b = bytes_new(4);
	return (struct log_item){.object = &b->counted,
	                         .epoch = 1,
	                         .sequence = sequence,
	                         .time_us = ms * 1000,
	                         .flags = flags,
	                         .size_bytes = size};
}

static inline struct entry *video_frame(uint64_t epoch, uint64_t sequence, int64_t ms, bool key) {
	static const uint8_t payload[] = {0, 0, 0, 1, 0x65};
	struct bytes *b = bytes_copy(payload, sizeof payload);
	struct frame f = {.track = 1,
	                  .kind = TRACK_VIDEO,
	                  .fourcc = FOURCC_AVC,
	                  .flags = key ? FRAME_KEY : 0,
	                  .dts = ms * 90,
	                  .pts = ms * 90,
	                  .block = b,
	                  .payload = bytes_slice(b)};
	struct entry *e = entry_new_frame(&f, ms * 1000);
	bytes_unref(&b);
	e->epoch = epoch;
	e->sequence = sequence;
	return e;
}

static inline struct tracks *one_video_track(uint64_t run) {
	struct tracks *t = tracks_copy(NULL);
	t->revision = 1;
	t->run = run;
	t->count = 1;
	t->items[0] = (struct track){.id = 1,
	                             .name = "v",
	                             .kind = TRACK_VIDEO,
	                             .fourcc = FOURCC_AVC,
	                             .rendition = "source",
	                             .timescale = VIDEO_TIMESCALE,
	                             .config = bytes_copy("config", 6)};
	return t;
}

static inline struct entry *mark_of(uint64_t epoch, uint64_t sequence, int64_t ms, uint64_t number) {
	struct tracks *t = one_video_track(epoch);
	struct mark m = {.number = number, .start = ms * 90, .timescale = VIDEO_TIMESCALE, .tracks = t};
	struct entry *e = entry_new_mark(&m, ms * 1000);
	tracks_unref(&t);
	e->epoch = epoch;
	e->sequence = sequence;
	return e;
}
