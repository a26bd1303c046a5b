#include "common/base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *data, size_t size) {
	uint8_t *at = data;
	while (size) {
		ssize_t n = getrandom(at, size, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			abort();
		at += n;
		size -= (size_t)n;
	}
}

uint64_t random_below(uint64_t bound) {
	uint64_t v;
	random_bytes(&v, sizeof v);
	return bound ? v % bound : 0;
}

void random_id(char out[RANDOM_ID_SIZE]) {
	static const char digits[] = "0123456789abcdef";
	uint8_t id[RANDOM_ID_SIZE / 2];
	random_bytes(id, sizeof id);
	for (size_t i = 0; i < sizeof id; i++) {
		out[2 * i] = digits[id[i] >> 4];
		out[2 * i + 1] = digits[id[i] & 15];
	}
	out[RANDOM_ID_SIZE - 1] = '\0';
}
