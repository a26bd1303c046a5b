#include "origin/standby.h"

void ingest_add_warning(struct ingest_warning *to, size_t *size, const char *what, uint64_t count) {
	for (size_t i = 0; i < *size; i++)
		if (to[i].what == what) {
			to[i].count += count;
			return;
		}
	if (*size < INGEST_WARNINGS_MAX)
		to[(*size)++] = (struct ingest_warning){.what = what, .count = count};
}

void ingest_describe(const struct stream *s, struct ingest_info *out) {
	const struct ingest *g = s->role;
	*out = (struct ingest_info){0};
	if (!g)
		return;
	out->replicas = g->replicas;
	out->counts = g->earlier;
	for (size_t i = 0; i < g->warning_count; i++)
		ingest_add_warning(out->warnings, &out->warning_count, g->warnings[i].what, g->warnings[i].count);
	if (g->timeline) {
		struct timeline_counts counts = timeline_counts(g->timeline);
		timeline_counts_add(&out->counts, &counts);
		const char *what;
		uint64_t count;
		for (size_t i = 0; (what = timeline_warning(g->timeline, i, &count)); i++)
			ingest_add_warning(out->warnings, &out->warning_count, what, count);
	}
	if (g->holder) {
		out->publisher = g->holder->request.remote;
		out->session = g->holder->request.session;
		out->protocol = g->holder->request.protocol;
	}
	if (g->standby)
		standby_describe(g->standby, &out->standby);
	out->backup = g->standby != NULL;
}
