#include "common/loop/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static int copy(char *out, size_t size, const char *from, size_t n) {
	if (n == 0 || n >= size)
		return UV_EINVAL;
	memcpy(out, from, n);
	out[n] = '\0';
	return 0;
}

int address_parse(struct address *out, const char *text) {
	struct address a = {0};
	if (strncmp(text, "unix:", 5) == 0) {
		a.is_unix = true;
		if (copy(a.host, sizeof a.host, text + 5, strlen(text + 5)))
			return UV_EINVAL;
		*out = a;
		return 0;
	}
	const char *host = text, *end, *colon = strrchr(text, ':');
	if (!colon)
		return UV_EINVAL;
	end = colon;
	if (*text == '[') {
		host = text + 1;
		end = colon - 1;
		if (end <= host || *end != ']')
			return UV_EINVAL;
	} else if (memchr(text, ':', (size_t)(colon - text))) {
		return UV_EINVAL; /* a bare IPv6 address: which colon? */
	}
	char *rest;
	long port = strtol(colon + 1, &rest, 10);
	if (colon[1] < '0' || colon[1] > '9' || *rest || port > 65535)
		return UV_EINVAL;
	if (copy(a.host, sizeof a.host, host, (size_t)(end - host)))
		return UV_EINVAL;
	snprintf(a.port, sizeof a.port, "%u", (unsigned)port & 0xffff);
	*out = a;
	return 0;
}

void address_print(const struct sockaddr *sa, char *out, size_t size) {
	char ip[INET6_ADDRSTRLEN] = "?";
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
		inet_ntop(AF_INET, &in->sin_addr, ip, sizeof ip);
		snprintf(out, size, "%s:%u", ip, ntohs(in->sin_port));
	} else if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)sa;
		inet_ntop(AF_INET6, &in->sin6_addr, ip, sizeof ip);
		snprintf(out, size, "[%s]:%u", ip, ntohs(in->sin6_port));
	} else {
		snprintf(out, size, "unix");
	}
}
