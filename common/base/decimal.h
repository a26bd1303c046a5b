/*
 * decimal.h: numbers as text, for where snprintf would cost more than all the rest.
 */
#pragma once

#include <stdint.h>

enum { DECIMAL_SIZE = 20 }; /* most digits */

/* Writes the digits, without a NUL; returns where they end. `out` has room for DECIMAL_SIZE. */
static inline char *decimal_put(char *out, uint64_t v) {
	char digits[DECIMAL_SIZE];
	int count = 0;
	do
		digits[count++] = (char)('0' + v % 10);
	while (v /= 10);
	while (count)
		*out++ = digits[--count];
	return out;
}
