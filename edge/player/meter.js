// meter.js: how many bits a second came, over the last seconds: what the stream costs, for a live stream's player takes
// it as fast as it is made.
const WINDOW_MS = 8000;

export class ByteMeter {
	constructor() {
		this.began = performance.now();
		this.arrivals = [];
	}

	add(bytes) {
		if (bytes > 0) this.arrivals.push({ at: performance.now(), bytes });
	}

	/** Bits a second; null until something came. */
	rate() {
		const now = performance.now();
		while (this.arrivals.length && this.arrivals[0].at < now - WINDOW_MS) this.arrivals.shift();
		if (!this.arrivals.length) return null;
		const span = Math.max(1000, Math.min(WINDOW_MS, now - this.began));
		return this.arrivals.reduce((sum, a) => sum + a.bytes, 0) * 8000 / span;
	}
}
