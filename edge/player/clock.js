// clock.js: the edge's time of day, whatever this machine's clock says. Latency is measured with it.
import { root, wait } from './page.js';

const SAMPLES = 5;
const AGAIN_MS = 60_000;

let base = Date.now() - performance.now(); // until the edge has answered: our own clock

/** Milliseconds since 1970, by the edge's clock. */
export const edgeNow = () => base + performance.now();

async function sample() {
	const sent = performance.now();
	const answer = await fetch(new URL('time', root), { cache: 'no-store' });
	const received = performance.now();
	const time = Date.parse((await answer.text()).trim());
	if (!answer.ok || Number.isNaN(time)) throw new Error('the edge did not tell its time');
	return { trip: received - sent, base: time - (sent + received) / 2 };
}

/** Of some round trips the shortest bounds the error best: by half of it. */
async function synchronise() {
	const samples = [];
	for (let i = 0; i < SAMPLES; i++) samples.push(await sample());
	base = samples.sort((a, b) => a.trip - b.trip)[0].base;
}

export async function startClock() {
	for (;;) {
		await synchronise().catch(() => {}); // the last known offset serves on
		await wait(AGAIN_MS);
	}
}
