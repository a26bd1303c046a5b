/* What stands first on a connection that a proxy makes: any bytes, in any pieces. */
#include "common/loop/proxy_header.h"

#include <assert.h>
#include <uv.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct proxy_header whole, part;
	int found = proxy_header_read(&whole, (struct slice){data, size});
	assert(found == UV_EPROTO || (found >= 0 && (size_t)found <= size && found <= PROXY_HEADER_MAX));
	assert(!whole.told || found > 0);
	/* However it comes, it is the same: what is not whole yet is waited for, and decided once. */
	for (size_t i = 0; i < size && found > 0; i++) {
		int now = proxy_header_read(&part, (struct slice){data, i});
		assert(now == (i < (size_t)found ? 0 : found));
	}
	return 0;
}
