/** The conversation as it is read: lines of both sides, and cards for what tools did. */

const NAMES = { caller: "You", assistant: "Assistant" };
const STATUS = { running: "running", done: "done", failed: "failed", cancelled: "cancelled" };

export class Transcript {
  constructor(list, announcer) {
    this.list = list;
    this.announcer = announcer;
    this.clear();
  }

  clear() {
    this.list.replaceChildren();
    this.entries = new Map();
    this.pictures = 0;
  }

  words({ item, role, text, at, final, cut }) {
    if (final && !text.trim()) {
      this.entries.get(item)?.remove();
      this.entries.delete(item);
      return;
    }
    const near = this.near();
    const entry = this.entry(item, at, () => bubble(role));
    entry.querySelector("p").textContent = text;
    entry.classList.toggle("partial", !final);
    entry.classList.toggle("cut", cut);
    entry.querySelector(".mark").hidden = !cut;
    if (final) this.announce(`${NAMES[role]}: ${text}${cut ? " (interrupted)" : ""}`);
    this.follow(near);
  }

  tool({ call, name, arguments: given, status, output }) {
    const near = this.near();
    const entry = this.entry(`tool ${call}`, this.latest(), card);
    entry.dataset.status = status;
    entry.querySelector(".name").textContent = name;
    entry.querySelector(".status").textContent = STATUS[status];
    entry.querySelector(".given").textContent = pretty(given);
    const result = entry.querySelector(".result");
    result.hidden = entry.querySelector(".result-label").hidden = !output;
    result.textContent = pretty(output);
    if (status !== "running") this.announce(`${name}: ${STATUS[status]}`);
    this.follow(near);
  }

  /** A picture that the caller showed. */
  picture(url) {
    const near = this.near();
    this.pictures += 1;
    const entry = this.entry(`picture ${this.pictures}`, this.latest(), () => element("li", "shown"));
    const image = element("img", "");
    image.onload = () => this.follow(near); // until then it has no height
    image.src = url;
    image.alt = "The picture that you showed";
    entry.append(image);
  }

  /** When the last thing was said or done: tools come without a time and belong after it. */
  latest() {
    return Number(this.list.lastElementChild?.dataset.at ?? 0);
  }

  /** The entry of that name; a new one goes where its time belongs. */
  entry(name, at, make) {
    let entry = this.entries.get(name);
    if (entry === undefined) {
      entry = make();
      entry.dataset.at = at;
      let before = null;
      for (let other = this.list.lastElementChild; other && Number(other.dataset.at) > at; ) {
        before = other;
        other = other.previousElementSibling;
      }
      this.list.insertBefore(entry, before);
      this.entries.set(name, entry);
    }
    return entry;
  }

  announce(text) {
    this.announcer.textContent = text;
  }

  /** Whether its end is in sight: asked before it grows, however much that will be. */
  near() {
    const box = this.list.parentElement;
    return box.scrollHeight - box.scrollTop - box.clientHeight < 160;
  }

  follow(near) {
    const box = this.list.parentElement;
    if (near) box.scrollTop = box.scrollHeight;
  }
}

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function bubble(role) {
  const entry = element("li", `line ${role}`);
  const mark = element("span", "mark", "— interrupted");
  entry.append(element("span", "who", NAMES[role]), element("p", "text"), mark);
  return entry;
}

function card() {
  const entry = element("li", "tool");
  const details = element("details", "");
  const summary = element("summary", "");
  summary.append(element("span", "glyph"), element("span", "name"), element("span", "status"));
  details.append(
    summary,
    element("h3", "", "Arguments"),
    element("pre", "given"),
    element("h3", "result-label", "Result"),
    element("pre", "result"),
  );
  entry.append(details);
  return entry;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
