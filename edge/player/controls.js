// controls.js: buttons on the picture, and keys.
import { toggleLook } from './look.js';
import { byId, memory, picture } from './page.js';

const QUIET_MS = 2500;

export class Controls {
	constructor(engine, video) {
		this.engine = engine;
		this.video = video;
		this.stage = byId('stage');
		this.actions = {
			play: () => this.play(), mute: () => this.mute(), golive: () => this.live(), full: () => this.full(), pip: () => this.pip(),
		};
		for (const [id, action] of Object.entries(this.actions)) byId(id).addEventListener('click', action);
		byId('volume').addEventListener('input', (e) => this.volume(Number(e.target.value)));
		byId('unmute').addEventListener('click', () => { video.muted = false; });
		video.addEventListener('click', () => this.play());
		video.addEventListener('dblclick', () => this.full());
		for (const event of ['play', 'pause', 'volumechange']) video.addEventListener(event, () => this.update());
		for (const action of ['play', 'pause']) navigator.mediaSession?.setActionHandler(action, () => this.play()); // keys and headsets
		document.addEventListener('fullscreenchange', () => this.update());
		document.addEventListener('keydown', (e) => this.key(e));
		for (const event of ['pointermove', 'pointerdown', 'focusin', 'keydown']) this.stage.addEventListener(event, () => this.wake());
		byId('pip').hidden = !document.pictureInPictureEnabled;
		byId('full').hidden = !this.stage.requestFullscreen && !video.webkitEnterFullscreen;
		video.volume = Number(memory.get('volume') ?? 1);
		video.muted = memory.get('muted') === '1' || new URLSearchParams(location.search).has('muted');
		setInterval(() => this.update(), 500);
		this.update();
	}

	play() {
		if (this.video.paused) {
			this.engine.wanted = true;
			if (this.engine.playback) this.engine.play();
			this.live();
		} else {
			this.engine.wanted = false;
			this.video.pause();
		}
	}

	mute() {
		this.video.muted = !this.video.muted;
		memory.set('muted', this.video.muted ? '1' : '0');
	}

	volume(value) {
		this.video.volume = Math.min(1, Math.max(0, value));
		this.video.muted = this.video.volume === 0;
		memory.set('volume', this.video.volume);
	}

	live() {
		if (this.video.dataset.began) this.engine.playback?.live();
	}

	full() {
		if (document.fullscreenElement) document.exitFullscreen();
		else if (this.stage.requestFullscreen) this.stage.requestFullscreen().catch(() => {});
		else this.video.webkitEnterFullscreen?.();
	}

	pip() {
		if (document.pictureInPictureElement) document.exitPictureInPicture();
		else this.video.requestPictureInPicture?.().catch(() => {});
	}

	key(e) {
		if (e.ctrlKey || e.altKey || e.metaKey || e.target.matches('select, input:not([type=range])')) return;
		const pressed = e.key.toLowerCase();
		// Space and arrows mean something to buttons and sliders themselves.
		if (e.target.matches('button, summary, a') && (pressed === ' ' || pressed === 'enter')) return;
		if (e.target.matches('input') && pressed.startsWith('arrow')) return;
		const action = {
			' ': this.actions.play, k: this.actions.play, m: this.actions.mute, l: this.actions.golive, f: this.actions.full,
			p: this.actions.pip, t: toggleLook,
			arrowup: () => this.volume(this.video.volume + 0.1), arrowdown: () => this.volume(this.video.volume - 0.1),
		}[pressed];
		if (!action) return;
		e.preventDefault();
		this.wake();
		action();
	}

	/** The buttons fade when nobody has moved for a while. */
	wake() {
		this.stage.classList.remove('quiet');
		clearTimeout(this.timer);
		this.timer = setTimeout(() => this.stage.classList.toggle('quiet', !this.video.paused), QUIET_MS);
	}

	update() {
		const { video } = this;
		picture(byId('play'), video.paused ? 'play' : 'pause', video.paused ? 'Play' : 'Pause');
		picture(byId('mute'), video.muted ? 'silent' : 'sound', video.muted ? 'Sound on' : 'Sound off');
		picture(byId('full'), document.fullscreenElement ? 'small' : 'full', document.fullscreenElement ? 'Leave full screen' : 'Full screen');
		picture(byId('pip'), 'pip', 'Picture in picture');
		byId('volume').value = video.muted ? 0 : video.volume;
		if (!video.muted) byId('unmute').hidden = true;
		byId('golive').classList.toggle('now', this.engine.session.state === 'live' && !video.paused && Boolean(video.dataset.began));
		if (video.paused) this.stage.classList.remove('quiet');
	}
}
