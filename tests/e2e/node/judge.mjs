// Parsers that others wrote read what an edge serves: node judge.mjs BASE, e.g. http://127.0.0.1:8080/live/cam1
// Prints what they found as JSON, or fails with what they refused.
import HLS from 'hls-parser'
import {Parser} from 'm3u8-parser'
import {parse as parseMpd} from 'mpd-parser'
import * as MP4Box from 'mp4box'

const base = process.argv[2]

async function get(url, options) {
	const answer = await fetch(url, options)
	if (!answer.ok)
		throw new Error(`${url}: ${answer.status} ${await answer.text()}`)
	return answer
}

async function text(url) {
	return (await get(url)).text()
}

function lenient(playlist) {
	const parser = new Parser()
	const warnings = []
	parser.on('warn', (event) => warnings.push(event.message))
	parser.push(playlist)
	parser.end()
	return {manifest: parser.manifest, warnings}
}

// An init segment and a segment, read box by box: the samples that mp4box sees.
async function samples(urls) {
	const file = MP4Box.createFile()
	let info = null, count = 0, failure = null, offset = 0
	file.onError = (module, message) => { failure = message ?? module }
	file.onReady = (ready) => {
		info = ready
		for (const track of ready.tracks)
			file.setExtractionOptions(track.id, null, {nbSamples: 1})
		file.start()
	}
	file.onSamples = (id, user, found) => { count += found.length }
	for (const url of urls) {
		const bytes = await (await get(url)).arrayBuffer()
		bytes.fileStart = offset
		offset += bytes.byteLength
		file.appendBuffer(bytes)
	}
	file.flush()
	if (failure || !info)
		throw new Error(`mp4box: ${failure ?? 'no moov'} in ${urls}`)
	return {codec: info.tracks[0].codec, count}
}

async function judgeMedia(url) {
	const playlist = await text(url)
	HLS.setOptions({strictMode: true})
	const strict = HLS.parse(playlist)
	const {manifest, warnings} = lenient(playlist)
	const whole = strict.segments.filter((one) => one.uri && !one.gap)
	const newest = whole[whole.length - 1]
	const found = {segments: whole.length, parts: strict.segments.flatMap((one) => one.parts).length,
		target: manifest.targetDuration, warnings}
	if (newest.map)
		found.boxes = await samples([new URL(newest.map.uri, url), new URL(newest.uri, url)])
	return found
}

async function main() {
	const root = `${base}/index.m3u8`
	const multivariant = await text(root)
	HLS.setOptions({strictMode: true})
	const master = HLS.parse(multivariant)
	const result = {variants: master.variants.length, warnings: lenient(multivariant).warnings, media: {}}
	const urls = [...master.variants.map((one) => one.uri),
		...master.variants.flatMap((one) => one.audio.map((audio) => audio.uri)).filter(Boolean), 'ts/index.m3u8']
	for (const uri of new Set(urls)) {
		const url = new URL(uri, root)
		result.media[url.pathname.split('/').at(-2)] = await judgeMedia(url)
	}
	const address = `${base}/manifest.mpd`
	const seen = []
	const manifest = parseMpd(await text(address), {manifestUri: address, eventHandler: (event) => seen.push(event)})
	const playlists = [...manifest.playlists,
		...Object.values(manifest.mediaGroups.AUDIO.audio ?? {}).flatMap((group) => group.playlists)]
	result.dash = {events: seen, tracks: []}
	for (const one of playlists) {
		const segment = one.segments.at(-2) ?? one.segments.at(-1)
		result.dash.tracks.push({segments: one.segments.length,
			boxes: await samples([new URL(segment.map.resolvedUri), new URL(segment.resolvedUri)])})
	}
	console.log(JSON.stringify(result))
}

main().catch((why) => {
	console.error(why.message ?? why)
	process.exit(1)
})
