// protocols.js: the table of protocols, and which of them this browser and this stream can do, best first.
//
// An adapter is { play(session, video, on) } → a playback:
//   stop()                      lets go of the video
//   ready                       where given, a promise: play only then
//   live()                      goes to the newest picture
//   latency()                   seconds behind the programme's time, or null
//   bytes                       a ByteMeter
//   qualities() / audios()      [{ id, label }], of which '' is automatic
//   quality, audio              the chosen ids; setting them chooses (where there is something to choose)
// `on.changed()` says that qualities or audios are other ones; `on.failed(reason)` that it cannot go on;
// `on.ended()` that the stream says it is over; `on.again()` that it begins anew by itself, and there is another `ready`.
import { root } from './page.js';
import * as dash from './play_dash.js';
import * as flv from './play_flv.js';
import * as hls from './play_hls.js';

const media = window.ManagedMediaSource ?? window.MediaSource;
const native = document.createElement('video').canPlayType('application/vnd.apple.mpegurl') !== '';

/** Best first: adaptive with low latency, then what is light, then what needs many seconds. */
export const protocols = [
	{ id: 'llhls', label: 'LL-HLS', needs: 'index.m3u8', possible: () => Boolean(media) || native, play: hls.playLow },
	{ id: 'dash', label: 'DASH', needs: 'manifest.mpd', possible: () => Boolean(media), play: dash.play },
	{ id: 'flv', label: 'FLV', possible: () => Boolean(window.MediaSource), types: /^(avc1|hvc1|hev1|av01|mp4a|\.mp3|mp3|ac-3|ec-3|Opus)/i, play: flv.play },
	{ id: 'hls', label: 'HLS', needs: 'index.m3u8', possible: () => Boolean(media) || native, play: hls.play },
];

/** Codecs of the stream that this browser does not play, as texts; [] where all is well or nothing is known. */
export function unplayable(stream) {
	if (!media) return [];
	const tracks = (stream?.tracks ?? []).filter((t) => t.codecs && (t.kind === 'video' || t.kind === 'audio'));
	return tracks.filter((t) => !media.isTypeSupported(`${t.kind}/mp4; codecs="${t.codecs}"`)).map((t) => t.codecs);
}

/** Null where the protocol may play the stream, else why not. */
export function obstacle(protocol, stream) {
	if (!protocol.possible()) return 'this browser cannot';
	const tracks = (stream?.tracks ?? []).filter((t) => t.kind === 'video' || t.kind === 'audio');
	if (protocol.types && tracks.some((t) => !protocol.types.test(t.codec))) return 'not for these codecs';
	return null;
}

/** Whether the edge offers it for the stream: one that has no such route, or was told not to, answers 404. */
export async function offered(protocol, name) {
	if (!protocol.needs) return true;
	try {
		const answer = await fetch(new URL(`${name}/${protocol.needs}`, root), { method: 'HEAD', signal: AbortSignal.timeout(5000) });
		return answer.ok;
	} catch {
		return false;
	}
}
