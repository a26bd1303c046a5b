/*
 * slate.h: what fills the gap while a stream waits for its publisher: a publisher of our own, which sends the frames of
 * a file (stream.slate) round and round, in real time.
 *
 * To the stream it is a publisher like any: it claims the name, gets an epoch, and its samples pass the timeline. But
 * it holds nothing: the map goes on saying that the stream waits, so whoever publishes takes the name at once, and the
 * grace runs on beside it. On the stream's home worker.
 *
 *   phase   | what it does                                | leaves by
 *   IDLE    | nothing                                     | slate_arm
 *   ARMED   | waits for stream.slate_after                | due: ASKING; slate_disarm
 *   ASKING  | its claim is awaited                        | PLAYING; refused: ARMED again; slate_disarm
 *   PLAYING | sends the file's samples when they are due  | stopped, for a publisher came: IDLE; slate_disarm
 */
#pragma once

#include "common/base/random.h"
#include "origin/slate_file.h"

#define SLATE_PROTOCOL "slate"

enum slate_phase { SLATE_IDLE, SLATE_ARMED, SLATE_ASKING, SLATE_PLAYING };

struct slate {
	struct worker *worker;
	const struct slate_file *file; /* NULL: the app has none; nothing ever happens */
	const struct config_app *config;
	struct stream_name name;
	enum slate_phase phase;
	struct timer timer;
	struct publisher publisher;
	char session[RANDOM_ID_SIZE]; /* of the present publish */
	uint64_t began_ms, lap;
	size_t next; /* sample of the lap */
};

void slate_init(struct slate *s, struct worker *w, const struct slate_file *file, const struct stream_name *name,
                const struct config_app *config);

/* The stream waits: in stream.slate_after the slate begins. Not idle: nothing happens. */
void slate_arm(struct slate *s);

/* It begins as soon as its claim is granted. Not idle: nothing happens. */
void slate_begin(struct slate *s);

/* It is not wanted, or not any more; also the end of its life. */
void slate_disarm(struct slate *s);

/* True for the slate's own publish. */
bool slate_is(const struct slate *s, const struct intake *i);
