// play.mjs URL [rtmp_enhanced_codecs]: plays to the end; prints the streams' codecs, then a line of JSON for each packet.
import { avGetCodecName, Dictionary, FormatContext, Packet } from 'node-av/lib';
import { check, describe } from './common.mjs';

const [url, codecs] = process.argv.slice(2);
const options = new Dictionary();
if (codecs) options.set('rtmp_enhanced_codecs', codecs);
const input = new FormatContext();
check(await input.openInput(url, null, options), 'open');
check(await input.findStreamInfo(), 'look at the streams');
console.log(JSON.stringify(input.streams.map((s) => ({
  codec: avGetCodecName(s.codecpar.codecId), width: s.codecpar.width, height: s.codecpar.height,
  sample_rate: s.codecpar.sampleRate,
}))));
const packet = new Packet();
packet.alloc();
while ((await input.readFrame(packet)) >= 0) {
  console.log(JSON.stringify(describe(packet, input.streams[packet.streamIndex])));
  packet.unref();
}
process.exit(0);
