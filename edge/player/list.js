// list.js: the edge's first page: what is live, and a field to open any name.
import { liveStreams, Unreachable } from './edge_api.js';
import { startLook, toggleLook } from './look.js';
import { byId, make, root, say, wait } from './page.js';

const SOON_MS = 300;
const POLL_MS = 2000;
const HIDDEN_POLL_MS = 15_000;

const line = (stream) => {
	const video = stream.tracks.find((t) => t.kind === 'video');
	const sound = stream.tracks.find((t) => t.kind === 'audio');
	return [
		video?.width ? `${video.width} × ${video.height}` : '',
		video?.frame_rate ? `${Number(video.frame_rate.toFixed(2))} frames/s` : '',
		video?.codec ?? '', sound?.codec ?? '',
	].filter(Boolean).join(' · ');
};

function item(stream) {
	const link = make('a', { href: new URL(`${stream.name}/`, root).href, 'data-name': stream.name });
	link.append(make('span', { class: 'status' }), make('strong', { text: stream.name }), make('span', { class: 'facts-line' }));
	return make('li', {}, link);
}

/** Items stay the same elements from one answer to the next, so that focus stays too. */
function show(live) {
	const list = byId('streams');
	const known = new Map([...list.children].map((li) => [li.firstElementChild.dataset.name, li]));
	live.forEach((stream, i) => {
		const li = known.get(stream.name) ?? item(stream);
		known.delete(stream.name);
		if (list.children[i] !== li) list.insertBefore(li, list.children[i] ?? null);
		li.dataset.state = stream.state;
		say(li.querySelector('.status'), stream.state === 'live' ? 'Live' : 'Waiting for its encoder');
		say(li.querySelector('.facts-line'), line(stream));
	});
	for (const li of known.values()) li.remove();
	say(byId('summary'), live.length === 0 ? 'Nothing is live just now. This page shows it by itself when something is.'
		: live.length === 1 ? 'One stream' : `${live.length} streams`);
}

async function follow() {
	for (let first = true; ; first = false) {
		try {
			show(await liveStreams());
		} catch (error) {
			if (!(error instanceof Unreachable)) throw error;
			say(byId('summary'), 'The server does not answer. Trying again until it does.');
		}
		await wait(document.hidden ? HIDDEN_POLL_MS : first ? SOON_MS : POLL_MS); // the first made the edge search
	}
}

byId('open').addEventListener('submit', (e) => {
	e.preventDefault();
	const name = byId('name').value.trim().replace(/^\/+|\/+$/g, '');
	if (name) location.href = new URL(`${name.includes('/') ? name : `live/${name}`}/`, root).href;
});
document.addEventListener('keydown', (e) => {
	if (e.key.toLowerCase() === 't' && !e.target.matches('input')) toggleLook();
});
startLook();
follow();
