// Reads MP4 files with mp4box.js and prints what it found and complained of, as JSON: {file: facts}.
import { readFileSync } from "node:fs";
import { createFile, Log } from "mp4box";

const complaints = [];
for (const level of ["debug", "info", "log", "warn", "error"]) {
  console[level] = (...words) => complaints.push(words.join(" "));
}
Log.setLogLevel(Log.LOG_LEVEL_WARNING);

function inspect(path) {
  complaints.length = 0;
  const file = createFile();
  const samples = [];
  let info = null;
  file.onError = (module, message) => complaints.push(`${module}: ${message}`);
  file.onReady = (found) => {
    info = found;
    file.setExtractionOptions(found.videoTracks[0].id, null, { nbSamples: 1000 });
    file.start();
  };
  file.onSamples = (_id, _user, some) => samples.push(...some);
  const bytes = readFileSync(path);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  // In pieces, as over a network.
  const piece = 65536;
  for (let at = 0; at < buffer.byteLength; at += piece) {
    const part = buffer.slice(at, at + piece);
    part.fileStart = at;
    file.appendBuffer(part, at + piece >= buffer.byteLength);
  }
  file.flush();
  const track = info?.videoTracks[0];
  return {
    complaints: [...complaints],
    boxes: file.boxes.map((box) => box.type),
    brands: info?.brands,
    codec: track?.codec,
    created: info?.created?.toISOString(),
    is_fragmented: info?.isFragmented,
    is_progressive: info?.isProgressive,
    width: track?.video.width,
    height: track?.video.height,
    track_width: track?.track_width,
    track_height: track?.track_height,
    matrix: track && [...track.matrix],
    timescale: track?.timescale,
    movie_duration: info?.duration / info?.timescale,
    sizes: samples.map((sample) => sample.data.length),
    keys: samples.flatMap((sample, number) => (sample.is_sync ? [number] : [])),
    shown: samples.map((sample) => sample.cts),
    decoded: samples.map((sample) => sample.dts),
    durations: samples.map((sample) => sample.duration),
    fragments: file.moofs?.map((moof) => moof.trafs[0].tfdt.baseMediaDecodeTime),
    edits: track?.edits?.map((edit) => [edit.segment_duration, edit.media_time]),
  };
}

const report = Object.fromEntries(process.argv.slice(2).map((path) => [path, inspect(path)]));
process.stdout.write(JSON.stringify(report));
