// engine.js: plays a session by a protocol: the chosen one, or the best that works; begins anew when one fails.
import { byId, wait } from './page.js';
import { obstacle, offered, protocols, unplayable } from './protocols.js';

const AVOID_MS = 60_000; // a protocol that failed is not tried again for so long, where another can
const FROZEN_MS = 8000; // a picture that stands still for so long, though the stream is live, is a failure
const RETRY_MS = [300, 1000, 2000, 5000];

export class Engine extends EventTarget {
	constructor(session, video) {
		super();
		this.session = session;
		this.video = video;
		this.chosen = ''; // a protocol's id; '': the best
		this.protocol = null;
		this.playback = null;
		this.wanted = true; // false: a person paused it
		this.playing = false;
		this.trouble = ''; // why nothing plays though the stream is live
		this.failed = new Map(); // id → performance.now()
		this.failures = 0;
		this.turn = 0; // each start and stop: what was begun before is void
		session.addEventListener('state', () => this.follow());
		session.addEventListener('renewed', () => this.start());
		video.addEventListener('timeupdate', () => this.advanced());
		setInterval(() => this.watch(), 1000);
	}

	choose(id) {
		this.chosen = id;
		this.failed.clear();
		this.failures = 0;
		if (this.turn && this.session.state === 'live') this.start();
		else this.tell();
	}

	follow() {
		const { state } = this.session;
		if (state === 'live' && !this.protocol) this.start();
		if (state === 'ended' || state === 'offline') this.stop();
	}

	tell() {
		this.dispatchEvent(new Event('change'));
	}

	/** Lets go of what plays. */
	close() {
		this.turn++;
		this.playback?.stop();
		this.playback = this.protocol = null;
		this.playing = false; // it was told to
		delete this.video.dataset.began;
	}

	stop() {
		this.close();
		this.trouble = '';
		this.tell();
	}

	async start() {
		this.close();
		const { turn } = this;
		const on = {
			changed: () => turn === this.turn && this.tell(),
			failed: (reason) => turn === this.turn && this.fail(reason),
			ended: () => turn === this.turn && this.over(),
			again: () => turn === this.turn && this.playWhenReady(turn),
		};
		this.protocol = { id: '', label: '' }; // one is being looked for
		const protocol = await this.best();
		if (turn !== this.turn) return;
		if (!protocol) {
			this.fail('no protocol that this edge offers for this stream plays in this browser');
			return;
		}
		this.protocol = protocol;
		this.moved = performance.now();
		try {
			const playback = await protocol.play(this.session, this.video, on);
			if (turn !== this.turn) {
				playback.stop();
				return;
			}
			this.playback = playback;
			this.tell();
			await this.playWhenReady(turn);
		} catch (error) {
			on.failed(error.message);
		}
	}

	/** Of a playback that has begun, or begins anew by itself. */
	async playWhenReady(turn) {
		this.playing = false;
		await this.playback.ready;
		if (turn !== this.turn) return;
		this.playing = true;
		this.play();
	}

	async best() {
		const { stream, name } = this.session;
		if (this.chosen) return protocols.find((p) => p.id === this.chosen);
		const able = protocols.filter((p) => !obstacle(p, stream));
		const avoided = (p) => performance.now() - (this.failed.get(p.id) ?? -AVOID_MS) < AVOID_MS;
		for (const protocol of [...able.filter((p) => !avoided(p)), ...able.filter(avoided)]) {
			if (await offered(protocol, name)) return protocol;
		}
		return null;
	}

	/** Browsers may refuse sound before anybody has touched the page: it begins silent then, and says so. */
	async play() {
		if (!this.wanted) return;
		try {
			await this.video.play();
		} catch (error) {
			if (error.name !== 'NotAllowedError' || this.video.muted) return;
			this.video.muted = true;
			byId('unmute').hidden = false;
			this.video.play().catch(() => { this.wanted = false; });
		}
	}

	async fail(reason) {
		const { protocol } = this;
		const codecs = unplayable(this.session.stream);
		this.trouble = codecs.length ? `this browser does not play ${codecs.join(', ')}` : reason;
		if (protocol?.id) this.failed.set(protocol.id, performance.now());
		this.close();
		const { turn } = this;
		this.tell();
		this.session.look();
		await wait(RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)]);
		if (turn === this.turn && this.session.state === 'live') this.start();
	}

	/** The protocol says that the stream is over; the session knows whether it is, or only this connection. */
	async over() {
		const { turn } = this;
		const ended = performance.now();
		this.session.look();
		await wait(1500);
		const goesOn = this.moved - ended > 500; // only a stretch of it was over
		if (turn === this.turn && this.session.state === 'live' && !goesOn) this.start();
	}

	advanced() {
		const { video } = this;
		if (video.paused || video.seeking || video.readyState < 3) return; // told of a jump, not of a picture
		this.moved = performance.now();
		if (video.currentTime > 0 && this.protocol?.id && !video.dataset.began) {
			this.video.dataset.began = '1';
			this.failures = 0;
			this.trouble = '';
			this.tell();
		}
	}

	watch() {
		const idle = !this.playback || this.session.state !== 'live' || document.hidden || this.video.webkitDisplayingFullscreen;
		if (!idle && this.wanted && this.video.paused && this.playing) this.play(); // a library stopped it, or a load cut our play short
		if (idle || !this.wanted) {
			this.moved = performance.now();
		} else if (performance.now() - this.moved > FROZEN_MS) {
			this.fail(`no picture came by ${this.protocol.label}`);
		}
	}
}
