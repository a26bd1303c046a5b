/*
 * reload.h: the parts of a crowd that waits for a playlist: one player's answer, the clock inside the frames, the
 * figures. One thread; nothing here is shared.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ANSWER_MAX = 32 * 1024, CARRY_MAX = 16 };

/* --- player.c --- */

struct player {
	int fd;
	size_t have;                 /* of the answer */
	size_t head, whole;          /* sizes; 0: not known yet */
	char answer[ANSWER_MAX + 1]; /* ends with a zero when it is whole */
};

enum player_state { PLAYER_READS, PLAYER_DONE, PLAYER_FAILED };

/* The next answer begins. */
void player_expect(struct player *p);

/* Reads what has come. Anything but a 200 with a Content-Length is a failure. */
enum player_state player_read(struct player *p);

/* The playlist; after PLAYER_DONE, until the next player_expect. */
const char *player_body(const struct player *p);

/* What a playlist lacks first. */
struct part {
	uint64_t msn;
	unsigned part;
};

/* False when there is no segment yet. */
bool part_next(const char *playlist, struct part *next);

/* --- stamps.c --- */

struct stamps {
	uint64_t *sent, *seen; /* when each frame was sent, and read here */
	size_t count, room;
	uint8_t carry[CARRY_MAX]; /* the end of what came last: a stamp may go on in the next */
	size_t carried;
};

/* Looks for stamps in the next bytes of a body. */
void stamps_scan(struct stamps *s, const uint8_t *data, size_t size);

/* Prints the figures of `batches` rows with `connections` times each. False when a batch has no frame. */
bool report(const struct stamps *s, const uint64_t *times, int connections, int batches);
