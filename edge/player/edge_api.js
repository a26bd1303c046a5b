// edge_api.js: what the edge says of a stream.
import { root } from './page.js';

const ANSWER_MS = 5000;

export class Unreachable extends Error {}

/** What `read` makes of the answer. None at all, one that breaks off, and one that no edge gives (a proxy's page) are Unreachable. */
async function ask(url, read, options = {}) {
	const limit = AbortSignal.timeout(options.limit ?? ANSWER_MS);
	const signal = options.signal ? AbortSignal.any([options.signal, limit]) : limit;
	let answer;
	try {
		answer = await fetch(url, { cache: 'no-store', ...options, signal });
		if (answer.status < 500) return await read(answer);
	} catch (error) {
		throw new Unreachable(error.message);
	}
	throw new Unreachable(`the edge answers ${answer.status}`);
}

const json = (answer) => (answer.ok ? answer.json() : null);

/** The stream as /api/v1/streams/NAME tells it; null: nobody wants it on this edge, which says nothing of others. */
export async function streamOf(name, signal) {
	return ask(new URL(`api/v1/streams/${name}`, root), json, { signal });
}

async function listOf(path, key) {
	const told = await ask(new URL(path, root), json);
	return told ? told[key] : [];
}

/** All that could be watched, as { name, state, tracks }; more is known of those that somebody watches on this edge. */
export async function liveStreams() {
	const [here, anywhere] = await Promise.all([listOf('api/v1/streams', 'streams'), listOf('api/v1/live', 'live')]);
	const all = new Map(anywhere.map(({ name }) => [name, { name, state: 'live', tracks: [] }]));
	for (const stream of here) if (stream.state !== 'pending') all.set(stream.name, stream);
	return [...all.values()].sort((a, b) => a.name.localeCompare(b.name));
}

/**
 * Makes the edge look for the stream, and waits for it: the head of the FLV is answered as soon as there is one (200)
 * or when the edge is tired of waiting (404; edge.wait_publish). True: it is live.
 */
export async function probe(name, signal) {
	return ask(new URL(`${name}.flv`, root), (answer) => answer.ok, { method: 'HEAD', signal, limit: 620_000 });
}
