/*
 * random.h: random bytes from the system, for nonces, session ids and jitter. Any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Fills `data`. Aborts if the system has no random source, for nothing safe can follow. */
void random_bytes(void *data, size_t size);

/* A number in [0, bound); 0 when bound is 0. For jitter, not for secrets: it has modulo bias. */
uint64_t random_below(uint64_t bound);

/* A session's id: 128 random bits as 32 lowercase hex digits, and a NUL. */
enum { RANDOM_ID_SIZE = 33 };
void random_id(char out[RANDOM_ID_SIZE]);
