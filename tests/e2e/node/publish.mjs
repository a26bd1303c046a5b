// publish.mjs FILE URL: sends a file as FLV, as it is, at its own pace, and prints a line of JSON for each packet.
import { FormatContext, Packet } from 'node-av/lib';
import { check, describe } from './common.mjs';

const [file, url] = process.argv.slice(2);
const input = new FormatContext();
check(await input.openInput(file), 'open the file');
check(await input.findStreamInfo(), 'read the file');

const output = new FormatContext();
check(output.allocOutputContext2(null, 'flv', url), 'make the muxer');
for (const from of input.streams) {
  const to = output.newStream();
  check(from.codecpar.copy(to.codecpar), 'copy the codec parameters');
  to.codecpar.codecTag = 0;
}
check(await output.openOutput(), 'connect');
check(await output.writeHeader(), 'write the header');

const packet = new Packet();
packet.alloc();
const began = performance.now();
let first = null;
while ((await input.readFrame(packet)) >= 0) {
  const index = packet.streamIndex;
  const told = describe(packet, input.streams[index]);
  first ??= told.dts;
  const wait = told.dts - first - (performance.now() - began);
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  console.log(JSON.stringify(told));
  packet.rescaleTs(input.streams[index].timeBase, output.streams[index].timeBase);
  check(await output.interleavedWriteFrame(packet), 'send');
  packet.unref();
}
check(await output.writeTrailer(), 'end');
await output.closeOutput();
process.exit(0);
