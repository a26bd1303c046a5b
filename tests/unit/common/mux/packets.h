/*
 * packets.h: what is in an MPEG transport stream, for tests: its packets, checked as they are read, and the units that
 * their payloads make.
 */
#pragma once

#include "common/base/buffer.h"
#include "common/mux/ts_packet.h"

#include <criterion/criterion.h>
#include <string.h>

struct packet {
	unsigned pid, counter;
	bool begins, discontinuity, random_access, has_pcr;
	int64_t pcr;
	struct slice payload;
};

/* The packet at `index`; false behind the last. */
static inline bool packet_at(struct slice stream, size_t index, struct packet *p) {
	cr_assert_eq(stream.size % TS_PACKET_SIZE, 0, "whole packets");
	if (index * TS_PACKET_SIZE >= stream.size)
		return false;
	const uint8_t *at = stream.data + index * TS_PACKET_SIZE;
	cr_assert_eq(at[0], 0x47, "packet %zu begins with %02x", index, at[0]);
	*p = (struct packet){.pid = (at[1] & 0x1fu) << 8 | at[2], .counter = at[3] & 15, .begins = (at[1] & 0x40) != 0};
	cr_assert_eq(at[1] & 0xa0, 0, "no error, no priority");
	cr_assert_eq(at[3] & 0xc0, 0, "not scrambled");
	size_t head = 4;
	if (at[3] & 0x20) {
		head += 1 + at[4];
		cr_assert_leq(head, TS_PACKET_SIZE);
		uint8_t flags = at[4] ? at[5] : 0;
		p->discontinuity = flags & 0x80;
		p->random_access = flags & 0x40;
		p->has_pcr = flags & 0x10;
		cr_assert_eq(flags & 0x2f, 0);
		for (int i = 0; p->has_pcr && i < 4; i++)
			p->pcr = p->pcr << 8 | at[6 + i];
		p->pcr = p->has_pcr ? p->pcr << 1 | at[10] >> 7 : 0;
	}
	if (at[3] & 0x10)
		p->payload = (struct slice){at + head, TS_PACKET_SIZE - head};
	else
		cr_assert_eq(head, TS_PACKET_SIZE, "no payload, and nothing but the adaptation field");
	return true;
}

/* Each PID's counter steps by one with each payload, but where a packet says that it begins anew. */
static inline void expect_counters(struct slice stream) {
	int last[0x2000];
	struct packet p;
	memset(last, -1, sizeof last);
	for (size_t i = 0; packet_at(stream, i, &p); i++) {
		if (last[p.pid] >= 0 && !p.discontinuity)
			cr_assert_eq(p.counter, p.payload.size ? (unsigned)(last[p.pid] + 1) % 16 : (unsigned)last[p.pid],
			             "packet %zu of PID %x", i, p.pid);
		last[p.pid] = (int)p.counter;
	}
}

/* The unit `number` of a PID (a PES packet or a padded section), to be finished; false if there is none. */
static inline bool unit_of(struct slice stream, unsigned pid, unsigned number, struct buffer *unit) {
	struct packet p;
	unsigned begun = 0;
	buffer_init(unit, 0);
	for (size_t i = 0; packet_at(stream, i, &p); i++) {
		if (p.pid != pid)
			continue;
		begun += p.begins;
		if (begun == number + 1)
			buffer_append(unit, p.payload.data, p.payload.size);
	}
	return begun > number;
}

struct pes {
	unsigned stream_id, length;
	int64_t pts, dts;
	struct slice content;
};

static inline int64_t pes_time(const uint8_t *at, unsigned prefix) {
	cr_assert_eq(at[0] >> 4, prefix);
	cr_assert(at[0] & 1 && at[2] & 1 && at[4] & 1, "marker bits");
	return (int64_t)(at[0] >> 1 & 7) << 30 | (int64_t)at[1] << 22 | (int64_t)(at[2] >> 1) << 15 | at[3] << 7 |
	       at[4] >> 1;
}

static inline struct pes pes_of(const struct buffer *unit) {
	const uint8_t *at = unit->block->data;
	cr_assert(unit->size > 14 && at[0] == 0 && at[1] == 0 && at[2] == 1);
	struct pes p = {.stream_id = at[3], .length = (unsigned)at[4] << 8 | at[5]};
	bool both = at[7] == 0xc0;
	cr_assert_eq(at[6], 0x84);
	cr_assert(both || at[7] == 0x80);
	cr_assert_eq(at[8], both ? 10 : 5);
	p.pts = pes_time(at + 9, both ? 3 : 2);
	p.dts = both ? pes_time(at + 14, 1) : p.pts;
	p.content = (struct slice){at + 9 + at[8], unit->size - 9 - at[8]};
	if (p.length)
		cr_assert_eq(p.length, unit->size - 6, "the length is all that came");
	return p;
}
