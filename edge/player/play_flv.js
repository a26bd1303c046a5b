// play_flv.js: HTTP-FLV by mpegts.js: one response without an end.
import { library } from './library.js';
import { ByteMeter } from './meter.js';
import { root } from './page.js';

const REPORT_MS = 500;
const BEHIND_S = 0.5; // what is kept between the picture and the newest frame received, against jitter
const STALL_ADDS_S = 0.2; // to that, for the network or the machine needs it
const FARTHEST_S = 3;
const SLACK_S = 0.3; // beyond which it plays faster
const SKIP_S = 2.4; // beyond which it jumps

class FlvPlayback {
	constructor(mpegts, session, video, on) {
		this.session = session;
		this.video = video;
		this.on = on;
		this.behind = BEHIND_S;
		this.events = new AbortController();
		video.addEventListener('waiting', () => this.stalled(), { signal: this.events.signal });
		this.open(mpegts);
		this.timer = setInterval(() => this.follow(), 250);
	}

	open(mpegts) {
		const { on } = this;
		this.bytes = new ByteMeter();
		this.jumped = false;
		const url = new URL(`${this.session.name}.flv`, root);
		this.player = mpegts.createPlayer({ type: 'flv', isLive: true, url: url.href }, {
			enableStashBuffer: false,
			lazyLoad: false,
			autoCleanupSourceBuffer: true,
			autoCleanupMaxBackwardDuration: 60,
			autoCleanupMinBackwardDuration: 30,
			statisticsInfoReportInterval: REPORT_MS,
		});
		this.player.on(mpegts.Events.ERROR, (type, detail, info) => on.failed(info?.msg ?? detail ?? type));
		this.player.on(mpegts.Events.LOADING_COMPLETE, () => on.ended());
		this.player.on(mpegts.Events.STATISTICS_INFO, (s) => this.bytes.add(s.speed * 1024 * REPORT_MS / 1000));
		this.player.attachMediaElement(this.video);
		this.player.load();
	}

	ahead() {
		const { buffered, currentTime } = this.video;
		return buffered.length ? buffered.end(buffered.length - 1) - currentTime : 0;
	}

	/** The response begins with a keyframe of the past: jump to the newest picture once, then follow it by pace. */
	follow() {
		const { video } = this;
		if (video.paused || video.readyState < 3) return;
		const ahead = this.ahead();
		if (ahead > this.behind + (this.jumped ? SKIP_S : 0.2)) {
			this.live();
			return;
		}
		this.jumped = true;
		if (ahead > this.behind + SLACK_S) video.playbackRate = 1.1;
		else if (ahead <= this.behind) video.playbackRate = 1;
	}

	stalled() {
		if (this.video.dataset.began && !this.video.seeking) this.behind = Math.min(FARTHEST_S, this.behind + STALL_ADDS_S);
	}

	stop() {
		this.events.abort();
		clearInterval(this.timer);
		this.player.destroy();
		this.video.playbackRate = 1;
	}

	live() {
		const { buffered } = this.video;
		this.jumped = true;
		if (buffered.length) this.video.currentTime = Math.max(buffered.start(buffered.length - 1), buffered.end(buffered.length - 1) - this.behind);
	}

	/** FLV carries no time of day: the edge says how old the newest frame is, we know how far we are behind that. */
	latency() {
		const behind = this.session.stream?.behind_ms;
		return behind === undefined || this.session.state !== 'live' ? null : behind / 1000 + this.ahead();
	}

	/** What its encoder sends, and nothing to choose from. */
	qualities() {
		const picture = this.session.stream?.tracks.find((t) => t.kind === 'video');
		return picture?.height ? [{ id: '', label: `${picture.height}p` }] : [];
	}

	audios() {
		return [];
	}
}

export async function play(session, video, on) {
	const mpegts = await library('mpegts.js', 'mpegts');
	mpegts.LoggingControl.enableAll = false;
	return new FlvPlayback(mpegts, session, video, on);
}
