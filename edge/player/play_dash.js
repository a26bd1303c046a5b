// play_dash.js: DASH by dash.js. Whether with low latency, the manifest says.
import { edgeNow } from './clock.js';
import { library } from './library.js';
import { ByteMeter } from './meter.js';
import { root } from './page.js';

const CLOSE_S = 1.42; // where the manifest allows it; each stall adds
const STALL_ADDS_S = 0.4;
const FARTHEST_S = 4;

const GAP_LOOK_MS = 100;
const GAP_LEAST_S = 0.3; // shorter ones the library may leap over
const EMPTY_BYTES = 64; // a segment of no more has a `styp` alone: its period broke off before it began

/** Errors of the library that tell of a server: its manifest, a segment, an initialisation could not be had. */
const UNANSWERED = new Set([25, 27, 28]);

const rate = (kbit) => kbit >= 1000 ? `${(kbit / 1000).toFixed(1)} Mbit/s` : `${Math.round(kbit)} kbit/s`;

const qualityLabel = (r) => [r.height ? `${r.height}p` : '', rate(r.bitrateInKbit)].filter(Boolean).join(' · ');

const audioLabel = (t) => t.labels?.[0]?.text || t.lang || `Track ${t.index ?? t.id}`;

class DashPlayback {
	constructor(dashjs, url, video, on) {
		this.bytes = new ByteMeter();
		const time = { scheme: 'urn:mpeg:dash:utc:http-iso:2014', value: new URL('time', root).href };
		this.player = dashjs.MediaPlayer().create();
		this.player.updateSettings({
			debug: { logLevel: dashjs.Debug.LOG_LEVEL_NONE },
			streaming: {
				// The library's own default is a host elsewhere.
				utcSynchronization: { enabled: true, useManifestDateHeaderTimeSource: false, defaultTimingSource: time },
				liveCatchup: { enabled: true, maxDrift: 4, playbackRate: { min: -0.1, max: 0.1 } },
				buffer: { bufferToKeep: 30 },
				scheduling: { lowLatencyTimeout: 50 }, // ms between looks for the next segment; by default it looks without a pause
			},
		});
		this.video = video;
		this.url = url;
		this.delay = NaN;
		this.added = 0; // to it, by the newest stall
		this.edges = [];
		this.left = new Set(); // hosts of those that failed
		this.events = new AbortController();
		video.addEventListener('waiting', () => this.stalled(), { signal: this.events.signal });
		this.gaps = setInterval(() => this.overGap(), GAP_LOOK_MS);
		this.listen(dashjs.MediaPlayer.events, on);
		this.player.initialize(video, url, false);
	}

	listen(events, on) {
		// Who plays before that is not heard by the library, which then never asks for the manifest again.
		this.ready = new Promise((done) => this.player.on(events.STREAM_INITIALIZED, done));
		this.player.on(events.STREAM_INITIALIZED, () => {
			on.changed();
			if (this.again) this.player.play();
		});
		this.player.on(events.MANIFEST_LOADED, (e) => {
			this.keepClose(e.data);
			this.note(e.data);
		});
		this.player.on(events.FRAGMENT_LOADING_COMPLETED, (e) => this.loaded(e.request, e.response?.byteLength || e.request?.bytesLoaded || 0));
		this.player.on(events.PLAYBACK_ENDED, (e) => e.isLast === false || on.ended());
		this.player.on(events.ERROR, (e) => this.leave(e.error) || on.failed(e.error?.message ?? String(e.error)));
	}

	loaded(request, size) {
		this.bytes.add(size);
		if (request?.type !== 'MediaSegment' || size > EMPTY_BYTES || this.looking) return;
		// The next period is there, or will be: the library would look for it half a segment later.
		this.looking = true;
		this.player.refreshManifest(() => { this.looking = false; });
	}

	/** Begins anew by that manifest. */
	begin(url) {
		this.url = url;
		this.again = true;
		this.player.attachSource(url);
	}

	/** An encoder was away, and is back: the library would wait once more for as long as it was, and a jump into another
	 * period now and then leaves it standing. */
	overGap() {
		const { video, player } = this;
		if (!player.isReady() || video.paused || video.seeking || video.readyState > 2) return;
		const { buffered, currentTime } = video;
		for (let i = 0; i < buffered.length; i++) {
			const gap = buffered.start(i) - currentTime;
			if (gap < GAP_LEAST_S) continue;
			this.farther(-this.added); // the encoder's gap says nothing of the network
			this.added = 0;
			if (this.latency() - gap >= player.getTargetLiveDelay()) this.begin(this.url);
			return;
		}
	}

	/** The edges that the manifest lists, by their manifests' addresses. */
	note(manifest) {
		if (manifest) this.edges = (manifest.Location ?? []).map((one) => new URL(one.__text, manifest.url).href);
	}

	/** The library asks for manifests at another edge only when it is steered there. True: it begins anew at one. */
	leave(error) {
		const request = error?.data?.request;
		const host = URL.canParse(request?.url) ? new URL(request.url).host : '';
		if (request?.type === 'ContentSteering') return true; // it goes on without
		if (!UNANSWERED.has(error?.code) || this.left.has(host)) return this.left.has(host);
		const next = this.edges.find((url) => new URL(url).host !== host && !this.left.has(new URL(url).host));
		if (!next) return false;
		this.left.add(host);
		setTimeout(() => { if (!this.events.signal.aborted) this.begin(next); });
		return true;
	}

	/** Where segments may be fetched as they grow we keep closer than the manifest asks of everybody. */
	keepClose(manifest) {
		if (!manifest || this.judged) return;
		this.judged = true;
		const templates = manifest.Period.flatMap((p) => p.AdaptationSet ?? []).flatMap((a) => [a, ...a.Representation ?? []]).map((r) => r.SegmentTemplate);
		const grows = templates.some((t) => String(t?.availabilityTimeComplete) === 'false');
		if (grows) this.delay = CLOSE_S;
		this.player.updateSettings({ streaming: { applyServiceDescription: !grows, delay: { liveDelay: this.delay } } });
	}

	stalled() {
		if (!this.video.dataset.began || this.video.seeking || Number.isNaN(this.delay)) return;
		this.added = Math.min(FARTHEST_S - this.delay, STALL_ADDS_S);
		this.farther(this.added);
	}

	farther(seconds) {
		if (!seconds) return;
		this.delay += seconds;
		this.player.updateSettings({ streaming: { delay: { liveDelay: this.delay } } });
	}

	stop() {
		this.events.abort();
		clearInterval(this.gaps);
		this.player.destroy();
	}

	live() {
		this.player.seekToOriginalLive();
	}

	latency() {
		const time = this.player.isReady() ? this.player.timeAsUTC() : NaN;
		return Number.isFinite(time) && time > 0 ? edgeNow() / 1000 - time : null;
	}

	qualities() {
		return this.player.getRepresentationsByType('video').map((r) => ({ id: r.id, label: qualityLabel(r) }));
	}

	get quality() {
		if (this.player.getSettings().streaming.abr.autoSwitchBitrate.video) return '';
		return this.player.getCurrentRepresentationForType('video')?.id ?? '';
	}

	set quality(id) {
		this.player.updateSettings({ streaming: { abr: { autoSwitchBitrate: { video: id === '' } } } });
		if (id !== '') this.player.setRepresentationForTypeById('video', id, true);
	}

	audios() {
		return this.player.getTracksFor('audio').map((t, i) => ({ id: String(i), label: audioLabel(t) }));
	}

	get audio() {
		const current = this.player.getCurrentTrackFor('audio');
		return String(this.player.getTracksFor('audio').findIndex((t) => t.index === current?.index));
	}

	set audio(id) {
		this.player.setCurrentTrack(this.player.getTracksFor('audio')[Number(id)]);
	}
}

export async function play(session, video, on) {
	const dashjs = await library('dash.mediaplayer.min.js', 'dashjs');
	return new DashPlayback(dashjs, new URL(`${session.name}/manifest.mpd`, root).href, video, on);
}
