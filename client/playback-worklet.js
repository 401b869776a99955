/**
 * Plays what the line brings: a ring of samples, a table of the items in it, and counters.
 *
 * `process` allocates nothing: ring, table and report are made once. (Posting the report makes the
 * browser copy a few numbers; that is the engine's own memory. A SharedArrayBuffer would spare even
 * that, but needs headers that a gateway behind somebody's proxy cannot promise.)
 *
 * Counters only grow; `counter % SIZE` is the place. `written` >= `read` >= `heard`: `heard` trails
 * behind `read` by what waits in the browser's and the device's own buffers.
 */

const SIZE = 1 << 20; // samples in the ring: 43 s
const SPANS = 1024; // items, or pieces of items, in the ring
const WIRE = 24000;
const START = 0.06; // seconds that wait before the first is played
const START_MOST = 0.24;
const START_STEP = 0.03; // added whenever sound ran out in the middle of an item
const EVERY = 0.025; // seconds between reports
const FADE = 0.005; // seconds in which a flushed sound dies away

class Playback extends AudioWorkletProcessor {
  constructor(options) {
    super();
    this.lag = Math.round((options.processorOptions?.lag ?? 0) * WIRE);
    this.step = WIRE / sampleRate; // ring samples per output sample
    this.ring = new Float32Array(SIZE);
    this.items = new Int32Array(SPANS);
    this.generations = new Int32Array(SPANS);
    this.begins = new Float64Array(SPANS); // counter at which the span begins
    this.ends = new Float64Array(SPANS); // ... and ends
    this.positions = new Float64Array(SPANS); // place in the item at which it begins
    this.firstSpan = 0; // the span that is being heard
    this.lastSpan = 0; // one after the newest
    this.written = 0;
    this.read = 0;
    this.heard = 0;
    this.fraction = 0; // between two samples of the ring, where the device has another rate
    this.playing = false;
    this.waited = 0; // seconds since the first sample that is not played yet
    this.start = START;
    this.fadeTo = -1; // counter up to which a flushed sound may be used for its fade
    this.gain = 1;
    this.last = 0; // the last sample given, to die away where the ring runs dry
    this.sinceReport = 0;
    this.reported = 0;
    this.report = {
      kind: "played", item: -1, generation: 0, samples: 0, ended: false, buffered: 0, underruns: 0,
    };
    this.underruns = 0;
    this.dryAt = -1; // counter at which the ring ran dry
    this.port.onmessage = (event) => this.take(event.data);
  }

  take(message) {
    if (message.kind === "audio") this.put(message);
    else if (message.kind === "flush") this.flush();
    else if (message.kind === "lag") this.lag = Math.round(message.seconds * WIRE);
  }

  put({ item, generation, position, pcm }) {
    const samples = new Int16Array(pcm);
    const full = this.written - this.heard + samples.length > SIZE;
    if (full || this.lastSpan - this.firstSpan >= SPANS - 1) {
      this.port.postMessage({ kind: "full" });
      return;
    }
    for (let i = 0; i < samples.length; i++) {
      this.ring[(this.written + i) % SIZE] = samples[i] / 32768;
    }
    const last = (this.lastSpan - 1) % SPANS;
    const goesOn =
      this.lastSpan > this.firstSpan &&
      this.items[last] === item &&
      this.generations[last] === generation &&
      this.positions[last] + this.ends[last] - this.begins[last] === position;
    if (goesOn && !this.playing && this.dryAt === this.written) {
      this.underruns += 1;
      this.start = Math.min(START_MOST, this.start + START_STEP);
    }
    if (!goesOn) {
      const next = this.lastSpan % SPANS;
      this.items[next] = item;
      this.generations[next] = generation;
      this.begins[next] = this.written;
      this.positions[next] = position;
      this.lastSpan += 1;
    }
    this.written += samples.length;
    this.ends[(this.lastSpan - 1) % SPANS] = this.written;
  }

  flush() {
    if (this.playing) this.fadeTo = this.written;
    else this.read = this.written;
    this.waited = 0;
    this.heard = this.written;
    this.reported = this.written;
    this.firstSpan = this.lastSpan;
  }

  process(_inputs, outputs) {
    const out = outputs[0][0];
    const seconds = out.length / sampleRate;
    const before = this.read;
    this.decide(seconds);
    for (let i = 0; i < out.length; i++) out[i] = this.next();
    this.listen(before, out.length * this.step);
    this.sinceReport += seconds;
    if (this.sinceReport >= EVERY) {
      this.sinceReport = 0;
      if (this.heard > this.reported && this.lastSpan > this.firstSpan) this.tell(this.heard, false);
    }
    return true;
  }

  /** Begin when enough waits, or has waited long enough: a short item never fills the buffer. */
  decide(seconds) {
    if (this.playing || this.written === this.read) return;
    this.waited += seconds;
    if (this.written - this.read >= this.start * WIRE || this.waited >= this.start) {
      this.playing = true;
      this.waited = 0;
    }
  }

  next() {
    if (!this.playing) return this.dieAway();
    const flushed = this.fadeTo >= 0;
    if (flushed) this.gain -= 1 / (FADE * sampleRate);
    const end = flushed ? this.fadeTo : this.written;
    if (flushed && (this.gain <= 0 || this.read >= end)) return this.drop();
    if (this.read >= end) {
      this.runDry();
      return this.dieAway();
    }
    const now = this.ring[this.read % SIZE];
    const then = this.read + 1 < end ? this.ring[(this.read + 1) % SIZE] : now;
    this.last = (now + (then - now) * this.fraction) * this.gain;
    this.fraction += this.step;
    while (this.fraction >= 1 && this.read < end) {
      this.fraction -= 1;
      this.read += 1;
    }
    return this.last;
  }

  drop() {
    this.read = this.fadeTo;
    this.fadeTo = -1;
    this.gain = 1;
    this.playing = this.written > this.read;
    return this.dieAway();
  }

  /** Nothing is left. If more of the same item comes, the line was late, and more must wait. */
  runDry() {
    this.playing = false;
    this.fraction = 0;
    this.dryAt = this.written;
  }

  dieAway() {
    this.last *= 0.95;
    if (this.last < 1e-5 && this.last > -1e-5) this.last = 0;
    return this.last;
  }

  /** Move `heard` after `read`, and tell of each item whose end has been heard. */
  listen(before, length) {
    if (this.fadeTo >= 0) return;
    if (this.read === before) this.heard = Math.min(this.read, this.heard + length);
    else this.heard = Math.max(this.heard, this.read - this.lag);
    while (this.firstSpan < this.lastSpan) {
      const span = this.firstSpan % SPANS;
      if (this.heard < this.ends[span]) return;
      if (this.ends[span] === this.written && this.reported === this.written) return;
      this.tell(this.ends[span], true);
      if (this.firstSpan + 1 === this.lastSpan) return; // more of it may come
      this.firstSpan += 1;
    }
  }

  tell(counter, ended) {
    const span = this.firstSpan % SPANS;
    const report = this.report;
    report.item = this.items[span];
    report.generation = this.generations[span];
    report.samples = Math.floor(this.positions[span] + counter - this.begins[span]);
    report.ended = ended;
    report.buffered = this.written - this.read;
    report.underruns = this.underruns;
    this.reported = counter;
    this.port.postMessage(report);
  }
}

registerProcessor("trunkline-playback", Playback);
