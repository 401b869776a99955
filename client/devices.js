/** Which microphone and which loudspeaker, and whether a key must be held to talk. */

const STORED = "trunkline-devices";
const find = (id) => document.getElementById(id);

export class Devices {
  constructor({ onmicrophone, onspeaker, onholding }) {
    this.chosen = { microphone: "", speaker: "", holding: false, ...stored() };
    this.lists = { audioinput: find("microphone"), audiooutput: find("speaker") };
    this.lists.audioinput.onchange = ({ target }) => this.choose({ microphone: target.value }, onmicrophone);
    this.lists.audiooutput.onchange = ({ target }) => this.choose({ speaker: target.value }, onspeaker);
    find("holding").checked = this.chosen.holding;
    find("holding").onchange = ({ target }) => this.choose({ holding: target.checked }, onholding);
    find("speaker-row").hidden = !("setSinkId" in AudioContext.prototype);
    navigator.mediaDevices?.addEventListener("devicechange", () => this.list());
    find("devices").addEventListener("toggle", () => this.list());
  }

  choose(change, tell) {
    Object.assign(this.chosen, change);
    try {
      localStorage.setItem(STORED, JSON.stringify(this.chosen));
    } catch {
      // A browser that keeps nothing asks again next time.
    }
    tell(Object.values(change)[0]);
  }

  /** Browsers name devices only once a microphone was allowed. */
  async list() {
    const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    for (const [kind, select] of Object.entries(this.lists)) {
      const chosen = kind === "audioinput" ? this.chosen.microphone : this.chosen.speaker;
      const named = all.filter((one) => one.kind === kind && one.deviceId && one.deviceId !== "default");
      const options = named.map((one) => new Option(one.label || one.deviceId, one.deviceId));
      select.replaceChildren(new Option("The system's own", ""), ...options);
      select.value = named.some((one) => one.deviceId === chosen) ? chosen : "";
    }
  }
}

function stored() {
  try {
    return JSON.parse(localStorage.getItem(STORED) ?? "{}");
  } catch {
    return {};
  }
}
