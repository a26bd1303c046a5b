#include "common/base/clock.h"
#include "common/base/logger.h"
#include "common/stream/marker.h"
#include "origin/replicas.h"
#include "origin/standby.h"

#include <uv.h>

/* An edge has followed the stream elsewhere, or before the map forgot: what it shows must not come again. No number can
 * be ahead of the clock that seeds them by more than clocks differ. */
void ingest_told_number(struct stream *s, uint64_t epoch, uint64_t number) {
	enum { CLOCKS_DIFFER_S = 24 * 3600 };
	struct ingest *g = s->role;
	if ((g ? epoch == g->epoch : !s->replica) || number < s->segment_number)
		return;
	if (number > marker_first_number(clock_wall_us() + CLOCKS_DIFFER_S * 1000000LL)) {
		log_peer_warn("an edge has an impossible segment number; it is not followed", log_str("stream", s->name.text),
		              log_u64("number", number));
		return;
	}
	if (!g) { /* a copy: for when it is taken over */
		s->told_number = number > s->told_number ? number : s->told_number;
		return;
	}
	if (timeline_run_pass_number(&g->run, number) && g->epoch)
		log_warn("segment numbers jump: an edge has newer ones", log_str("stream", s->name.text),
		         log_u64("epoch", g->epoch), log_u64("number", number));
}

void ingest_lost(struct worker *w, const struct stream_name *name, uint64_t epoch, const char *holder) {
	struct stream *s = streams_find(w, name);
	struct ingest *g = s ? s->role : NULL;
	if (!g || g->epoch != epoch)
		return;
	/* With a backup it stands by there when it comes again. */
	enum publish_refusal refusal = g->standby ? PUBLISH_ELSEWHERE : PUBLISH_REPLACED;
	log_info("stream goes on at another origin", log_str("stream", name->text), log_u64("run", g->run.run),
	         log_u64("epoch", epoch), log_str("origin", holder));
	if (g->holder) {
		g->holder->role = NULL;
		intake_stop(g->holder, refusal, "another publisher took the name, at another origin");
		g->holder = NULL;
	}
	if (g->standby)
		standby_stop(g->standby, refusal, "another publisher took the name, at another origin");
	stream_withdraw(s);
}

void ingest_newer(struct worker *w, const struct stream_name *name, uint64_t epoch, const char *holder) {
	const struct stream *s = streams_find(w, name);
	const struct ingest *g = s ? s->role : NULL;
	if (!g || !g->epoch || epoch <= g->epoch)
		return;
	registry_yield(g->origin->registry, name, g->epoch);
	ingest_lost(w, name, g->epoch, holder);
}

bool ingest_owns(struct worker *w, const struct stream_name *name) {
	const struct stream *s = streams_find(w, name);
	const struct ingest *g = s ? s->role : NULL;
	return g && g->epoch;
}

void ingest_replicated(struct worker *w, const struct stream_name *name, const char *node, uint64_t epoch, bool held,
                       const char *why) {
	const struct stream *s = streams_find(w, name);
	const struct ingest *g = s ? s->role : NULL;
	if (g && g->replicas)
		replicas_told(g->replicas, node, epoch, held, why);
}

int ingest_switch(struct worker *home, const struct stream_name *name, bool *aligned) {
	struct stream *s = streams_find(home, name);
	struct ingest *g = s ? s->role : NULL;
	if (!g)
		return UV_ENOENT;
	return g->standby ? standby_switch(g->standby, STANDBY_API, aligned) : UV_ENOTSUP;
}
