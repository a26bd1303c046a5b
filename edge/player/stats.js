// stats.js: what is measured while it plays, twice a second, and shown as numbers and small plots.
import { byId, make, say } from './page.js';
import { Plot } from './plot.js';

const EVERY_MS = 500;

const seconds = (v) => v.toFixed(v < 10 ? 2 : 1);

/** least: the smallest full scale of a plot, so that noise does not look like mountains. */
const measures = [
	{ id: 'latency', label: 'Latency', unit: 's', least: 1, text: seconds },
	{ id: 'buffer', label: 'Buffer', unit: 's', least: 1, text: seconds },
	{ id: 'bitrate', label: 'Bitrate', unit: 'Mbit/s', least: 1, text: (v) => v.toFixed(2) },
	{ id: 'dropped', label: 'Dropped frames', unit: '', least: 5, text: String, bars: true },
	{ id: 'stalls', label: 'Stalls', unit: '', least: 1, text: String, bars: true },
];

/** Times that the picture stood still for want of data, and for how long. */
class Stalls {
	constructor(video) {
		this.video = video;
		this.count = 0;
		this.total = 0;
		this.began = null;
		this.sought = 0;
		video.addEventListener('seeking', () => { this.sought = performance.now(); });
		video.addEventListener('waiting', () => this.begin());
		for (const event of ['playing', 'pause', 'emptied', 'ended']) video.addEventListener(event, () => this.end());
	}

	begin() {
		const asked = this.video.seeking || performance.now() - this.sought < 500; // to wait after a jump is no stall
		if (this.began !== null || this.video.paused || asked || !this.video.dataset.began) return;
		this.began = performance.now();
		this.count++;
	}

	end() {
		if (this.began !== null) this.total += performance.now() - this.began;
		this.began = null;
	}

	seconds() {
		return (this.total + (this.began === null ? 0 : performance.now() - this.began)) / 1000;
	}
}

export class Stats {
	constructor(engine, video) {
		this.engine = engine;
		this.video = video;
		this.stalls = new Stalls(video);
		this.shown = measures.map((measure) => this.show(measure));
		this.before = { dropped: 0, stalled: 0 };
		setInterval(() => this.sample(), EVERY_MS);
		document.addEventListener('look', () => this.shown.forEach((s) => s.plot.draw()));
	}

	show(measure) {
		const output = make('output', { id: `stat-${measure.id}` });
		const number = make('span');
		const unit = make('small');
		const canvas = make('canvas', { 'aria-hidden': 'true' });
		output.append(number, ' ', unit);
		byId('stats').append(make('div', { class: 'stat' }, make('h2', { text: measure.label }), output, canvas));
		return { measure, output, number, unit, plot: new Plot(canvas, measure) };
	}

	buffered() {
		const { buffered, currentTime } = this.video;
		for (let i = 0; i < buffered.length; i++) {
			if (buffered.start(i) <= currentTime + 0.1 && currentTime <= buffered.end(i)) return buffered.end(i) - currentTime;
		}
		return 0;
	}

	/** [value to tell, value to plot, unit] of each measure; null: not known now. */
	read() {
		const { playback } = this.engine;
		const playing = playback && this.video.dataset.began;
		const rate = playback?.bytes.rate() ?? null;
		const dropped = this.video.getVideoPlaybackQuality?.().droppedVideoFrames ?? 0;
		const stalled = this.stalls.seconds();
		const fell = Math.max(0, dropped - this.before.dropped);
		const stood = Math.min(1, Math.max(0, stalled - this.before.stalled) * 1000 / EVERY_MS);
		this.before = { dropped, stalled };
		const latency = playing ? playback.latency() : null;
		return {
			latency: [latency, latency],
			buffer: playing ? [this.buffered(), this.buffered()] : [null, null],
			bitrate: rate === null ? [null, null] : [rate / 1e6, rate / 1e6],
			dropped: [dropped, fell],
			stalls: [this.stalls.count, stood, this.stalls.count ? `${stalled.toFixed(1)} s in all` : ''],
		};
	}

	sample() {
		const values = this.read();
		for (const { measure, output, number, unit, plot } of this.shown) {
			const [value, plotted, more] = values[measure.id];
			say(number, value === null ? '–' : measure.text(value));
			say(unit, more ?? (value === null ? '' : measure.unit));
			output.dataset.value = value === null ? '' : String(value);
			plot.add(plotted);
		}
	}
}
