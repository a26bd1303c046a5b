// session.js: one stream's life as a viewer sees it. It asks the edge, and says when playing can begin, goes on, or is
// over; it never gives up.
//
//   state       | what it means                                | leaves by
//   searching   | asked for, the edge has not said yet         | live; offline after a moment
//   offline     | nobody publishes it                          | live
//   live        | frames come                                  | waiting; checking
//   waiting     | its encoder was lost, the edge keeps it open | live; checking
//   checking    | the edge does not have it any more: is it    | live; ended
//               | over, or does only nobody want it here?      |
//   ended       | it was live and is over                      | live
//   unreachable | the edge does not answer                     | what it was before
import { probe, streamOf, Unreachable } from './edge_api.js';
import { wait } from './page.js';

const POLL_MS = 2000; // while live, and while the page is seen
const HIDDEN_POLL_MS = 10_000;
const PATIENCE_MS = 1200; // searching and checking say nothing for so long
const RETRY_MS = [500, 1000, 2000, 5000];

export class Session extends EventTarget {
	constructor(name) {
		super();
		this.name = name;
		this.state = 'searching';
		this.stream = null; // what the edge said last
		this.asked = 0; // performance.now() of that
		this.failures = 0;
	}

	/** Runs for as long as the page lives. */
	async run() {
		for (;;) {
			try {
				if (this.state !== 'live' && this.state !== 'waiting') await this.untilLive();
				await this.whileLive();
			} catch (error) {
				if (!(error instanceof Unreachable)) throw error;
				await this.retry();
			}
		}
	}

	/** Something else noticed that the stream may be gone: look at once. */
	look() {
		this.hurry?.abort();
	}

	enter(state) {
		if (this.state === state) return;
		this.before = this.state;
		this.state = state;
		this.dispatchEvent(new Event('state'));
	}

	answered(stream) {
		this.failures = 0;
		this.asked = performance.now();
		const renewed = stream && this.stream && stream.run !== '0' && this.stream.run !== stream.run;
		if (stream) this.stream = stream;
		if (renewed && this.state === 'live') this.dispatchEvent(new Event('renewed'));
		this.dispatchEvent(new Event('told'));
	}

	async retry() {
		this.enter('unreachable');
		await wait(RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)]);
	}

	/** The edge waits with us; it says at once when the stream is there. */
	async untilLive() {
		const nothing = this.state === 'checking' || this.before === 'live' || this.state === 'ended' ? 'ended' : 'offline';
		const timer = setTimeout(() => this.enter(nothing), PATIENCE_MS);
		try {
			while (!await probe(this.name)) {
				this.enter(nothing);
				await wait(250);
			}
			this.answered(await streamOf(this.name));
		} finally {
			clearTimeout(timer);
		}
		this.enter('live');
	}

	async whileLive() {
		while (this.state === 'live' || this.state === 'waiting') {
			this.hurry = new AbortController();
			await wait(document.hidden ? HIDDEN_POLL_MS : POLL_MS, this.hurry.signal);
			const stream = await streamOf(this.name);
			this.answered(stream);
			if (stream?.state === 'live' || stream?.state === 'waiting') this.enter(stream.state);
			else this.enter('checking');
		}
	}
}
