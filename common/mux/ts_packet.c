#include "common/mux/ts_packet.h"

#include <string.h>

enum {
	SYNC_BYTE = 0x47,
	HEADER_SIZE = 4,
	BODY_SIZE = TS_PACKET_SIZE - HEADER_SIZE,
	COUNTER_MASK = 15,
	/* The adaptation field's flags, 2.4.3.5. */
	DISCONTINUITY = 0x80,
	RANDOM_ACCESS = 0x40,
	PCR = 0x10,
	PCR_SIZE = 6,
};

/* Bytes of an adaptation field with its length byte; 0: none is needed. */
static size_t adaptation_size(const struct ts_adaptation *a) {
	if (a->has_pcr)
		return 2 + PCR_SIZE;
	return a->discontinuity || a->random_access ? 2 : 0;
}

/* 33 bits of 90 kHz, 6 reserved ones, 9 of 27 MHz that are 0. */
static void put_pcr(uint8_t *at, int64_t pcr) {
	uint64_t v = ((uint64_t)pcr & UINT64_C(0x1ffffffff)) << 15 | 0x7e00;
	for (int i = 0; i < PCR_SIZE; i++)
		at[i] = (uint8_t)(v >> (40 - 8 * i));
}

/* `size` bytes, of which the first is the length of the others; one of length 0 is how a single byte is stuffed. */
static void put_adaptation(uint8_t *at, size_t size, const struct ts_adaptation *a) {
	memset(at, 0xff, size);
	at[0] = (uint8_t)(size - 1);
	if (size == 1)
		return;
	at[1] = (uint8_t)((a->discontinuity ? DISCONTINUITY : 0) | (a->random_access ? RANDOM_ACCESS : 0) |
	                  (a->has_pcr ? PCR : 0));
	if (a->has_pcr)
		put_pcr(at + 2, a->pcr);
}

static void put_header(uint8_t *at, const struct ts_pid *pid, bool begins, bool payload, bool adaptation) {
	at[0] = SYNC_BYTE;
	at[1] = (uint8_t)((begins ? 0x40 : 0) | pid->pid >> 8);
	at[2] = (uint8_t)pid->pid;
	at[3] = (uint8_t)((adaptation ? 0x20 : 0) | (payload ? 0x10 : 0) | (pid->counter & COUNTER_MASK));
}

void ts_packets_write(struct buffer *out, struct ts_pid *pid, const struct ts_adaptation *first, struct slice payload) {
	static const struct ts_adaptation nothing;
	const struct ts_adaptation *a = first;
	size_t done = 0;
	while (done < payload.size) {
		size_t field = adaptation_size(a), part = payload.size - done;
		if (part > BODY_SIZE - field)
			part = BODY_SIZE - field;
		field = BODY_SIZE - part;
		uint8_t *at = buffer_reserve(out, TS_PACKET_SIZE);
		if (!at)
			return;
		put_header(at, pid, done == 0, true, field != 0);
		if (field)
			put_adaptation(at + HEADER_SIZE, field, a);
		memcpy(at + HEADER_SIZE + field, payload.data + done, part);
		pid->counter = (pid->counter + 1) & COUNTER_MASK;
		done += part;
		a = &nothing;
	}
}

void ts_clock_write(struct buffer *out, const struct ts_pid *pid, int64_t pcr) {
	const struct ts_adaptation a = {.has_pcr = true, .pcr = pcr};
	/* A packet without a payload repeats the counter of the one before it (2.4.3.3). */
	const struct ts_pid before = {pid->pid, (uint8_t)(pid->counter - 1)};
	uint8_t *at = buffer_reserve(out, TS_PACKET_SIZE);
	if (!at)
		return;
	put_header(at, &before, false, false, true);
	put_adaptation(at + HEADER_SIZE, BODY_SIZE, &a);
}

/* Annex A. */
static uint32_t crc32_mpeg(const uint8_t *at, size_t size) {
	const uint32_t polynomial = 0x04c11db7;
	uint32_t crc = 0xffffffff;
	while (size--) {
		crc ^= (uint32_t)*at++ << 24;
		for (int i = 0; i < 8; i++)
			crc = crc & 0x80000000 ? crc << 1 ^ polynomial : crc << 1;
	}
	return crc;
}

void ts_section_write(struct buffer *out, struct ts_pid *pid, bool discontinuity, struct buffer *section) {
	enum { UNTIL_LENGTH = 3, CRC_SIZE = 4, PACKETS_MAX = (1 + TS_SECTION_MAX) / (BODY_SIZE - 2) + 1 };
	uint8_t payload[PACKETS_MAX * BODY_SIZE];
	if (!out->error)
		out->error = buffer_error(section);
	if (out->error || section->size < UNTIL_LENGTH || section->size + CRC_SIZE > TS_SECTION_MAX)
		return;
	size_t length = section->size - UNTIL_LENGTH + CRC_SIZE;
	section->block->data[1] = (uint8_t)(0xb0 | length >> 8);
	section->block->data[2] = (uint8_t)length;
	buffer_u32(section, crc32_mpeg(section->block->data, section->size));
	if (!out->error)
		out->error = buffer_error(section);
	if (out->error)
		return;
	/* Behind a section the packet is filled with 0xff (2.4.4). */
	const struct ts_adaptation first = {.discontinuity = discontinuity};
	size_t full = BODY_SIZE - adaptation_size(&first);
	while (full < 1 + section->size)
		full += BODY_SIZE;
	memset(payload, 0xff, full);
	payload[0] = 0; /* pointer_field */
	memcpy(payload + 1, section->block->data, section->size);
	ts_packets_write(out, pid, &first, (struct slice){payload, full});
}
