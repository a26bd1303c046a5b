#include "common/stream/align.h"

#include "common/stream/lane.h"

#include <stdlib.h>
#include <uv.h>

/* Encoders have a frame or two within ALIGN_SLACK_US; a peer may have given all of its frames one time. */
enum {
	FRAME_LOOKS = 64,    /* frames that one that came is compared with */
	SEARCH_LOOKS = 4096, /* and all there are, when keyframes were paired */
};

static const char TOO_FEW[] = "too few keyframes have matched so far";
static const char APART[] = "the two are too far apart in time";
static const char TOO_MANY[] = "they have too many tracks to compare";

int64_t align_clock_us(struct align_clock *c, uint32_t timestamp_ms) {
	c->ms = c->begun ? c->ms + lane_step_ms(c->last_ms, timestamp_ms) : timestamp_ms;
	c->begun = true;
	c->last_ms = timestamp_ms;
	return c->ms * 1000;
}

/* --- queues --- */

static struct align_fact *fact_at(const struct align_queue *q, uint64_t nth) {
	return &q->ring[nth & (q->capacity - 1)];
}

static bool has(const struct align_queue *q, uint64_t nth) {
	return nth >= q->first && nth < q->next;
}

static int grow(struct align_queue *q) {
	enum { FIRST_CAPACITY = 64 };
	size_t capacity = q->capacity ? 2 * q->capacity : FIRST_CAPACITY;
	struct align_fact *ring = calloc(capacity, sizeof *ring);
	if (!ring)
		return UV_ENOMEM;
	for (uint64_t n = q->first; n < q->next; n++)
		ring[n & (capacity - 1)] = *fact_at(q, n);
	free(q->ring);
	q->ring = ring;
	q->capacity = capacity;
	return 0;
}

static int append(struct align_queue *q, const struct align_frame *f) {
	if (q->next - q->first == q->capacity && grow(q))
		return UV_ENOMEM;
	*fact_at(q, q->next++) = (struct align_fact){.hash = f->hash ? f->hash : bytes_hash(f->payload),
	                                             .config = f->config,
	                                             .size = (uint32_t)f->payload.size,
	                                             .key = f->key,
	                                             .time_us = f->time_us,
	                                             .wall_us = f->wall_us};
	return 0;
}

/* --- life --- */

void align_init(struct align *a, unsigned active) {
	*a = (struct align){.active = active, .why_not = TOO_FEW};
}

void align_fini(struct align *a) {
	for (unsigned i = 0; i < a->track_count; i++)
		for (unsigned side = 0; side < 2; side++)
			free(a->tracks[i].sides[side].ring);
	a->track_count = 0;
}

bool align_behind(const struct align *a) {
	for (unsigned i = 0; i < a->track_count; i++) {
		const struct align_track *t = &a->tracks[i];
		if (t->locked && t->sides[a->active].next < t->taken[a->active])
			return true;
	}
	return false;
}

/* Not in step any more; the frames of both stay, for the next pair to be found among them. */
static void unlock(struct align *a, const char *why) {
	a->torn |= align_behind(a);
	a->paired = false;
	a->keys = 0;
	a->why_not = why;
	for (unsigned i = 0; i < a->track_count; i++)
		a->tracks[i].locked = a->tracks[i].searched = false;
}

void align_reset(struct align *a, const char *why) {
	unlock(a, why);
	a->torn = a->full = false;
	for (unsigned i = 0; i < a->track_count; i++)
		for (unsigned side = 0; side < 2; side++)
			a->tracks[i].sides[side].first = a->tracks[i].taken[side] = a->tracks[i].sides[side].next;
}

static bool has_frames(const struct align_queue *q) {
	return q->next > q->first;
}

/* False: no side has sent it since the beginning, or since they were reset. */
static bool is_sent(const struct align_track *t) {
	return has_frames(&t->sides[0]) || has_frames(&t->sides[1]);
}

/* The first video, else the first audio that has come. */
static struct align_track *key_track(struct align *a) {
	struct align_track *key = NULL;
	for (unsigned i = 0; i < a->track_count; i++) {
		struct align_track *t = &a->tracks[i];
		if (!is_sent(t))
			continue;
		if (!key || t->kind < key->kind || (t->kind == key->kind && t->publisher_track < key->publisher_track))
			key = t;
	}
	return key;
}

/* A slot that nobody uses any more goes on counting: places of before are done with. */
static struct align_track *track_add(struct align *a) {
	if (a->track_count < ALIGN_TRACKS_MAX)
		return &a->tracks[a->track_count++];
	for (unsigned i = 0; i < a->track_count; i++)
		if (!is_sent(&a->tracks[i]))
			return &a->tracks[i];
	return NULL;
}

static struct align_track *track_get(struct align *a, const struct align_frame *f) {
	for (unsigned i = 0; i < a->track_count; i++)
		if (a->tracks[i].kind == f->kind && a->tracks[i].publisher_track == f->publisher_track)
			return &a->tracks[i];
	struct align_track *t = track_add(a);
	if (t) {
		t->kind = f->kind;
		t->publisher_track = f->publisher_track;
	}
	return t;
}

/* --- places --- */

bool align_lacks(const struct align *a, unsigned side, const struct align_place *place) {
	if (place->track >= a->track_count)
		return true;
	const struct align_track *t = &a->tracks[place->track];
	return !t->locked || place->nth >= t->taken[side];
}

/* Both sides' next frame, by that of one. */
static void set_taken(struct align_track *t, unsigned side, uint64_t nth) {
	t->taken[side] = nth;
	if (t->locked)
		t->taken[!side] = (uint64_t)((int64_t)nth + (side ? -t->shift : t->shift));
}

bool align_take(struct align *a, unsigned side, const struct align_place *place) {
	if (!align_lacks(a, side, place))
		return false;
	if (place->track < a->track_count)
		set_taken(&a->tracks[place->track], side, place->nth + 1);
	return true;
}

bool align_torn(const struct align *a) {
	return a->torn;
}

void align_switch(struct align *a) {
	a->active = !a->active;
}

static unsigned keys_wanted(const struct align *a) {
	const struct align_track *key = key_track((struct align *)a);
	return key && key->kind == TRACK_VIDEO ? ALIGN_KEYS : ALIGN_SOUNDS;
}

bool align_is(const struct align *a) {
	return a->keys >= keys_wanted(a);
}

int64_t align_offset_us(const struct align *a) {
	return a->base_us[1] - a->base_us[0];
}

/* --- pairs --- */

static int64_t distance(int64_t a, int64_t b) {
	return a > b ? a - b : b - a;
}

static bool same_bytes(const struct align_fact *a, const struct align_fact *b) {
	return a->hash == b->hash && a->size == b->size && a->config == b->config && a->key == b->key;
}

static void lock_at(struct align *a, struct align_track *t, uint64_t nth0, uint64_t nth1) {
	t->locked = true;
	t->shift = (int64_t)nth1 - (int64_t)nth0;
	t->compared = nth0;
	set_taken(t, a->active, t->taken[a->active]);
}

static bool is_key(const struct align_track *t, const struct align_fact *f) {
	return f->key || t->kind == TRACK_AUDIO;
}

/* The first of a side's frames, which are in order, that does not lie before `time_us`. */
static uint64_t first_from(const struct align_queue *q, int64_t time_us) {
	uint64_t low = q->first, high = q->next;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (fact_at(q, middle)->time_us < time_us)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Locks the track at a side's nth frame and the nearest of the other side that is the same. It and each that it is
 * compared with cost one of `looks`, of which there is one. */
static void pair_frame(struct align *a, struct align_track *t, unsigned side, uint64_t nth, unsigned *looks) {
	const struct align_queue *other = &t->sides[!side];
	const struct align_fact *mine = fact_at(&t->sides[side], nth);
	int64_t there_us = mine->time_us + a->base_us[!side] - a->base_us[side], least_us = ALIGN_SLACK_US + 1;
	uint64_t n = first_from(other, there_us - ALIGN_SLACK_US), best = 0;
	for (--*looks; n < other->next && *looks; n++, --*looks) {
		const struct align_fact *f = fact_at(other, n);
		if (f->time_us > there_us + ALIGN_SLACK_US)
			break;
		int64_t apart_us = distance(f->time_us, there_us);
		if (apart_us >= least_us || !same_bytes(mine, f))
			continue;
		least_us = apart_us;
		best = n;
	}
	if (least_us <= ALIGN_SLACK_US)
		lock_at(a, t, side ? best : nth, side ? nth : best);
}

/* The keyframes have just been paired: among all frames of a further track from those on. */
static void search_pair(struct align *a, struct align_track *t) {
	const struct align_queue *q = &t->sides[0];
	unsigned looks = SEARCH_LOOKS;
	t->searched = true;
	for (uint64_t n = first_from(q, a->base_us[0] - ALIGN_SLACK_US); n < q->next && looks && !t->locked; n++)
		pair_frame(a, t, 0, n, &looks);
}

/* Finds the first pair of a track that is not the key track. Those before the newest frame have been compared. */
static void find_pair(struct align *a, struct align_track *t, const struct align_place *newest, unsigned side) {
	unsigned looks = FRAME_LOOKS;
	if (!t->searched)
		search_pair(a, t);
	else if (t == &a->tracks[newest->track] &&
	         fact_at(&t->sides[side], newest->nth)->time_us >= a->base_us[side] - ALIGN_SLACK_US)
		pair_frame(a, t, side, newest->nth, &looks);
}

/* Both have reached a further keyframe in step. Tracks that only one of them has would be lost or appear at a switch.
 */
static void count_key(struct align *a) {
	unsigned wanted = keys_wanted(a);
	for (unsigned i = 0; a->keys + 1 >= wanted && i < a->track_count; i++) {
		const struct align_track *t = &a->tracks[i];
		if (t->locked || !is_sent(t))
			continue;
		bool both = has_frames(&t->sides[0]) && has_frames(&t->sides[1]);
		unlock(a, both ? "their sound or further tracks differ" : "one has a track that the other lacks");
		return;
	}
	if (a->keys < wanted)
		a->keys++;
}

static const char *difference(const struct align *a, const struct align_fact *f0, const struct align_fact *f1) {
	if (f0->config != f1->config)
		return "their codec configurations differ";
	if (!same_bytes(f0, f1))
		return "their frames differ";
	return distance(f1->time_us - f0->time_us, align_offset_us(a)) > ALIGN_SLACK_US
	           ? "the distance of their timestamps changed"
	           : NULL;
}

static void compare(struct align *a, struct align_track *t) {
	const struct align_queue *q0 = &t->sides[0], *q1 = &t->sides[1];
	bool decides = t == key_track(a);
	while (t->locked && has(q0, t->compared)) {
		uint64_t n1 = (uint64_t)((int64_t)t->compared + t->shift);
		if (!has(q1, n1))
			return;
		const struct align_fact *f0 = fact_at(q0, t->compared), *f1 = fact_at(q1, n1);
		const char *why = difference(a, f0, f1);
		if (why) {
			unlock(a, why);
			return;
		}
		t->compared++;
		if (!decides || !is_key(t, f0))
			continue;
		a->apart_us = distance(f0->wall_us, f1->wall_us);
		count_key(a);
	}
}

/* A keyframe came: is its like on the other side, nearer than what they are paired by? */
static void pair_keys(struct align *a, struct align_track *t, unsigned side) {
	const struct align_queue *mine = &t->sides[side], *other = &t->sides[!side];
	const struct align_fact *key = fact_at(mine, mine->next - 1), *best = NULL;
	uint64_t best_nth = 0;
	for (uint64_t n = other->first; n < other->next; n++) {
		const struct align_fact *f = fact_at(other, n);
		if (is_key(t, f) && same_bytes(f, key) &&
		    (!best || distance(f->wall_us, key->wall_us) <= distance(best->wall_us, key->wall_us))) {
			best = f;
			best_nth = n;
		}
	}
	if (!best || (a->paired && distance(best->wall_us, key->wall_us) + ALIGN_NEARER_US > a->apart_us))
		return;
	unlock(a, a->why_not);
	a->paired = true;
	a->base_us[side] = key->time_us;
	a->base_us[!side] = best->time_us;
	a->apart_us = distance(best->wall_us, key->wall_us);
	lock_at(a, t, side ? best_nth : mine->next - 1, side ? mine->next - 1 : best_nth);
}

/* --- frames --- */

/* What is too old goes. In step, and not compared yet: the other side is too late. */
static void forget(struct align *a, struct align_track *t, unsigned side) {
	struct align_queue *q = &t->sides[side];
	int64_t newest_us = fact_at(q, q->next - 1)->wall_us;
	while (newest_us - fact_at(q, q->first)->wall_us > ALIGN_SPAN_US || q->next - q->first > ALIGN_FRAMES_MAX) {
		uint64_t compared = side ? (uint64_t)((int64_t)t->compared + t->shift) : t->compared;
		if (t->locked && q->first >= compared)
			unlock(a, APART);
		q->first++;
	}
}

int align_push(struct align *a, unsigned side, const struct align_frame *f, struct align_place *place) {
	struct align_track *t = track_get(a, f);
	*place = (struct align_place){.track = ALIGN_TRACKS_MAX};
	if (!t) {
		a->full = true;
		unlock(a, TOO_MANY);
		return 0;
	}
	const struct align_track *decided = key_track(a);
	if (append(&t->sides[side], f)) {
		align_reset(a, "out of memory");
		return UV_ENOMEM;
	}
	*place = (struct align_place){.track = (unsigned)(t - a->tracks), .nth = t->sides[side].next - 1};
	if (key_track(a) != decided)
		unlock(a, TOO_FEW); /* another decides from now on */
	forget(a, t, side);
	if (t == key_track(a) && is_key(t, fact_at(&t->sides[side], place->nth)) && !align_is(a) && !a->full)
		pair_keys(a, t, side);
	for (unsigned i = 0; a->paired && i < a->track_count; i++) {
		if (!a->tracks[i].locked && &a->tracks[i] != key_track(a))
			find_pair(a, &a->tracks[i], place, side);
		compare(a, &a->tracks[i]);
	}
	return 0;
}
