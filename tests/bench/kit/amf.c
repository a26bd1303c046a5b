#include "tests/bench/kit/amf.h"

#include <stdio.h>
#include <string.h>

size_t amf_key(uint8_t *out, const char *s) {
	size_t n = strlen(s);
	out[0] = (uint8_t)(n >> 8);
	out[1] = (uint8_t)n;
	memcpy(out + 2, s, n);
	return 2 + n;
}

size_t amf_string(uint8_t *out, const char *s) {
	out[0] = 2;
	return 1 + amf_key(out + 1, s);
}

size_t amf_number(uint8_t *out, double v) {
	uint64_t bits;
	memcpy(&bits, &v, sizeof bits);
	out[0] = 0;
	for (int i = 0; i < 8; i++)
		out[1 + i] = (uint8_t)(bits >> (56 - 8 * i));
	return 9;
}

size_t amf_null(uint8_t *out) {
	out[0] = 5;
	return 1;
}

size_t amf_connect(uint8_t *out, const char *host, const char *app) {
	char url[300];
	snprintf(url, sizeof url, "rtmp://%.200s/%.60s", host, app);
	size_t n = amf_string(out, "connect");
	n += amf_number(out + n, 1);
	out[n++] = 3;
	n += amf_key(out + n, "app");
	n += amf_string(out + n, app);
	n += amf_key(out + n, "tcUrl");
	n += amf_string(out + n, url);
	memcpy(out + n, "\0\0\x09", 3);
	return n + 3;
}

size_t amf_message(uint8_t *out, uint8_t type, uint8_t stream, const uint8_t *body, size_t size) {
	const uint8_t head[12] = {3, 0, 0, 0, 0, (uint8_t)(size >> 8), (uint8_t)size, type, stream};
	size_t at = sizeof head;
	memcpy(out, head, sizeof head);
	for (size_t sent = 0; sent < size;) {
		size_t n = size - sent < 128 ? size - sent : 128;
		memcpy(out + at, body + sent, n);
		at += n;
		sent += n;
		if (sent < size)
			out[at++] = 0xc3;
	}
	return at;
}
