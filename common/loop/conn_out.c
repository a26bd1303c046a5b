/*
 * conn_out.c: the one system call. sendmsg(2) reaches the socket without what write(2) looks up of a file on its way,
 * which a fan-out has seen to be 2 % of its cost.
 */
#include "common/loop/conn_parts.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

static_assert(sizeof(uv_buf_t) == sizeof(struct iovec) && offsetof(uv_buf_t, len) == offsetof(struct iovec, iov_len),
              "libuv's buffers are the kernel's on Unix");

int conn_out(struct conn *c, uv_buf_t *bufs, unsigned count) {
	struct msghdr m = {.msg_iov = (struct iovec *)bufs, .msg_iovlen = count};
	ssize_t n;
	do {
		n = count == 1 ? send(c->fd, bufs->base, bufs->len, MSG_DONTWAIT | MSG_NOSIGNAL)
		               : sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : uv_translate_sys_error(errno);
	if (n > 0)
		conn_count_written(c, (size_t)n);
	return (int)n;
}
