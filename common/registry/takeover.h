/*
 * takeover.h: who may take a live name. Pure; the rules of a second publisher.
 *
 * takeover: the newest publisher wins if it shows the holder's own credential; where none are configured, if it comes
 * from the holder's address or the holder has been silent for ingest.stall. More than TAKEOVERS_MAX takeovers within
 * TAKEOVER_WINDOW_MS, of holders that were not silent: two encoders fight, and the holder stays for as long. reject:
 * the holder stays.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { TAKEOVERS_MAX = 3, TAKEOVER_WINDOW_MS = 30000 };

enum takeover_policy { TAKEOVER_NEWEST, TAKEOVER_REJECT }; /* the choices of ingest.second */

/* The takeovers of one name. */
struct takeover_history {
	uint64_t at_ms[TAKEOVERS_MAX]; /* the newest that count; 0: none */
	unsigned next;
	uint64_t held_until_ms; /* the holder stays */
};

struct takeover_question {
	enum takeover_policy policy;
	const char *holder, *newcomer;                       /* addresses with port; the port does not count */
	const char *holder_credential, *newcomer_credential; /* both NULL where none are configured */
	uint64_t silent_ms, stall_ms;
	uint64_t now_ms;
};

enum takeover_verdict { TAKEOVER_GRANT, TAKEOVER_REFUSE, TAKEOVER_REFUSE_FIGHT };

/* Two addresses are of one host; their ports do not count. */
bool takeover_same_host(const char *a, const char *b);

/* A grant is noted in the history. `*why` is set for a refusal. */
enum takeover_verdict takeover_decide(struct takeover_history *h, const struct takeover_question *q, const char **why);
