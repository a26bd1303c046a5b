// notices.js: what the page says of the stream's state, in words, on the picture and in the head.
import { byId, say } from './page.js';

const words = {
	searching: ['Looking for the stream', ''],
	offline: ['Not live', 'Nobody publishes this stream now. It starts here by itself when somebody does.'],
	live: ['Connecting', ''],
	waiting: ['Waiting for the encoder', 'The stream’s source was lost a moment ago. It goes on here by itself when the source is back.'],
	checking: ['Looking for the stream', ''],
	ended: ['The stream has ended', 'If it begins again, it plays here by itself.'],
	unreachable: ['The server does not answer', 'Trying again until it does.'],
};

const pills = { searching: 'Connecting', checking: 'Connecting', offline: 'Not live', live: 'Live', waiting: 'Waiting for the encoder', ended: 'Ended', unreachable: 'No connection' };

const still = new Set(['offline', 'ended']);

export class Notices {
	constructor(session, engine, video) {
		Object.assign(this, { session, engine, video });
		session.addEventListener('state', () => this.update());
		session.addEventListener('told', () => this.facts());
		engine.addEventListener('change', () => this.update());
		for (const event of ['playing', 'waiting', 'pause', 'play']) video.addEventListener(event, () => this.update());
		this.update();
	}

	/** A picture that still moves needs no curtain: the pill in the head tells. */
	update() {
		const { state } = this.session;
		const began = Boolean(this.video.dataset.began);
		const moving = began && this.video.readyState >= 3;
		let [title, text] = words[state];
		let shown = true;
		if (state === 'live') {
			if (this.engine.trouble && !began) [title, text] = ['It cannot be played now', `Trying again: ${this.engine.trouble}.`];
			else shown = !moving && !(began && this.video.paused);
			if (began) [title, text] = ['Loading', ''];
		} else if (state === 'searching' || state === 'checking' || state === 'waiting' || state === 'unreachable') {
			shown = !moving;
		}
		document.body.dataset.state = state;
		say(byId('status'), pills[state]);
		const notice = byId('notice');
		notice.classList.toggle('shown', shown);
		notice.classList.toggle('still', still.has(state));
		notice.classList.toggle('dim', shown && state !== 'live');
		notice.setAttribute('aria-hidden', String(!shown));
		say(byId('notice-title'), shown ? title : '');
		say(byId('notice-text'), shown ? text : '');
	}

	facts() {
		const { stream } = this.session;
		if (!stream) return;
		const facts = [['Name', stream.name]];
		for (const t of stream.tracks) {
			const size = t.width ? `${t.width} × ${t.height}` : '';
			const pace = t.frame_rate ? `${Number(t.frame_rate.toFixed(2))} frames/s` : '';
			const sound = t.sample_rate ? `${t.sample_rate / 1000} kHz, ${t.channels === 1 ? 'mono' : t.channels === 2 ? 'stereo' : `${t.channels} channels`}` : '';
			facts.push([t.kind === 'video' ? 'Video' : t.kind === 'audio' ? 'Audio' : t.kind, [t.codecs ?? t.codec, size, pace, sound].filter(Boolean).join(' · ')]);
		}
		const text = JSON.stringify(facts);
		if (this.told === text) return;
		this.told = text;
		byId('facts').replaceChildren(...facts.flatMap(([name, value]) => [
			Object.assign(document.createElement('dt'), { textContent: name }),
			Object.assign(document.createElement('dd'), { textContent: value }),
		]));
	}
}
