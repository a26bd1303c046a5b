#include "common/registry/takeover.h"

#include <string.h>

bool takeover_same_host(const char *a, const char *b) {
	const char *end_a = strrchr(a, ':'), *end_b = strrchr(b, ':');
	size_t na = end_a ? (size_t)(end_a - a) : strlen(a), nb = end_b ? (size_t)(end_b - b) : strlen(b);
	return na == nb && memcmp(a, b, na) == 0;
}

static bool may_take(const struct takeover_question *q, const char **why) {
	if (q->policy == TAKEOVER_REJECT) {
		*why = "the name is published already, and ingest.second is reject";
		return false;
	}
	if (q->holder_credential || q->newcomer_credential) {
		*why = "the name is published already, with another credential";
		return q->holder_credential && q->newcomer_credential &&
		       strcmp(q->holder_credential, q->newcomer_credential) == 0;
	}
	*why = "the name is published already from another address";
	return takeover_same_host(q->holder, q->newcomer) || q->silent_ms >= q->stall_ms;
}

enum takeover_verdict takeover_decide(struct takeover_history *h, const struct takeover_question *q, const char **why) {
	if (!may_take(q, why))
		return TAKEOVER_REFUSE;
	if (q->silent_ms >= q->stall_ms)
		return TAKEOVER_GRANT; /* nobody is there to fight with */
	*why = "too many takeovers in a short time: the holder stays";
	if (q->now_ms < h->held_until_ms)
		return TAKEOVER_REFUSE;
	uint64_t oldest = h->at_ms[h->next];
	if (oldest && q->now_ms - oldest < TAKEOVER_WINDOW_MS) {
		h->held_until_ms = q->now_ms + TAKEOVER_WINDOW_MS;
		return TAKEOVER_REFUSE_FIGHT;
	}
	h->at_ms[h->next] = q->now_ms ? q->now_ms : 1;
	h->next = (h->next + 1) % TAKEOVERS_MAX;
	return TAKEOVER_GRANT;
}
