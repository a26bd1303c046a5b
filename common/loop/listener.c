#include "common/loop/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

static int resolve(const struct address *a, struct sockaddr_storage *out, socklen_t *size) {
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
	int err = getaddrinfo(a->host, a->port, &hints, &found);
	if (err)
		return err == EAI_MEMORY ? UV_ENOMEM : UV_EADDRNOTAVAIL;
	memcpy(out, found->ai_addr, found->ai_addrlen);
	*size = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

static int bind_socket(int fd, const struct sockaddr_storage *sa, socklen_t size, bool share) {
	int one = 1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
	    (share && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0) ||
	    bind(fd, (const struct sockaddr *)sa, size) != 0)
		return uv_translate_sys_error(errno);
	return 0;
}

static int open_socket(const struct address *a, bool share, int *out) {
	struct sockaddr_storage sa;
	socklen_t size;
	int err = resolve(a, &sa, &size);
	if (err)
		return err;
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return uv_translate_sys_error(errno);
	err = bind_socket(fd, &sa, size, share);
	if (err)
		close(fd);
	else
		*out = fd;
	return err;
}

/* A socket file that nobody answers on is left over from a crash. */
static int probe_unix(const char *path) {
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof sa.sun_path)
		return UV_ENAMETOOLONG;
	strcpy(sa.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return uv_translate_sys_error(errno);
	int r = connect(fd, (struct sockaddr *)&sa, sizeof sa);
	int err = r == 0 ? UV_EADDRINUSE : 0;
	if (r != 0 && errno == ECONNREFUSED && unlink(path) != 0)
		err = uv_translate_sys_error(errno);
	close(fd);
	return err;
}

int listener_probe(const char *address) {
	struct address a;
	int err = address_parse(&a, address), fd = -1;
	if (err)
		return err;
	if (a.is_unix)
		return probe_unix(a.host);
	if (strcmp(a.port, "0") == 0)
		return UV_EINVAL;
	err = open_socket(&a, false, &fd);
	if (err)
		return err;
	/* Two that bound with SO_REUSEADDR alone meet only at listen. */
	if (listen(fd, 1) != 0)
		err = uv_translate_sys_error(errno);
	close(fd);
	return err;
}

static void on_connection(uv_stream_t *stream, int status) {
	struct listener *l = stream->data;
	if (status == 0)
		l->on_connection(l);
}

static int open_tcp(struct listener *l, const struct address *a) {
	int fd;
	int err = open_socket(a, true, &fd);
	if (err)
		return err;
	err = uv_tcp_open(&l->tcp, fd);
	if (err)
		close(fd);
	return err;
}

int listener_open(struct listener *l, struct worker *w, const char *address, listener_fn fn, void *context) {
	struct address a;
	memset(l, 0, sizeof *l);
	l->worker = w;
	l->on_connection = fn;
	l->context = context;
	int err = address_parse(&a, address);
	if (err || (a.is_unix && w->index != 0))
		return err;
	l->is_unix = a.is_unix;
	err = a.is_unix ? uv_pipe_init(&w->loop, &l->pipe, 0) : uv_tcp_init(&w->loop, &l->tcp);
	if (err)
		return err;
	l->open = true;
	l->handle.data = l;
	worker_hold(w);
	err = a.is_unix ? uv_pipe_bind(&l->pipe, a.host) : open_tcp(l, &a);
	if (!err)
		err = uv_listen(&l->stream, BACKLOG, on_connection);
	if (err)
		listener_close(l);
	return err;
}

static void on_refused(uv_handle_t *handle) {
	struct listener *l = handle->data;
	l->refusal.busy = false;
	if (l->refusal.due && l->open)
		listener_refuse(l);
	worker_release(l->worker);
}

void listener_refuse(struct listener *l) {
	struct listener_refusal *r = &l->refusal;
	r->due = r->busy;
	if (r->busy)
		return;
	/* Neither these nor taking it allocates, nor do they fail. */
	if (l->is_unix)
		uv_pipe_init(&l->worker->loop, &r->pipe, 0);
	else
		uv_tcp_init(&l->worker->loop, &r->tcp);
	r->handle.data = l;
	r->busy = true;
	worker_hold(l->worker);
	uv_accept(&l->stream, &r->stream);
	uv_close(&r->handle, on_refused);
}

static void on_listener_closed(uv_handle_t *handle) {
	struct worker *w = handle->loop->data;
	worker_release(w);
}

void listener_close(struct listener *l) {
	if (!l->open)
		return;
	l->open = false;
	uv_close(&l->handle, on_listener_closed);
}
