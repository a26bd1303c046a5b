#include "common/control/gather.h"

#include <stdlib.h>
#include <uv.h>

struct part {
	struct message message;
	struct gathering *whole;
	struct worker *asked;
	struct bytes *text;
};

struct gathering {
	struct worker *asker;
	gather_collect_fn collect;
	gather_done_fn done;
	void *context;
	unsigned count, back;
	struct part parts[];
};

static void deliver_part(struct worker *asker, struct message *message) {
	struct gathering *g = ((struct part *)message)->whole;
	struct slice slices[WORKERS_MAX];
	(void)asker;
	if (++g->back < g->count)
		return;
	for (unsigned i = 0; i < g->count; i++)
		slices[i] = g->parts[i].text ? bytes_slice(g->parts[i].text) : (struct slice){0};
	g->done(g->context, slices, g->count);
	for (unsigned i = 0; i < g->count; i++)
		bytes_unref(&g->parts[i].text);
	free(g);
}

static void deliver_question(struct worker *w, struct message *message) {
	struct part *p = (struct part *)message;
	struct buffer text;
	buffer_init(&text, 0);
	p->whole->collect(w, p->whole->context, &text);
	p->text = buffer_take(&text);
	buffer_fini(&text);
	p->message.deliver = deliver_part;
	worker_post(p->whole->asker, &p->message);
}

int gather(struct worker *w, gather_collect_fn collect, gather_done_fn done, void *context) {
	unsigned count = workers_count(w->group);
	struct gathering *g = calloc(1, sizeof *g + count * sizeof *g->parts);
	if (!g)
		return UV_ENOMEM;
	*g = (struct gathering){.asker = w, .collect = collect, .done = done, .context = context, .count = count};
	for (unsigned i = 0; i < count; i++) {
		g->parts[i] = (struct part){.message.deliver = deliver_question, .whole = g, .asked = workers_at(w->group, i)};
		worker_post(g->parts[i].asked, &g->parts[i].message);
	}
	return 0;
}
