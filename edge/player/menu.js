// menu.js: what can be chosen: protocol, quality, audio.
import { byId, make } from './page.js';
import { obstacle, protocols } from './protocols.js';

/** Fills a list anew only where it differs, for an open list must not jump. */
function fill(select, options, chosen) {
	const wanted = JSON.stringify(options);
	if (select.dataset.options !== wanted) {
		select.dataset.options = wanted;
		select.replaceChildren(...options.map((o) => {
			const option = make('option', { value: o.id, text: o.label });
			option.disabled = Boolean(o.disabled);
			return option;
		}));
	}
	select.disabled = options.length < 2;
	if (document.activeElement !== select || select.value !== chosen) select.value = chosen;
}

export class Menu {
	constructor(engine) {
		this.engine = engine;
		engine.addEventListener('change', () => this.update());
		byId('protocol').addEventListener('change', (e) => this.chooseProtocol(e.target.value));
		byId('quality').addEventListener('change', (e) => { engine.playback.quality = e.target.value; });
		byId('audio').addEventListener('change', (e) => { engine.playback.audio = e.target.value; });
		this.chooseProtocol(new URLSearchParams(location.search).get('protocol') ?? '');
	}

	/** The choice stands in the page's address, so that it can be kept and passed on. */
	chooseProtocol(id) {
		const known = protocols.some((p) => p.id === id) ? id : '';
		const url = new URL(location.href);
		if (known) url.searchParams.set('protocol', known);
		else url.searchParams.delete('protocol');
		history.replaceState(null, '', url);
		this.engine.choose(known);
	}

	update() {
		const { engine } = this;
		const { playback, protocol, chosen } = engine;
		const automatic = !chosen && protocol?.label ? `Best (${protocol.label})` : 'Best';
		fill(byId('protocol'), [{ id: '', label: automatic }, ...protocols.map((p) => {
			const why = obstacle(p, engine.session.stream);
			return { id: p.id, label: why ? `${p.label} – ${why}` : p.label, disabled: why };
		})], chosen);
		const qualities = playback?.qualities() ?? [];
		fill(byId('quality'), qualities.length > 1
			? [{ id: '', label: 'Automatic' }, ...qualities]
			: [{ id: '', label: qualities[0]?.label || 'As published' }], qualities.length > 1 ? playback.quality : '');
		const audios = playback?.audios() ?? [];
		fill(byId('audio'), audios.length ? audios : [{ id: '', label: 'As published' }], audios.length ? playback.audio : '');
		document.body.dataset.protocol = protocol?.id ?? '';
	}
}
