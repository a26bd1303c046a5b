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
