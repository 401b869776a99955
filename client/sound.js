/**
 * The microphone and the loudspeaker on one AudioContext. Over a WebSocket each is an AudioWorklet;
 * over WebRTC the browser carries the sound, and here it is only measured and played.
 */

export const RATE = 24000;
const LAG_MOST = 0.08; // seconds of device delay that reports allow for; beyond, browsers guess

export class SoundError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

const MICROPHONE = {
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
  channelCount: 1,
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
    this.muted = false;
    this.buffered = 0;
    this.underruns = 0;
    this.levels = new Float32Array(512);
    this.closed = false;
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
    await this.load();
  }

  async load() {
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
    this.playerMeter = this.outMeter = this.meter(this.player);
    this.outMeter.connect(this.context.destination);
    this.context.resume().catch(() => {}); // closed meanwhile
  }

  /** Open the microphone: the one that was chosen, or else the browser's own choice. */
  async listen(chosen = "") {
    const audio = chosen ? { ...MICROPHONE, deviceId: { exact: chosen } } : MICROPHONE;
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio });
    } catch (error) {
      if (chosen && error.name !== "NotAllowedError") return this.listen(); // it is not there any more
      throw new SoundError("microphone", REFUSALS[error.name] ?? `The microphone failed: ${error.message}.`);
    }
    if (this.closed) {
      for (const track of stream.getTracks()) track.stop(); // allowed too late: nobody listens
      return;
    }
    this.source?.disconnect();
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = stream;
    this.source = await this.tap(stream);
    this.inMeter = this.meter(this.source);
    if (this.recorder) this.source.connect(this.recorder);
    this.mute(this.muted);
    for (const track of stream.getAudioTracks()) track.onended = () => this.onlost();
  }

  /** The stream as a source of sound. Firefox makes one only at the rate of the device. */
  async tap(stream) {
    try {
      return this.context.createMediaStreamSource(stream);
    } catch (error) {
      if (error.name !== "NotSupportedError") throw error;
    }
    await this.context.close();
    if (this.closed) throw new SoundError("sound", "The call is over.");
    this.context = new AudioContext({ latencyHint: "interactive" });
    await this.load();
    if (this.speaker) await this.speak(this.speaker);
    return this.context.createMediaStreamSource(stream);
  }

  /** Cut what the microphone hears into frames, for a line that carries them. */
  record() {
    if (this.recorder || !this.source) return;
    this.recorder = new AudioWorkletNode(this.context, "trunkline-capture", { numberOfOutputs: 0 });
    this.recorder.port.onmessage = ({ data }) => this.onframe(data);
    this.source.connect(this.recorder);
  }

  /** Play what a line brings as a stream. Without an element nothing is decoded at all. */
  hear(stream) {
    this.element ??= new Audio();
    this.element.srcObject = stream;
    this.element.play().catch(() => {}); // plays with the next touch
    if (this.speaker) this.speak(this.speaker);
    this.outMeter = this.meter(this.context.createMediaStreamSource(stream));
  }

  /** Play what a line brings in pieces. */
  hearPieces() {
    this.element?.pause();
    this.outMeter = this.playerMeter;
  }

  /** Play through that loudspeaker. */
  async speak(chosen) {
    this.speaker = chosen;
    const players = [this.context, this.element].filter((one) => one?.setSinkId);
    await Promise.all(players.map((one) => one.setSinkId(chosen).catch(() => {})));
  }

  get track() {
    return this.stream?.getAudioTracks()[0] ?? null;
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

  /** Play no more of what came in pieces. */
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
    this.muted = muted;
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

  wake() {
    this.context?.resume().catch(() => {}); // the call is over
    this.element?.play().catch(() => {});
  }

  async close() {
    this.closed = true;
    this.element?.pause();
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    if (this.context && this.context.state !== "closed") await this.context.close();
  }
}
