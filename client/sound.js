/** The microphone and the loudspeaker, each an AudioWorklet on one AudioContext. */

export const RATE = 24000;
const LAG_MOST = 0.08; // seconds of device delay that reports allow for; beyond, browsers guess

export class SoundError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

const MICROPHONE = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 },
};

const REFUSALS = {
  NotAllowedError: "The microphone is blocked for this page. Allow it in the address bar, then try again.",
  NotFoundError: "No microphone was found. Plug one in and try again, or type instead.",
  NotReadableError: "Another program holds the microphone. Close it and try again, or type instead.",
};

export class Sound {
  constructor({ onframe, onplayed, onlost, onfull }) {
    Object.assign(this, { onframe, onplayed, onlost, onfull });
    this.numbers = new Map(); // item -> small number, for the worklet
    this.names = [];
    this.stream = null;
    this.buffered = 0;
    this.underruns = 0;
    this.levels = new Float32Array(512);
  }

  /** Open the loudspeaker. Call it from a click, or browsers keep it silent. */
  async open(rate = RATE) {
    if (!window.isSecureContext) {
      throw new SoundError(
        "insecure",
        "Browsers give sound and microphone to secure pages only. Open this page over https:// or at http://localhost.",
      );
    }
    this.context = new AudioContext({ sampleRate: rate, latencyHint: "interactive" });
    await Promise.all(
      ["capture", "playback"].map((name) =>
        this.context.audioWorklet.addModule(new URL(`${name}-worklet.js`, import.meta.url)),
      ),
    );
    this.player = new AudioWorkletNode(this.context, "trunkline-playback", {
      numberOfInputs: 0,
      outputChannelCount: [1],
    });
    this.player.port.onmessage = ({ data }) => this.heard(data);
    this.outMeter = this.meter(this.player);
    this.outMeter.connect(this.context.destination);
    this.context.resume();
  }

  /** Open the microphone. */
  async listen() {
    try {
      this.stream = await navigator.mediaDevices.getUserMedia(MICROPHONE);
    } catch (error) {
      throw new SoundError("microphone", REFUSALS[error.name] ?? `The microphone failed: ${error.message}.`);
    }
    const source = this.context.createMediaStreamSource(this.stream);
    this.inMeter = this.meter(source);
    this.recorder = new AudioWorkletNode(this.context, "trunkline-capture", { numberOfOutputs: 0 });
    this.recorder.port.onmessage = ({ data }) => this.onframe(data);
    source.connect(this.recorder);
    for (const track of this.stream.getAudioTracks()) track.onended = () => this.onlost();
  }

  meter(source) {
    const analyser = this.context.createAnalyser();
    analyser.fftSize = 512;
    source.connect(analyser);
    return analyser;
  }

  play(item, generation, position, pcm) {
    let number = this.numbers.get(item);
    if (number === undefined) {
      number = this.names.push(item) - 1;
      this.numbers.set(item, number);
    }
    this.player.port.postMessage({ kind: "audio", item: number, generation, position, pcm }, [pcm]);
  }

  flush() {
    this.player.port.postMessage({ kind: "flush" });
  }

  heard(report) {
    if (report.kind === "full") {
      this.onfull();
      return;
    }
    this.buffered = report.buffered;
    this.underruns = report.underruns;
    this.onplayed(this.names[report.item], report.samples, report.generation);
    const seconds = Math.min(this.context.outputLatency || 0, LAG_MOST);
    this.player.port.postMessage({ kind: "lag", seconds });
  }

  /** A muted track gives silence, so the other side still hears that nobody speaks. */
  mute(muted) {
    for (const track of this.stream?.getAudioTracks() ?? []) track.enabled = !muted;
  }

  get blocked() {
    return this.context?.state === "suspended";
  }

  /** How loud it is now: root mean square, 0 to 1. */
  level(meter) {
    if (!meter) return 0;
    meter.getFloatTimeDomainData(this.levels);
    let sum = 0;
    for (let i = 0; i < this.levels.length; i++) sum += this.levels[i] * this.levels[i];
    return Math.sqrt(sum / this.levels.length);
  }

  async close() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    if (this.context && this.context.state !== "closed") await this.context.close();
  }
}
