// edge_api.js: what the edge says of a stream.
import { root } from './page.js';

const ANSWER_MS = 5000;

export class Unreachable extends Error {}

async function ask(url, options = {}) {
	const limit = AbortSignal.timeout(options.limit ?? ANSWER_MS);
	const signal = options.signal ? AbortSignal.any([options.signal, limit]) : limit;
	let answer;
	try {
		answer = await fetch(url, { cache: 'no-store', ...options, signal });
	} catch (error) {
		throw new Unreachable(error.message);
	}
	if (answer.status >= 500) throw new Unreachable(`the edge answers ${answer.status}`);
	return answer;
}

/** The stream as /api/v1/streams/NAME tells it; null: nobody wants it on this edge, which says nothing of others. */
export async function streamOf(name, signal) {
	const answer = await ask(new URL(`api/v1/streams/${name}`, root), { signal });
	return answer.ok ? answer.json() : null;
}

async function listOf(path, key) {
	const answer = await ask(new URL(path, root));
	return answer.ok ? (await answer.json())[key] : [];
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
	const answer = await ask(new URL(`${name}.flv`, root), { method: 'HEAD', signal, limit: 620_000 });
	return answer.ok;
}
