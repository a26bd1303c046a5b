#include "common/loop/proxy_header.h"

#include "common/loop/address.h"

#include <criterion/criterion.h>
#include <string.h>
#include <uv.h>

static const uint8_t ipv4[] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11,
                               0,    12,   198,  51,   100,  22,   203,  0,    113,  7,    0x8b, 0x3e, 0x07, 0x8f};

static int read_bytes(struct proxy_header *h, const void *data, size_t size) {
	return proxy_header_read(h, (struct slice){data, size});
}

static int read_text(struct proxy_header *h, const char *text) {
	return read_bytes(h, text, strlen(text));
}

static const char *client(const struct proxy_header *h) {
	static char text[ADDRESS_TEXT_MAX];
	address_print((const struct sockaddr *)&h->from, text, sizeof text);
	return text;
}

Test(proxy_header, version_1_names_the_client) {
	struct proxy_header h;
	const char *line = "PROXY TCP4 198.51.100.22 203.0.113.7 35646 1935\r\n";
	cr_assert_eq(read_text(&h, line), (int)strlen(line));
	cr_assert(h.told);
	cr_assert_str_eq(client(&h), "198.51.100.22:35646");
	line = "PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n\3more";
	cr_assert_eq(read_text(&h, line), (int)strlen(line) - 5, "what is behind it is the client's");
	cr_assert_str_eq(client(&h), "[2001:db8::1]:1");
}

Test(proxy_header, version_1_may_not_know) {
	struct proxy_header h;
	cr_assert_eq(read_text(&h, "PROXY UNKNOWN\r\n"), 15);
	cr_assert(!h.told);
	cr_assert_eq(read_text(&h, "PROXY UNKNOWN ::1 whatever\r\n"), 28);
	cr_assert(!h.told);
}

Test(proxy_header, version_2_names_the_client) {
	struct proxy_header h;
	uint8_t ipv6[16 + 36 + 3] = {0};
	cr_assert_eq(read_bytes(&h, ipv4, sizeof ipv4), (int)sizeof ipv4);
	cr_assert_str_eq(client(&h), "198.51.100.22:35646");
	memcpy(ipv6, ipv4, 12);
	memcpy(ipv6 + 12, (uint8_t[]){0x21, 0x21, 0, 36 + 3}, 4);
	ipv6[16 + 15] = 1;
	ipv6[16 + 33] = 7;
	cr_assert_eq(read_bytes(&h, ipv6, sizeof ipv6), (int)sizeof ipv6, "with a TLV behind the addresses");
	cr_assert_str_eq(client(&h), "[::1]:7");
}

Test(proxy_header, a_proxy_may_speak_for_itself_or_of_what_we_do_not_know) {
	static const uint8_t kinds[][2] = {{0x20, 0x00}, {0x20, 0x11}, {0x21, 0x00}, {0x21, 0x31}, {0x21, 0x12}};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct proxy_header h;
		uint8_t data[sizeof ipv4];
		memcpy(data, ipv4, sizeof data);
		memcpy(data + 12, kinds[i], 2);
		cr_assert_eq(read_bytes(&h, data, sizeof data), (int)sizeof data, "kind %zu", i);
		cr_assert(!h.told, "kind %zu", i);
	}
}

Test(proxy_header, a_part_of_it_is_waited_for) {
	struct proxy_header h;
	const char *line = "PROXY TCP4 198.51.100.22 203.0.113.7 35646 1935\r\n";
	for (size_t i = 0; i < sizeof ipv4; i++)
		cr_assert_eq(read_bytes(&h, ipv4, i), 0, "%zu bytes", i);
	for (size_t i = 0; i < strlen(line); i++)
		cr_assert_eq(read_bytes(&h, line, i), 0, "%zu bytes", i);
}

Test(proxy_header, what_is_none_is_refused_at_its_first_wrong_byte) {
	static const char *const wrong[] = {"\3",
	                                    "G",
	                                    "PROXX",
	                                    "PROXY\r\n",
	                                    "PROXY \r\n",
	                                    "PROXY \n",
	                                    "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
	                                    "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
	                                    "PROXY TCP4 1.2.3.4 1.2.3.4 1 70000\r\n",
	                                    "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n",
	                                    "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
	                                    "PROXY TCP4 ::1 ::1 1 2\r\n",
	                                    "PROXY TCP6 1.2.3.4 ::1 1 2\r\n",
	                                    "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n",
	                                    "PROXY UNKNOWNS\r\n",
	                                    "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n"};
	struct proxy_header h;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		cr_assert_eq(read_text(&h, wrong[i]), UV_EPROTO, "\"%s\" was taken", wrong[i]);
	char endless[PROXY_LINE_MAX + 1];
	memset(endless, 'x', sizeof endless);
	memcpy(endless, "PROXY ", 6);
	cr_assert_eq(read_bytes(&h, endless, PROXY_LINE_MAX), UV_EPROTO);
}

Test(proxy_header, version_2_that_is_wrong_is_refused) {
	static const struct {
		size_t at;
		uint8_t value;
	} wrong[] = {{12, 0x11}, {12, 0x22}, {14, 0x10}, {15, 11}};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct proxy_header h;
		uint8_t data[sizeof ipv4];
		memcpy(data, ipv4, sizeof data);
		data[wrong[i].at] = wrong[i].value;
		cr_assert_eq(read_bytes(&h, data, sizeof data), UV_EPROTO, "case %zu", i);
	}
}
