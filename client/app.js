/** The page: joins sound, line and view into one call at a time. */

import { Line } from "./line.js";
import { RATE, Sound } from "./sound.js";
import { Toasts } from "./toasts.js";
import { Transcript } from "./transcript.js";
import { View } from "./view.js";

const find = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const view = new View();
const toasts = new Toasts(find("toasts"));
const transcript = new Transcript(find("lines"), find("announcer"));
const DRAIN = 3000; // ms that the last words may take after the other side has hung up

let call = null;

class Call {
  constructor() {
    this.played = {};
    this.flushes = 0;
    this.began = 0;
    this.ended = "";
    this.muted = false;
    this.over = false;
    this.sound = new Sound({
      onframe: (frame) => this.line.sendAudio(frame),
      onplayed: (item, samples, generation) => this.heard(item, samples, generation),
      onlost: () => toasts.error("lost", "The microphone is gone. Plug it in and call again, or type."),
      onfull: () => toasts.notice("full", "Sound came faster than it can be played; some is missing."),
    });
    this.line = new Line({
      onmessage: (message) => this.take(message),
      onaudio: (item, generation, position, pcm) => this.sound.play(item, generation, position, pcm),
      onclose: (code, reason, opened) => this.closed(code, reason, opened),
      onslow: () => toasts.notice("slow", "The network is slow; some of what you say is lost."),
    });
  }

  async start(withMicrophone) {
    view.phase("connecting");
    toasts.clear();
    try {
      await this.sound.open(Number(query.get("rate")) || RATE);
      if (withMicrophone) await this.sound.listen();
    } catch (error) {
      this.refused(error);
      return;
    }
    if (this.over) return;
    this.line.open(true);
    if (this.sound.blocked) wakeWithNextTouch(this.sound);
  }

  refused(error) {
    this.end("idle");
    const again = [["Try again", () => begin(true)]];
    if (error.code === "microphone") again.push(["Type instead", () => begin(false)]);
    toasts.error(error.code ?? "sound", error.message, error.code === "insecure" ? [] : again);
  }

  take(message) {
    switch (message.type) {
      case "started":
        this.began = performance.now();
        transcript.clear();
        view.phase("live");
        view.who(message);
        break;
      case "flush":
        this.flushes += 1;
        this.sound.flush();
        break;
      case "state": view.state(message.state); break;
      case "words": transcript.words(message); break;
      case "tool": transcript.tool(message); break;
      case "latency": view.latency(message.ms); break;
      case "savings": view.savings(message); break;
      case "notice": toasts.notice(message.code, message.message); break;
      case "error": this.ended = message.message; break;
      case "ended": this.ended = ""; break;
    }
  }

  heard(item, samples, generation) {
    this.played[item] = samples;
    this.line.sendPlayed(item, samples, generation);
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
    toasts.error("line", broken, [["Call again", () => begin(true)]]);
  }

  hangUp() {
    this.line.close();
    this.end("ended");
  }

  end(phase, drain = 0) {
    this.over = true;
    view.phase(phase);
    this.sound.mute(true);
    const left = (this.sound.buffered / RATE) * 1000 + 100;
    setTimeout(() => this.sound.close(), drain && Math.min(drain, left));
  }

  mute(muted) {
    this.muted = muted;
    this.sound.mute(muted);
    view.muted(muted);
  }

  statistics() {
    return {
      phase: document.body.dataset.phase,
      state: document.body.dataset.state,
      sent: { ...this.line.sent },
      played: { ...this.played },
      flushes: this.flushes,
      underruns: this.sound.underruns,
      buffered: this.sound.buffered,
      rate: this.sound.context?.sampleRate ?? 0,
      outputLatency: this.sound.context?.outputLatency ?? 0,
      inLevel: this.sound.level(this.sound.inMeter),
      outLevel: this.sound.level(this.sound.outMeter),
    };
  }
}

/** Browsers that saw no touch yet keep the loudspeaker shut. */
function wakeWithNextTouch(sound) {
  const timer = setTimeout(() => {
    if (sound.blocked) toasts.error("asleep", "Press anywhere to turn the sound on.");
  }, 500);
  const wake = () => {
    clearTimeout(timer);
    sound.context.resume();
    toasts.drop("asleep", toasts.shown.get("asleep"));
  };
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, wake, { once: true });
}

function begin(withMicrophone) {
  if (call && !call.over) return;
  call = new Call();
  view.muted(false);
  call.start(withMicrophone);
}

function draw() {
  const live = call !== null && !call.over;
  view.levels(live ? call.sound.level(call.sound.inMeter) : 0, call ? call.sound.level(call.sound.outMeter) : 0);
  if (live && call.began) view.clock((performance.now() - call.began) / 1000);
  requestAnimationFrame(draw);
}

view.call.onclick = () => (call && !call.over ? call.hangUp() : begin(true));
view.mute.onclick = () => call?.mute(!call.muted);
view.form.onsubmit = (event) => {
  event.preventDefault();
  const text = view.text.value.trim();
  if (!text || !call?.line.live) return;
  call.line.send({ type: "text", text });
  view.text.value = "";
};
addEventListener("pagehide", () => call && !call.over && call.hangUp());

window.trunkline = {
  connect: () => begin(true),
  hangUp: () => call?.hangUp(),
  mute: (muted) => call?.mute(muted),
  statistics: () => call?.statistics() ?? null,
};

requestAnimationFrame(draw);
if (query.get("autostart") === "1") begin(true);
