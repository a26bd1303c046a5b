#include "common/rtmp/message.h"

#include <criterion/criterion.h>

/* Thousands of them may wait for a peer that does not read: each has a block that is no larger than it. */
Test(rtmp_message, small_answers_have_the_sizes_that_are_told) {
	struct buffer b;
	buffer_init(&b, 0);
	buffer_expect(&b, RTMP_EVENT_SIZE);
	rtmp_write_event(&b, RTMP_PING_RESPONSE, UINT32_MAX);
	cr_expect_eq(b.size, RTMP_EVENT_SIZE);
	cr_expect_eq(b.block->size, RTMP_EVENT_SIZE);
	buffer_fini(&b);
	buffer_expect(&b, RTMP_ACKNOWLEDGEMENT_SIZE);
	rtmp_write_acknowledgement(&b, UINT32_MAX);
	cr_expect_eq(b.size, RTMP_ACKNOWLEDGEMENT_SIZE);
	cr_expect_eq(b.block->size, RTMP_ACKNOWLEDGEMENT_SIZE);
	buffer_fini(&b);
}
