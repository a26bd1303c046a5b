/*
 * address.h: addresses as a user writes them: "HOST:PORT", "[IPv6]:PORT" or "unix:PATH".
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

struct address {
	bool is_unix;
	char host[256]; /* or the path of the Unix socket */
	char port[8];
};

/* 0, or UV_EINVAL: not of one of the three forms, or too long. */
int address_parse(struct address *out, const char *text);

/* "203.0.113.5:1234", "[2001:db8::1]:1234" or "unix" into `out`; never fails, cuts if it must. */
void address_print(const struct sockaddr *sa, char *out, size_t size);
enum { ADDRESS_TEXT_MAX = 64 };
