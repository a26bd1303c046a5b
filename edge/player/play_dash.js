// play_dash.js: DASH by dash.js. Whether with low latency, the manifest says.
import { edgeNow } from './clock.js';
import { library } from './library.js';
import { ByteMeter } from './meter.js';
import { root } from './page.js';

const CLOSE_S = 1.42; // where the manifest allows it; each stall adds to it
const STALL_ADDS_S = 0.4;
const FARTHEST_S = 4;

const GAP_LOOK_MS = 100;
const GAP_LEAST_S = 0.3; // shorter ones the library may leap over
const WELL_IN_S = 0.3; // a period that was jumped into plays when it has come so far
const STANDS_MS = 1000; // behind one for so long, it does not
const EMPTY_BYTES = 64; // a segment of no more has a `styp` alone: its period broke off before it began

/** Errors of the library that tell of a server: its manifest, a segment, an initialisation could not be had. */
const UNANSWERED = new Set([25, 27, 28]);

const rate = (kbit) => kbit >= 1000 ? `${(kbit / 1000).toFixed(1)} Mbit/s` : `${Math.round(kbit)} kbit/s`;

const qualityLabel = (r) => [r.height ? `${r.height}p` : '', rate(r.bitrateInKbit)].filter(Boolean).join(' · ');

const audioLabel = (t) => t.labels?.[0]?.text || t.lang || `Track ${t.index ?? t.id}`;

class DashPlayback {
	constructor(dashjs, url, video, on) {
		this.dashjs = dashjs;
		this.video = video;
		this.on = on;
		this.bytes = new ByteMeter();
		this.delay = NaN;
		this.edges = [];
		this.left = new Set(); // hosts of those that failed
		this.fixed = this.sound = ''; // the quality and the audio that were chosen
		this.events = new AbortController();
		video.addEventListener('waiting', () => this.stalled(), { signal: this.events.signal });
		this.looks = setInterval(() => this.overGap(), GAP_LOOK_MS);
		this.create(url);
	}

	/** A player of the library's, from the manifest on. */
	create(url) {
		const { dashjs, video } = this;
		const time = { scheme: 'urn:mpeg:dash:utc:http-iso:2014', value: new URL('time', root).href };
		this.url = url;
		this.newest = null; // the manifest's last period
		this.reached = this.stalledIn = ''; // ids of the newest that was played, or is to be; of that where the picture stands
		this.judged = this.looking = this.moved = false;
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
		this.listen(dashjs.MediaPlayer.events, this.on);
		this.player.initialize(video, url, false);
	}

	/** Begins anew by that manifest, with nothing left of before: the library's player, told to load another, now and then
	 * goes on with what it had begun, and stands. */
	begin(url) {
		this.player.destroy();
		this.create(url);
		this.on.again();
	}

	listen(events, on) {
		const { player } = this;
		const hear = (event, does) => player.on(event, (e) => { if (player === this.player) does(e); });
		// Who plays before that is not heard by the library, which then never asks for the manifest again.
		this.ready = new Promise((done) => hear(events.STREAM_INITIALIZED, done));
		hear(events.STREAM_INITIALIZED, () => {
			if (this.fixed) this.quality = this.fixed;
			if (this.sound) this.audio = this.sound;
			on.changed();
		});
		hear(events.MANIFEST_LOADED, (e) => {
			this.keepClose(e.data);
			this.note(e.data);
		});
		hear(events.FRAGMENT_LOADING_COMPLETED, (e) => this.loaded(e.request, e.response?.byteLength || e.request?.bytesLoaded || 0));
		hear(events.PLAYBACK_ENDED, (e) => e.isLast === false || on.ended());
		hear(events.ERROR, (e) => this.leave(e.error) || on.failed(e.error?.message ?? String(e.error)));
	}

	loaded(request, size) {
		this.bytes.add(size);
		if (request?.type !== 'MediaSegment' || size > EMPTY_BYTES || this.looking) return;
		// The next period is there, or will be: the library would look for it half a segment later.
		this.looking = true;
		this.player.refreshManifest(() => { this.looking = false; });
	}

	/** An encoder was away, and is back with a period of its own: the library would wait once more for as long as it was,
	 * and a jump into another period now and then leaves it standing. */
	overGap() {
		const { video, player, newest } = this;
		const now = performance.now();
		const stands = video.seeking || video.readyState <= 2;
		if (!newest || !player.isReady() || video.paused || !stands) {
			this.stood = now;
			if (newest && !stands) this.moves();
			return;
		}
		if (newest.id === this.reached || edgeNow() / 1000 - newest.wall < player.getTargetLiveDelay()) return;
		const jumps = newest.start - video.currentTime < GAP_LEAST_S || video.seeking; // by itself
		if (jumps && now - this.stood < STANDS_MS) return;
		this.begin(this.url);
	}

	moves() {
		const { id, start } = this.newest;
		this.moved = true;
		if (this.video.currentTime >= start + WELL_IN_S) this.reached = id;
		if (this.stalledIn === id && !Number.isNaN(this.delay)) this.farther(Math.min(FARTHEST_S - this.delay, STALL_ADDS_S));
		this.stalledIn = '';
	}

	/** The edges that the manifest lists, by their manifests' addresses, and its last period. */
	note(manifest) {
		if (!manifest) return;
		this.edges = (manifest.Location ?? []).map((one) => new URL(one.__text, manifest.url).href);
		const { id, start } = manifest.Period.at(-1);
		this.newest = manifest.type === 'dynamic' && { id, start, wall: Date.parse(manifest.availabilityStartTime) / 1000 + start };
		this.reached ||= id;
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
		if (!grows) this.delay = NaN;
		else if (Number.isNaN(this.delay)) this.delay = CLOSE_S;
		this.player.updateSettings({ streaming: { applyServiceDescription: !grows, delay: { liveDelay: this.delay } } });
	}

	stalled() {
		// Before an encoder's gap, or in the jump over it, that says nothing of the network.
		if (this.moved && !this.video.seeking && this.reached === this.newest.id) this.stalledIn = this.reached;
	}

	farther(seconds) {
		if (seconds <= 0) return;
		this.delay += seconds;
		this.player.updateSettings({ streaming: { delay: { liveDelay: this.delay } } });
	}

	stop() {
		this.events.abort();
		clearInterval(this.looks);
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
		this.fixed = id;
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
		this.sound = id;
		this.player.setCurrentTrack(this.player.getTracksFor('audio')[Number(id)]);
	}
}

export async function play(session, video, on) {
	const dashjs = await library('dash.mediaplayer.min.js', 'dashjs');
	return new DashPlayback(dashjs, new URL(`${session.name}/manifest.mpd`, root).href, video, on);
}
