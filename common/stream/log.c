#include "common/stream/log.h"

#include "common/base/metrics.h"
#include "common/stream/cursor.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { FIRST_CAPACITY = 64 };

static struct log_item *slot(const struct log *l, uint64_t position) {
	return &l->items[position & (l->capacity - 1)];
}

static uint64_t *key_slot(const struct log *l, uint64_t i) {
	return &l->keys[i & (l->key_capacity - 1)];
}

/* Each goes back to where it will wait next before it reads, for it may close itself, and be freed, while it does. */
static void wake_readers(struct turn_task *task) {
	struct log *l = list_entry(task, struct log, wake);
	struct list waiting;
	list_init(&waiting);
	list_splice(&waiting, &l->readers);
	while (!list_empty(&waiting)) {
		struct cursor *c = list_entry(waiting.next, struct cursor, node);
		list_remove(&c->node);
		cursor_wait(c);
		c->on_ready(c);
	}
}

static void tell_wait(struct log *l, bool waits) {
	if (l->on_wait)
		l->on_wait(l, waits);
}

static void on_pace_due(struct timer *t) {
	struct log *l = list_entry(t, struct log, pace.timer);
	tell_wait(l, false); /* what this appends is made ready before the flush, which is asked for after it */
	flush_ask(l);
}

void log_init(struct log *l, struct worker *w, struct log_limits limits) {
	*l = (struct log){.worker = w, .limits = limits};
	list_init(&l->readers);
	turn_task_init(&l->wake, wake_readers);
	list_init(&l->paced);
	flush_init(l);
	pace_init(&l->pace, w, on_pace_due);
	metric_inc(M_LOGS);
}

void log_set_pace(struct log *l, struct pace_rule rule) {
	l->pace.rule = rule;
}

static void drop_first(struct log *l) {
	struct log_item *item = slot(l, l->first);
	if (l->key_first < l->key_next && *key_slot(l, l->key_first) == l->first)
		l->key_first++;
	if (l->on_drop)
		l->on_drop(l, item);
	l->bytes -= item->size_bytes;
	metric_add(M_LOG_BYTES, -(int64_t)item->size_bytes);
	counted_unref(item->object);
	counted_unref(item->head);
	l->first++;
}

void log_fini(struct log *l) {
	assert(list_empty(&l->readers) && list_empty(&l->paced));
	list_remove(&l->wake.node);
	flush_fini(l);
	timer_stop(&l->pace.timer);
	while (l->first < l->next)
		drop_first(l);
	free(l->items);
	free(l->keys);
	metric_dec(M_LOGS);
}

static int grow_items(struct log *l) {
	size_t capacity = l->capacity ? 2 * l->capacity : FIRST_CAPACITY;
	struct log_item *items = calloc(capacity, sizeof *items);
	if (!items)
		return UV_ENOMEM;
	for (uint64_t p = l->first; p < l->next; p++)
		items[p & (capacity - 1)] = *slot(l, p);
	free(l->items);
	l->items = items;
	l->capacity = capacity;
	return 0;
}

static int grow_keys(struct log *l) {
	size_t capacity = l->key_capacity ? 2 * l->key_capacity : FIRST_CAPACITY;
	uint64_t *keys = calloc(capacity, sizeof *keys);
	if (!keys)
		return UV_ENOMEM;
	for (uint64_t i = l->key_first; i < l->key_next; i++)
		keys[i & (capacity - 1)] = *key_slot(l, i);
	free(l->keys);
	l->keys = keys;
	l->key_capacity = capacity;
	return 0;
}

/* True when the oldest item must go. */
static bool over_limit(const struct log *l) {
	if (l->next - l->first <= 1)
		return false;
	if (l->bytes > l->limits.bytes)
		return true;
	uint64_t newest;
	if (log_newest_key(l, &newest) && l->first >= newest)
		return false;
	return slot(l, l->next - 1)->time_us - slot(l, l->first)->time_us > l->limits.duration_us;
}

static void pace(struct log *l, const struct log_item *item) {
	bool waited = timer_running(&l->pace.timer);
	if (pace_item(&l->pace, item->size_bytes, item->flags & ITEM_END))
		flush_ask(l);
	else if (!waited)
		tell_wait(l, true);
}

int log_append(struct log *l, const struct log_item *item) {
	int err = l->next - l->first == l->capacity ? grow_items(l) : 0;
	if (!err && item->flags & ITEM_KEY && l->key_next - l->key_first == l->key_capacity)
		err = grow_keys(l);
	if (err) {
		counted_unref(item->object);
		counted_unref(item->head);
		return err;
	}
	if (item->flags & ITEM_KEY)
		*key_slot(l, l->key_next++) = l->next;
	*slot(l, l->next++) = *item;
	l->bytes += item->size_bytes;
	metric_add(M_LOG_BYTES, item->size_bytes);
	while (over_limit(l))
		drop_first(l);
	if (!list_empty(&l->readers))
		worker_at_turn_end(l->worker, &l->wake);
	if (!list_empty(&l->paced))
		pace(l, item);
	return 0;
}

const struct log_item *log_at(const struct log *l, uint64_t position) {
	assert(position >= l->first && position < l->next);
	return slot(l, position);
}

bool log_newest_key(const struct log *l, uint64_t *position) {
	if (l->key_first == l->key_next)
		return false;
	*position = *key_slot(l, l->key_next - 1);
	return true;
}

bool log_key_before(const struct log *l, int64_t history_us, uint64_t *position) {
	if (l->key_first == l->key_next)
		return false;
	int64_t until = slot(l, l->next - 1)->time_us - history_us;
	uint64_t i = l->key_next - 1;
	while (i > l->key_first && slot(l, *key_slot(l, i))->time_us > until)
		i--;
	*position = *key_slot(l, i);
	return true;
}

/* The first kept position whose (epoch, sequence) is above the given: they only grow along a log. */
static uint64_t first_above(const struct log *l, uint64_t epoch, uint64_t sequence) {
	uint64_t low = l->first, high = l->next;
	while (low < high) {
		uint64_t mid = low + (high - low) / 2;
		const struct log_item *item = slot(l, mid);
		if (item->epoch > epoch || (item->epoch == epoch && item->sequence > sequence))
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

bool log_after(const struct log *l, uint64_t epoch, uint64_t sequence, uint64_t *position) {
	uint64_t p = first_above(l, epoch, sequence);
	bool has_it = p > l->first && slot(l, p - 1)->epoch == epoch && slot(l, p - 1)->sequence == sequence;
	bool has_next = p < l->next && slot(l, p)->epoch == epoch && slot(l, p)->sequence == sequence + 1;
	if (!has_it && !has_next)
		return false;
	*position = p;
	return true;
}

bool log_is_before(const struct log *l, uint64_t epoch, uint64_t sequence) {
	if (l->next == l->first)
		return false;
	const struct log_item *newest = slot(l, l->next - 1);
	return newest->epoch < epoch || (newest->epoch == epoch && newest->sequence < sequence);
}

bool log_first_of_newer(const struct log *l, uint64_t epoch, uint64_t *position) {
	uint64_t p = first_above(l, epoch, UINT64_MAX);
	if (p == l->next)
		return false;
	*position = p;
	return true;
}
