#include "common/package/runs.h"

#include <stdlib.h>

static void destroy(struct counted *c) {
	struct runs *r = (struct runs *)c;
	for (size_t i = 0; i < r->count; i++)
		bytes_unref(&r->items[i].owner);
	free(r);
}

static struct runs *alloc(size_t count) {
	struct runs *r = malloc(sizeof *r + count * sizeof *r->items);
	if (!r)
		return NULL;
	counted_init(&r->counted, destroy);
	r->size = r->count = 0;
	return r;
}

static void append(struct runs *r, const struct conn_slice *items, size_t count) {
	for (size_t i = 0; i < count; i++) {
		r->items[r->count] = items[i];
		bytes_ref(items[i].owner);
		r->count++;
		r->size += items[i].size;
	}
}

struct runs *runs_new(const struct conn_slice *items, size_t count) {
	struct runs *r = alloc(count);
	if (r)
		append(r, items, count);
	return r;
}

struct runs *runs_join(struct runs *const *parts, size_t count) {
	size_t all = 0;
	for (size_t i = 0; i < count; i++)
		all += parts[i]->count;
	struct runs *r = alloc(all);
	for (size_t i = 0; r && i < count; i++)
		append(r, parts[i]->items, parts[i]->count);
	return r;
}
