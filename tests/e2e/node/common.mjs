// What both programs share: errors with FFmpeg's text, and packets as lines of JSON.
import { createHash } from 'node:crypto';
import { FFmpegError } from 'node-av/lib';

export function check(status, what) {
  FFmpegError.throwIfError(status, what);
  return status;
}

const NO_TIME = -(2n ** 63n);

// Milliseconds, which is all that RTMP and FLV can say.
function milliseconds(time, base) {
  return Math.round((Number(time) * base.num * 1000) / base.den);
}

export function describe(packet, stream) {
  return {
    stream: packet.streamIndex,
    dts: milliseconds(packet.dts === NO_TIME ? packet.pts : packet.dts, stream.timeBase),
    pts: milliseconds(packet.pts, stream.timeBase),
    size: packet.size,
    md5: createHash('md5').update(packet.data ?? Buffer.alloc(0)).digest('hex'),
  };
}
