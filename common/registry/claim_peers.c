/*
 * claim_peers.c: a claim where no map can be asked. The linked nodes may know the name: its epoch, so that ours is
 * above it, and its run, which goes on here; and whether it is live there, for who may not take it: who holds a copy of
 * a dead origin's stream says that it waits, and that it is live as long as it hears that origin.
 */
#include "common/registry/registry_parts.h"

static void on_answer(void *context, const struct registry_location *l) {
	struct claiming *c = context;
	struct registry *r = c->registry;
	if (r->stopped)
		return;
	if (l->found)
		registry_note_epoch(r->shared, l->epoch);
	if (l->state && !l->state->waiting && c->policy == TAKEOVER_REJECT) {
		claim_answer(c, 0, NULL,
		             c->gone_epoch ? "its origin is there, says another one"
		                           : "the name is published at another origin, and ingest.second is reject");
		return;
	}
	claim_locally(r, c, l->found ? l->state : NULL);
}

void claim_by_peers(struct registry *r, struct claiming *c) {
	if (r->role.ask && !c->held && (!c->gone_epoch || c->gone_sure))
		r->role.ask(r->role.context, &c->name, on_answer, c);
	else
		claim_locally(r, c, NULL);
}
