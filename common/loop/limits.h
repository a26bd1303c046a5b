/*
 * limits.h: how many connections the process can hold.
 */
#pragma once

#include "common/loop/worker.h"

#include <stdbool.h>
#include <stdint.h>

/* Raises the soft limit of open files to the hard one. Returns it (what is in force on failure). */
uint64_t limits_raise_files(void);

enum { LIMITS_WATCHED_MAX = 65536 };

/* Makes the worker's loop ready to watch every descriptor below `files` (at most LIMITS_WATCHED_MAX of them): libuv
 * ends the process when its table cannot grow later. From the start hook. 0 or a libuv code. */
int limits_reserve_watchers(struct worker *w, uint64_t files);

/* Sets the group's bound on connections (in main, before any is accepted; 0: none). */
void limits_set_connections(struct workers *group, int64_t most);

/* The bound; 0: none, or not set yet. Any worker. */
uint64_t limits_connections(struct worker *w);

/* Counts one connection in; false when the bound is reached (nothing is counted then, and the refusal is logged at most
 * once a second). limits_release counts it out. Any worker. */
bool limits_take(struct worker *w);
void limits_release(struct worker *w);
