/**
 * Turns the microphone into frames of 20 ms of PCM16 at 24 kHz.
 *
 * Where the browser gives another rate, a windowed sinc takes it down: its table is made once, and
 * `process` allocates nothing (posting a frame makes the browser copy it).
 */

const WIRE = 24000;
const FRAME = 480;
const REACH = 16; // samples of the wire's rate to either side of the filter
const PHASES = 128;

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.frame = new Int16Array(FRAME);
    this.filled = 0;
    this.ratio = sampleRate / WIRE; // input samples per output sample
    this.reach = Math.ceil(REACH * Math.max(1, this.ratio));
    this.taps = 2 * this.reach;
    this.history = new Float32Array(1 << 14);
    this.taken = 0; // input samples so far
    this.at = this.reach; // place of the next output, in input samples
    this.table = this.ratio === 1 ? null : this.filter();
  }

  filter() {
    const table = new Float32Array((PHASES + 1) * this.taps);
    const cut = 0.92 * Math.min(1, 1 / this.ratio);
    for (let phase = 0; phase <= PHASES; phase++) {
      let sum = 0;
      for (let tap = 0; tap < this.taps; tap++) {
        const x = tap - this.reach + 1 - phase / PHASES;
        const sinc = x === 0 ? cut : Math.sin(Math.PI * cut * x) / (Math.PI * x);
        const hann = 0.5 + 0.5 * Math.cos((Math.PI * x) / this.reach);
        table[phase * this.taps + tap] = Math.abs(x) < this.reach ? sinc * hann : 0;
        sum += table[phase * this.taps + tap];
      }
      for (let tap = 0; tap < this.taps; tap++) table[phase * this.taps + tap] /= sum;
    }
    return table;
  }

  process(inputs) {
    const input = inputs[0][0];
    if (input === undefined) return true;
    if (this.table === null) {
      for (let i = 0; i < input.length; i++) this.give(input[i]);
    } else {
      this.resample(input);
    }
    return true;
  }

  resample(input) {
    const mask = this.history.length - 1;
    for (let i = 0; i < input.length; i++) this.history[(this.taken + i) & mask] = input[i];
    this.taken += input.length;
    while (this.at + this.reach < this.taken) {
      const whole = Math.floor(this.at);
      const row = Math.round((this.at - whole) * PHASES) * this.taps;
      const first = whole - this.reach + 1;
      let sum = 0;
      for (let tap = 0; tap < this.taps; tap++) {
        sum += this.history[(first + tap) & mask] * this.table[row + tap];
      }
      this.give(sum);
      this.at += this.ratio;
    }
  }

  give(sample) {
    const scaled = Math.round(sample * 32767);
    this.frame[this.filled] = scaled > 32767 ? 32767 : scaled < -32768 ? -32768 : scaled;
    this.filled += 1;
    if (this.filled < FRAME) return;
    this.filled = 0;
    this.port.postMessage(this.frame);
  }
}

registerProcessor("trunkline-capture", Capture);
