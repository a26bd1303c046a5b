/*
 * standby_parts.h: a standby's parts. Internal: standby.c (seats, what publishers send), standby_switch.c (when and how
 * the stream changes to the other), standby_carry.c (going on where the log of an origin ends that is gone).
 */
#pragma once

#include "origin/seat.h"
#include "origin/shadow.h"
#include "origin/standby.h"

enum { PRIMARY, BACKUP };

/*
 *   active seat | other | what it is
 *   empty       | empty | nobody has come yet, or all have left
 *   taken       | empty | a holder alone
 *   taken       | taken | a holder and a standby
 *   empty       | taken | the first publish's claim is awaited; or the holder has left, and the standby's claim is
 */
struct standby {
	struct ingest *ingest;
	struct seat seats[2]; /* also the sides of `align`, */
	struct align align;   /* whose active side is the holder's seat */
	struct shadow shadow; /* of the other */
	struct shadow replay; /* of who has just become the holder by its claim */
	bool begun;           /* the two are being compared */
	bool told_aligned;    /* by the metric and the log */
	bool by_hand;         /* the last switch was the API's: no failback before the next */
	bool torn;      /* what the holder sends does not fit to what the stream has: nothing goes in before a new epoch */
	bool switching; /* the standby's claim is to be made, or awaited, */
	enum standby_reason reason;
	bool adopted; /* it stood by at another origin before, */
	bool carried; /* whose log goes on here: `replay` has places in `align` */
	struct timer check;
};

static inline struct seat *standby_held(const struct standby *s) {
	return (struct seat *)&s->seats[s->align.active];
}

static inline struct seat *standby_other(const struct standby *s) {
	return (struct seat *)&s->seats[!s->align.active];
}

/* The standby can go on where the holder is. */
static inline bool standby_aligned(const struct standby *s) {
	return standby_other(s)->intake && s->begun && align_is(&s->align);
}

static inline const struct config_app *standby_config(const struct standby *s) {
	return s->ingest->stream->config;
}

/* Tells of one of the two in the log. */
void standby_log(const struct standby *s, const char *what, const struct intake *i, const char *why);

/* The metrics and the log follow. */
void standby_note_aligned(struct standby *s);

/* What the stream lacks of the active side, in the order in which it came: each frame once, and what came among them.
 */
void standby_push_lacking(struct standby *s, const struct shadow *from);

/* Looks after the two from now on, while there is a standby. */
void standby_watch(struct standby *s);
void standby_on_check(struct timer *t);

/* Its seat is empty from now on; the intake is the caller's. */
void standby_empty(struct standby *s, struct seat *seat);
