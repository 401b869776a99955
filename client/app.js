/** The page: joins call, view, transcript and whatever can be pressed, dropped or chosen. */

import { Call } from "./call.js";
import { Devices } from "./devices.js";
import { pictures } from "./pictures.js";
import { Toasts } from "./toasts.js";
import { Transcript } from "./transcript.js";
import { View } from "./view.js";

const find = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const view = new View();
const toasts = new Toasts(find("toasts"), view.call);
const transcript = new Transcript(find("lines"), find("announcer"));
const devices = new Devices({
  onmicrophone: (chosen) => call?.microphone(chosen).catch((error) => toasts.error("microphone", error.message)),
  onspeaker: (chosen) => call?.speaker(chosen),
  onholding: () => mute(devices.chosen.holding),
});

let call = null;
let muted = false;

/** What a call shows of itself. */
const face = {
  phase: (phase) => view.phase(phase),
  line: (kind) => view.line(kind),
  away: (away) => view.away(away),
  notice: (code, text) => toasts.notice(code, text),
  problem: (code, text, retry) => toasts.error(code, text, retry ? [["Call again", () => begin(true)]] : []),
  asleep: (sound) => wakeWithNextTouch(sound),

  refused(error) {
    const again = [["Try again", () => begin(true)]];
    if (error.code === "microphone") again.push(["Type instead", () => begin(false)]);
    toasts.error(error.code ?? "sound", error.message, error.code === "insecure" ? [] : again);
  },

  take(message, returned) {
    switch (message.type) {
      case "started":
        if (!returned) transcript.clear();
        view.phase("live");
        view.who(message);
        if (!returned && !call.sound.track) view.text.focus(); // a call to be typed
        break;
      case "state": view.state(message.state); break;
      case "words": transcript.words(message); break;
      case "tool": transcript.tool(message); break;
      case "latency": view.latency(message.ms); break;
      case "savings": view.savings(message); break;
      case "cost": view.cost(message.usd); break;
      case "notice": toasts.notice(message.code, message.message); break;
    }
  },
};

/** Browsers that saw no touch yet keep the loudspeaker shut. */
function wakeWithNextTouch(sound) {
  const timer = setTimeout(() => {
    if (sound.blocked) toasts.error("asleep", "Press anywhere to turn the sound on.");
  }, 500);
  const wake = () => {
    clearTimeout(timer);
    sound.wake();
    toasts.drop("asleep", toasts.shown.get("asleep"));
  };
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, wake, { once: true });
}

function begin(withMicrophone) {
  if (call && !call.over) return;
  toasts.clear();
  const { microphone, speaker } = devices.chosen;
  call = new Call(face, { microphone, speaker, line: query.get("line"), rate: Number(query.get("rate")) });
  mute(devices.chosen.holding);
  call.start(withMicrophone);
}

function mute(wanted) {
  muted = wanted;
  call?.sound.mute(wanted);
  view.muted(wanted, devices.chosen.holding);
}

/** Where a key must be held to talk, the microphone is open as long as it is. */
function hold(held) {
  if (devices.chosen.holding && call?.live && muted === held) mute(!held);
}

/** Whether this is the key that is held to talk: also on a button that has just been pressed. */
function talks(event) {
  const typing = event.target.closest?.("input, select, textarea, summary, [popover]");
  return event.code === "Space" && devices.chosen.holding && Boolean(call?.live) && !typing;
}

function draw() {
  const live = call !== null && !call.over;
  view.levels(live ? call.sound.level(call.sound.inMeter) : 0, call ? call.sound.level(call.sound.outMeter) : 0);
  if (live && call.began) view.clock((performance.now() - call.began) / 1000);
  requestAnimationFrame(draw);
}

view.call.onclick = () => (call && !call.over ? call.hangUp() : begin(true));
view.mute.onclick = () => !devices.chosen.holding && mute(!muted);
view.mute.onpointerdown = () => hold(true);
for (const kind of ["pointerup", "pointercancel", "blur"]) addEventListener(kind, () => hold(false));
view.mute.addEventListener("keydown", ({ code }) => code === "Enter" && hold(true));
view.mute.addEventListener("keyup", () => hold(false));
addEventListener("keydown", (event) => {
  if (!talks(event)) return;
  event.preventDefault();
  hold(true);
});
addEventListener("keyup", (event) => {
  if (talks(event)) event.preventDefault(); // a button would be pressed by it
  if (event.code === "Space") hold(false);
});
view.form.onsubmit = (event) => {
  event.preventDefault();
  const text = view.text.value.trim();
  if (!text || !call?.live) return;
  call.send({ type: "text", text });
  view.text.value = "";
};
pictures(
  find("attach"),
  find("picture"),
  (url) => {
    if (!call?.live) {
      toasts.notice("picture", "Pictures are shown in a call. Start one first.");
      return;
    }
    call.send({ type: "image", url, text: view.text.value.trim() });
    transcript.picture(url);
    view.text.value = "";
  },
  (why) => toasts.notice("picture", why),
);
addEventListener("offline", () => call?.line?.established && call.comeBack());
addEventListener("pagehide", () => call && !call.over && call.hangUp());
setInterval(async () => {
  if (!call || call.over) return;
  await call.measure();
  view.way(call.figures);
}, 2000);

window.trunkline = {
  get sound() {
    return call?.sound ?? null;
  },
  connect: () => begin(true),
  hangUp: () => call?.hangUp(),
  mute,
  statistics: () => {
    const { phase, state } = document.body.dataset;
    return call && { phase, state, ...call.statistics() };
  },
};

requestAnimationFrame(draw);
if (query.get("autostart") === "1") begin(true);
