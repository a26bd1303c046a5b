#include "common/loop/proxy_header.h"

#include "common/base/reader.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { SIGNATURE_SIZE = 12, FIXED_SIZE = 16, VERSION = 2, LOCAL = 0, PROXY = 1, TCP4 = 0x11, TCP6 = 0x21 };

static const char signature[] = "\r\n\r\n\0\r\nQUIT\n", word[] = "PROXY ";

static bool begins_as(struct slice data, const char *text, size_t size) {
	return memcmp(data.data, text, data.size < size ? data.size : size) == 0;
}

static void tell(struct proxy_header *out, const struct sockaddr *sa, size_t size) {
	out->told = true;
	memcpy(&out->from, sa, size);
}

/* --- version 1 --- */

/* A port as decimal digits. False: it is none. */
static bool read_port(const char *text, in_port_t *out) {
	char *end;
	unsigned long port = strtoul(text, &end, 10);
	*out = htons((uint16_t)port);
	return *text >= '0' && *text <= '9' && !*end && port <= UINT16_MAX;
}

/* "TCP4 198.51.100.22 203.0.113.7 35646 80" */
static int read_line(struct proxy_header *out, const char *line) {
	char family[8], from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN], port[6], to_port[6];
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6}, unused;
	in_port_t unused_port;
	int end = 0;
	if (strncmp(line, "UNKNOWN", 7) == 0 && (line[7] == ' ' || !line[7]))
		return 0;
	if (sscanf(line, "%7s %45s %45s %5s %5s%n", family, from, to, port, to_port, &end) != 5 || line[end] ||
	    !read_port(to_port, &unused_port))
		return UV_EPROTO;
	if (strcmp(family, "TCP4") == 0 && inet_pton(AF_INET, from, &v4.sin_addr) == 1 &&
	    inet_pton(AF_INET, to, &unused.sin6_addr) == 1 && read_port(port, &v4.sin_port)) {
		tell(out, (struct sockaddr *)&v4, sizeof v4);
		return 0;
	}
	if (strcmp(family, "TCP6") == 0 && inet_pton(AF_INET6, from, &v6.sin6_addr) == 1 &&
	    inet_pton(AF_INET6, to, &unused.sin6_addr) == 1 && read_port(port, &v6.sin6_port)) {
		tell(out, (struct sockaddr *)&v6, sizeof v6);
		return 0;
	}
	return UV_EPROTO;
}

static int read_text(struct proxy_header *out, struct slice data) {
	char line[PROXY_LINE_MAX + 1];
	size_t most = data.size < PROXY_LINE_MAX ? data.size : PROXY_LINE_MAX;
	const uint8_t *end = memchr(data.data, '\n', most);
	if (!end)
		return most == PROXY_LINE_MAX ? UV_EPROTO : 0;
	size_t size = (size_t)(end - data.data) + 1, text = size - strlen("\r\n");
	if (size < sizeof word - 1 + 2 || end[-1] != '\r' || memchr(data.data, '\0', size))
		return UV_EPROTO;
	memcpy(line, data.data, text);
	line[text] = '\0';
	int err = read_line(out, line + sizeof word - 1);
	return err ? err : (int)size;
}

/* --- version 2 --- */

static void read_ipv4(struct proxy_header *out, struct reader *r) {
	struct sockaddr_in sa = {.sin_family = AF_INET};
	const uint8_t *from = reader_take(r, sizeof sa.sin_addr);
	reader_take(r, sizeof sa.sin_addr);
	sa.sin_port = htons(reader_u16(r));
	reader_u16(r);
	if (r->failed)
		return;
	memcpy(&sa.sin_addr, from, sizeof sa.sin_addr);
	tell(out, (struct sockaddr *)&sa, sizeof sa);
}

static void read_ipv6(struct proxy_header *out, struct reader *r) {
	struct sockaddr_in6 sa = {.sin6_family = AF_INET6};
	const uint8_t *from = reader_take(r, sizeof sa.sin6_addr);
	reader_take(r, sizeof sa.sin6_addr);
	sa.sin6_port = htons(reader_u16(r));
	reader_u16(r);
	if (r->failed)
		return;
	memcpy(&sa.sin6_addr, from, sizeof sa.sin6_addr);
	tell(out, (struct sockaddr *)&sa, sizeof sa);
}

static int read_binary(struct proxy_header *out, struct slice data) {
	if (data.size < FIXED_SIZE)
		return 0;
	struct reader r = reader_of(data.data + SIGNATURE_SIZE, data.size - SIGNATURE_SIZE);
	uint8_t command = reader_u8(&r), family = reader_u8(&r);
	size_t size = reader_u16(&r);
	if (command >> 4 != VERSION || (command & 0xf) > PROXY || FIXED_SIZE + size > PROXY_HEADER_MAX)
		return UV_EPROTO;
	if (data.size < FIXED_SIZE + size)
		return 0;
	r = reader_of(data.data + FIXED_SIZE, size);
	if ((command & 0xf) == LOCAL)
		return (int)(FIXED_SIZE + size);
	if (family == TCP4)
		read_ipv4(out, &r);
	else if (family == TCP6)
		read_ipv6(out, &r);
	return r.failed ? UV_EPROTO : (int)(FIXED_SIZE + size); /* of other families nothing can be said */
}

int proxy_header_read(struct proxy_header *out, struct slice data) {
	*out = (struct proxy_header){0};
	if (data.size == 0)
		return 0;
	if (begins_as(data, signature, SIGNATURE_SIZE))
		return read_binary(out, data);
	return begins_as(data, word, sizeof word - 1) ? read_text(out, data) : UV_EPROTO;
}
