/*
 * standby.h: a second encoder of a stream, held ready: ingest.second is backup. On the stream's home worker.
 *
 * There are two seats. The first publisher is the primary, the next one the backup; who comes when one of them has left
 * takes the empty seat. One of the two holds the stream, the other is the standby: accepted, compared (align.h), kept
 * for a few GOPs (shadow.h), and read by nobody.
 *
 * A switch comes when the holder leaves, is silent for ingest.stall, shows a frozen picture for ingest.frozen, by the
 * API, or back to the primary (ingest.failback). Aligned, it is a matter of whose frames are taken: the timeline goes
 * on and no reader can tell. Else the standby claims the name, and the stream goes on in a new epoch from its newest
 * keyframe.
 */
#pragma once

#include "origin/ingest_parts.h"
#include "origin/seat.h"
#include "origin/shadow.h"

enum standby_reason { STANDBY_LOST, STANDBY_STALLED, STANDBY_FROZEN, STANDBY_API, STANDBY_FAILBACK, STANDBY_REASONS };

/* NULL when memory is out. */
struct standby *standby_new(struct ingest *g);
void standby_free(struct standby **s);

/* A publisher comes while another has the name or is about to: held ready, or refused. */
void standby_offer(struct standby *s, struct intake *i);

/* A publisher that stood by elsewhere comes with what is kept of it, which is moved from: the standby, until its claim
 * is answered. There is none yet. */
void standby_adopt(struct standby *s, struct intake *i, struct seat *seat, struct shadow *shadow);

/* What was kept of the standby that has just been seated; moved from. */
void standby_keep(struct standby *s, struct seat *seat, struct shadow *shadow);

/* The standby goes, with what is kept of it. */
void standby_release(struct standby *s, struct seat *seat, struct shadow *shadow);

/* What a publisher sends: the holder's goes on into the stream. */
void standby_samples(struct standby *s, struct intake *i, const struct sample *samples, size_t count);

/* It went away. The holder (ingest->holder is NULL already): true if the standby goes on in its place, without a break.
 * False: the stream waits; a standby's claim follows. */
bool standby_left(struct standby *s, struct intake *i);

/* The holder goes on in a new epoch, which it has claimed for itself. */
void standby_renewed(struct standby *s);

/* The standby; NULL: there is none. */
struct intake *standby_next(struct standby *s);

/* A claim was refused: true if it was the standby's, which stays what it is. */
bool standby_refused(struct standby *s, const struct intake *i);

/* `i` has its claim and becomes the holder in place of `old` (NULL: none). True if `old` stays, as the standby. */
bool standby_claimed(struct standby *s, struct intake *i, struct intake *old);

/* The holder, who stood by at another origin, has its claim, and a copy of that origin's log is here: true if the
 * stream goes on in it without a break, for both encoders were aligned. The ingest has its timeline then. */
bool standby_carry_on(struct standby *s);

/* The holder's epoch has begun: what it sent while it was the standby goes first. */
void standby_began(struct standby *s);

/* The stream is over or goes on elsewhere: the standby is stopped. */
void standby_stop(struct standby *s, enum publish_refusal refusal, const char *why);

/* Switches now. 0; UV_ENOTSUP: there is no standby; UV_EBUSY: a switch is under way. `*aligned`: seamless, and done. */
int standby_switch(struct standby *s, enum standby_reason reason, bool *aligned);

/* The standby's own origin, where it has one, is to hold a copy of the stream (replicas.h). */
void standby_place_copy(const struct standby *s);

/* For the API. */
void standby_describe(const struct standby *s, struct standby_info *out);
