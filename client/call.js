/** One call: picks a line, carries words and sound over it, and finds another when it breaks. */

import { Line } from "./line.js";
import { RefusedError, RtcLine, wayTo } from "./rtc.js";
import { RATE, Sound } from "./sound.js";

const DRAIN = 3000; // ms that the last words may take after the other side has hung up
const PATIENCE = 3000; // ms in which a way for WebRTC must be found; then it is the WebSocket
const AWAY = 30000; // ms that the gateway keeps a call whose line broke
const AGAIN = 1000; // ms between attempts to come back

export class Call {
  /** `face` shows things: phase, state, line, take(message), problem(code, text, retry). */
  constructor(face, options) {
    this.face = face;
    // microphone, speaker, rate, line: "socket" for no WebRTC, "none" for one that finds no way
    this.options = options;
    this.played = {};
    this.flushes = 0;
    this.began = 0;
    this.ended = "";
    this.over = false;
    this.returns = 0;
    this.rtc = false; // whether a way was found for it
    this.figures = { buffer: 0, trip: 0 };
    this.sound = new Sound({
      onframe: (frame) => this.line?.sendAudio?.(frame),
      onplayed: (item, samples, generation) => this.heard(item, samples, generation),
      onlost: () => face.problem("lost", "The microphone is gone. Plug it in and call again, or type."),
      onfull: () => face.notice("full", "Sound came faster than it can be played; some is missing."),
    });
  }

  async start(withMicrophone) {
    this.face.phase("connecting");
    const way = this.options.line === "socket" ? null : wayTo(document.baseURI);
    try {
      await this.sound.open(this.options.rate || RATE);
      if (this.options.speaker) await this.sound.speak(this.options.speaker);
      if (withMicrophone) await this.sound.listen(this.options.microphone);
    } catch (error) {
      if (this.over) return; // it was cancelled meanwhile
      this.end("idle");
      this.face.refused(error);
      return;
    }
    if (this.over) return;
    if (this.sound.blocked) this.face.asleep(this.sound);
    await this.pickLine(await way);
  }

  /** WebRTC where there is a way for it, else the WebSocket. */
  async pickLine(way) {
    this.way = this.options.line === "none" && way ? { ...way, iceTransportPolicy: "relay" } : way;
    if (way) {
      try {
        await this.openRtc(undefined, PATIENCE);
        return;
      } catch (error) {
        if (this.over) return;
        if (error instanceof RefusedError && [401, 403, 429, 503].includes(error.status)) {
          this.end("ended");
          this.face.problem("line", error.message, true);
          return;
        }
      }
    }
    if (!this.over) this.openSocket();
  }

  async openRtc(where, patience) {
    const line = new RtcLine({
      onmessage: (message) => this.take(message),
      onsound: (stream) => this.sound.hear(stream),
      onclose: (code, reason, opened) => this.closed(code, reason, opened),
      onlost: () => this.comeBack(),
    });
    this.line = line;
    await line.open(this.way, this.sound.track, where, patience);
    if (this.over) line.close();
    this.rtc = true;
    this.face.line(line.kind);
  }

  /** A new call over a WebSocket, or with `goesOn` the one that goes on. */
  openSocket(goesOn) {
    const line = new Line({
      onmessage: (message) => this.take(message),
      onaudio: (item, generation, position, pcm) => this.sound.play(item, generation, position, pcm),
      // One that is refused before it goes on is not the end: there are other ways to try.
      onclose: (code, reason, opened) =>
        (goesOn && !line.established) || this.closed(code, reason, opened),
      onlost: () => this.comeBack(),
      onslow: () => this.face.notice("slow", "The network is slow; some of what you say is lost."),
    });
    this.line = line;
    this.sound.record();
    this.sound.hearPieces();
    const known = line.open(true, goesOn);
    this.face.line(line.kind);
    return goesOn ? known : known.catch(() => {}); // a new one says itself why it closed
  }

  /** The line broke: the call waits for us, as long as it can. */
  async comeBack() {
    if (this.over || this.returning) return;
    this.returning = true;
    this.line.drop();
    this.sound.flush();
    this.face.away(true);
    const back = await this.findLine(performance.now() + AWAY);
    this.returning = false;
    if (this.over) return;
    this.face.away(false);
    if (back) {
      this.returns += 1;
      return;
    }
    this.end("ended");
    this.face.problem("line", "The line broke, and the call could not wait any longer.", true);
  }

  /** Whether another line was found by then: as the call was picked, WebRTC first. */
  async findLine(until) {
    while (!this.over && performance.now() < until) {
      for (const open of this.ways()) {
        try {
          await open();
          return true;
        } catch (error) {
          if (error.status >= 400 && error.status < 500) return false;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, AGAIN));
    }
    return false;
  }

  ways() {
    const where = `v1/realtime/calls/${this.id?.replace("call_", "rtc_")}`;
    const socket = () => this.openSocket(this.id);
    return this.rtc ? [() => this.openRtc(where, PATIENCE), socket] : [socket];
  }

  take(message) {
    if (message.type === "started") {
      this.id = message.call;
      if (!this.began) this.began = performance.now();
    } else if (message.type === "flush") {
      this.flushes += 1;
      this.sound.flush();
    } else if (message.type === "error") {
      this.ended = message.message;
    }
    this.face.take(message, this.returns > 0 || this.returning);
  }

  heard(item, samples, generation) {
    this.played[item] = samples;
    this.line.sendPlayed?.(item, samples, generation);
  }

  closed(code, reason, opened) {
    if (this.over) return;
    if (code === 1000) {
      this.end("ended", DRAIN);
      return;
    }
    this.end("ended");
    const broken = opened
      ? this.ended || reason || "The line broke. Check the network, then call again."
      : "The gateway does not answer. Is it running, and is it this address?";
    this.face.problem("line", broken, true);
  }

  get live() {
    return !this.over && Boolean(this.line?.live);
  }

  send(message) {
    this.line?.send(message);
  }

  hangUp() {
    this.line?.close();
    this.end("ended");
  }

  end(phase, drain = 0) {
    this.over = true;
    this.face.phase(phase);
    this.sound.mute(true);
    const left = (this.sound.buffered / RATE) * 1000 + 100;
    setTimeout(() => this.sound.close(), drain && Math.min(drain, left));
  }

  async microphone(chosen) {
    this.options.microphone = chosen;
    if (this.over || !this.sound.stream) return;
    await this.sound.listen(chosen);
    await this.line?.replace?.(this.sound.track);
  }

  async speaker(chosen) {
    this.options.speaker = chosen;
    await this.sound.speak(chosen);
  }

  async measure() {
    if (this.line?.figures && this.live) this.figures = await this.line.figures();
  }

  statistics() {
    return {
      line: this.line?.kind ?? "",
      returns: this.returns,
      sent: { ...this.line?.sent },
      played: { ...this.played },
      flushes: this.flushes,
      underruns: this.sound.underruns,
      buffered: this.sound.buffered,
      rate: this.sound.context?.sampleRate ?? 0,
      outputLatency: this.sound.context?.outputLatency ?? 0,
      inLevel: this.sound.level(this.sound.inMeter),
      outLevel: this.sound.level(this.sound.outMeter),
      ...this.figures,
    };
  }
}
