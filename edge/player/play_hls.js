// play_hls.js: HLS and LL-HLS by hls.js, or by the browser itself where it has no media source (older iPhones).
import { edgeNow } from './clock.js';
import { library } from './library.js';
import { ByteMeter } from './meter.js';
import { root } from './page.js';

/** Where another edge can be had, one that does not answer is left before the buffer is empty. */
const LEAVE = { maxNumRetry: 1, retryDelayMs: 100, maxRetryDelayMs: 100 };

const SKIP_S = 4; // behind the aim, beyond which it jumps

const LANGUAGES = typeof Intl.DisplayNames === 'function' ? new Intl.DisplayNames(undefined, { type: 'language' }) : null;

const rate = (bits) => bits >= 1e6 ? `${(bits / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bits / 1e3)} kbit/s`;

const levelLabel = (l) => [l.height ? `${l.height}p` : '', l.bitrate ? rate(l.bitrate) : ''].filter(Boolean).join(' · ') || l.name;

function audioLabel(track) {
	if (!track.lang) return track.name;
	try { return `${track.name} (${LANGUAGES?.of(track.lang) ?? track.lang})`; } catch { return track.name; }
}

class HlsPlayback {
	constructor(Hls, url, video, low, on) {
		this.video = video;
		this.bytes = new ByteMeter();
		this.recovered = 0;
		this.hls = new Hls({
			lowLatencyMode: low,
			enableWorker: false, // it would be made from a blob, which our content policy has not
			backBufferLength: 30,
			maxLiveSyncPlaybackRate: low ? 1.05 : 1,
		});
		if (low) this.timer = setInterval(() => this.follow(), 1000);
		this.listen(Hls, on);
		this.hls.loadSource(url);
		this.hls.attachMedia(video);
	}

	listen(Hls, on) {
		const { Events, ErrorTypes } = Hls;
		this.hls.on(Events.MANIFEST_LOADED, (_, data) => { if (data.contentSteering) this.leaveEarly(); });
		this.hls.on(Events.MANIFEST_PARSED, () => on.changed());
		this.hls.on(Events.AUDIO_TRACKS_UPDATED, () => on.changed());
		this.hls.on(Events.FRAG_LOADED, (_, data) => this.bytes.add(data.payload?.byteLength ?? 0));
		this.hls.on(Events.LEVEL_UPDATED, (_, data) => { if (!data.details.live) on.ended(); });
		this.hls.on(Events.ERROR, (_, data) => {
			if (!data.fatal) return;
			if (data.type === ErrorTypes.MEDIA_ERROR && this.recovered++ < 2) this.hls.recoverMediaError();
			else on.failed(data.error?.message ?? data.details);
		});
	}

	leaveEarly() {
		const { config } = this.hls;
		for (const name of ['playlistLoadPolicy', 'fragLoadPolicy']) {
			config[name] = { default: { ...config[name].default, errorRetry: LEAVE } };
		}
	}

	/** The library follows by pace alone: what a pause of the machine left far behind would take minutes. */
	follow() {
		const { hls, video } = this;
		if (!video.paused && video.readyState >= 3 && hls.targetLatency && hls.latency > hls.targetLatency + SKIP_S) this.live();
	}

	stop() {
		clearInterval(this.timer);
		this.hls.destroy();
	}

	live() {
		if (this.hls.liveSyncPosition !== null) this.video.currentTime = this.hls.liveSyncPosition;
	}

	latency() {
		const date = this.hls.playingDate;
		return date ? (edgeNow() - date.getTime()) / 1000 : null;
	}

	qualities() {
		return this.hls.levels.map((level, i) => ({ id: String(i), label: levelLabel(level) }));
	}

	get quality() {
		return this.hls.autoLevelEnabled ? '' : String(this.hls.currentLevel);
	}

	set quality(id) {
		this.hls.nextLevel = id === '' ? -1 : Number(id);
	}

	audios() {
		return this.hls.audioTracks.map((track, i) => ({ id: String(i), label: audioLabel(track) }));
	}

	get audio() {
		return String(this.hls.audioTrack);
	}

	set audio(id) {
		this.hls.audioTrack = Number(id);
	}
}

/** The browser's own player tells little: neither bytes nor renditions. */
class NativePlayback {
	constructor(url, video, on) {
		this.video = video;
		this.bytes = new ByteMeter();
		this.quality = this.audio = '';
		this.events = new AbortController();
		const { signal } = this.events;
		video.addEventListener('error', () => on.failed(video.error?.message || 'the browser could not play it'), { signal });
		video.addEventListener('ended', () => on.ended(), { signal });
		video.src = url;
	}

	stop() {
		this.events.abort();
		this.video.removeAttribute('src');
		this.video.load();
	}

	live() {
		const { seekable } = this.video;
		if (seekable.length) this.video.currentTime = seekable.end(seekable.length - 1);
	}

	latency() {
		const start = this.video.getStartDate?.().getTime();
		return Number.isFinite(start) ? (edgeNow() - start) / 1000 - this.video.currentTime : null;
	}

	qualities() {
		return [];
	}

	audios() {
		return [];
	}
}

async function start(session, video, low, on) {
	const Hls = await library('hls.min.js', 'Hls');
	const url = new URL(`${session.name}/index.m3u8`, root).href;
	return Hls.isSupported() ? new HlsPlayback(Hls, url, video, low, on) : new NativePlayback(url, video, on);
}

export const playLow = (session, video, on) => start(session, video, true, on);
export const play = (session, video, on) => start(session, video, false, on);
