/** All that is shown besides the transcript: state, figures, meters, clock, buttons. */

const STATES = {
  listening: "Listening",
  hearing: "I hear you",
  thinking: "Thinking",
  speaking: "Speaking",
};
const PHASES = {
  idle: ["Ready when you are", "Start talking"],
  connecting: ["Connecting", "Cancel"],
  live: [STATES.listening, "Hang up"],
  ended: ["The call has ended", "Call again"],
};
const FLOOR = 50; // dB below full scale at which a meter shows nothing

const find = (id) => document.getElementById(id);

export class View {
  constructor() {
    this.text = find("text");
    this.mute = find("mute");
    this.call = find("call");
    this.form = find("typed");
    this.orb = find("orb");
    this.bars = { in: find("in-meter").querySelector("i"), out: find("out-meter").querySelector("i") };
    this.shown = { in: 0, out: 0 };
    this.latencies = [];
    this.costs = [];
  }

  phase(phase) {
    document.body.dataset.phase = phase;
    const [state, label] = PHASES[phase];
    find("state").textContent = state;
    find("call-label").textContent = label;
    const live = phase === "live";
    // A control that is switched off loses the keyboard; the button that goes on takes it.
    const lost = !live && document.activeElement?.matches("#typed *, #mute");
    this.text.disabled = find("send").disabled = !live;
    this.mute.disabled = find("attach").disabled = !live;
    if (lost) this.call.focus();
    this.away(false);
    if (phase === "connecting") {
      this.latencies = [];
      this.costs = [];
      find("cost-box").hidden = true;
      for (const id of ["latency", "saved"]) find(id).textContent = "–";
      for (const id of ["median", "saved-more", "who", "clock", "line"]) find(id).textContent = "";
    }
    if (live) this.state("listening");
    else document.body.dataset.state = "listening";
  }

  state(state) {
    document.body.dataset.state = state;
    find("state").textContent = STATES[state] ?? state;
  }

  who({ assistant, detector }) {
    find("who").textContent = `${assistant} assistant`;
    find("who").title = `Turns are detected by: ${detector}`;
  }

  /** How sound and words travel. */
  line(kind) {
    find("line").textContent = kind;
    find("line").title = kind === "WebRTC" ? "" : "The browser found no way for WebRTC.";
  }

  /** How long that takes, where the browser can tell. */
  way({ trip, buffer }) {
    if (trip || buffer) {
      find("line").title = `A packet travels ${Math.round(trip)} ms there and back, and sound waits ${Math.round(buffer)} ms before it is played.`;
    }
  }

  /** The line broke, and another is being looked for. */
  away(away) {
    document.body.classList.toggle("away", away);
    const { phase, state } = document.body.dataset;
    if (away) find("state").textContent = "The line broke. Reconnecting";
    else if (phase === "live") this.state(state);
  }

  muted(muted, holding) {
    const label = muted ? "Unmute the microphone" : "Mute the microphone";
    this.mute.setAttribute("aria-pressed", String(muted));
    this.mute.setAttribute("aria-label", holding ? "Hold to talk" : label);
    document.body.classList.toggle("muted", muted);
    document.body.classList.toggle("holding", holding);
    find("holding-hint").hidden = !holding;
  }

  latency(ms) {
    this.latencies.push(ms);
    const sorted = [...this.latencies].sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    find("latency").textContent = `${ms} ms`;
    find("median").textContent = `median ${Math.round(median)} ms`;
  }

  savings({ heard_ms: heard, sent_ms: sent, tokens_saved: tokens, usd_saved: usd }) {
    const share = heard > 0 ? Math.max(0, 1 - sent / heard) : 0;
    const seconds = Math.max(0, heard - sent) / 1000;
    const money = usd >= 0.0005 ? ` · $${usd.toFixed(3)}` : "";
    find("saved").textContent = `${Math.round(share * 100)} % · ${Math.round(seconds)} s`;
    find("saved-more").textContent = `${tokens} tokens${money}`;
  }

  cost(usd) {
    this.costs.push(usd);
    const total = this.costs.reduce((sum, one) => sum + one, 0);
    find("cost-box").hidden = false;
    find("cost").textContent = `$${total.toFixed(4)}`;
    find("cost-more").textContent = `$${(total / this.costs.length).toFixed(4)} a response`;
  }

  clock(seconds) {
    const text = `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
    if (find("clock").textContent !== text) find("clock").textContent = text;
  }

  /** Root mean squares of both sides, 0 to 1; meters rise at once and fall slowly. */
  levels(into, out) {
    this.bar("in", into);
    this.bar("out", out);
    const state = document.body.dataset.state;
    const loudest = state === "speaking" ? this.shown.out : this.shown.in;
    this.orb.style.setProperty("--level", loudest.toFixed(3));
  }

  bar(side, level) {
    const dbfs = 20 * Math.log10(Math.max(level, 1e-6));
    const share = Math.min(1, Math.max(0, 1 + (dbfs + 6) / FLOOR));
    this.shown[side] = Math.max(share, this.shown[side] * 0.88);
    this.bars[side].style.transform = `scaleX(${this.shown[side].toFixed(3)})`;
  }
}
