/** Short messages at the edge of the screen that say what happened and what to do. */

const STAYS = 9000; // ms that a notice is shown; errors stay until they are closed

export class Toasts {
  /** `home` takes the keyboard from a message that goes while it has it. */
  constructor(box, home) {
    this.box = box;
    this.home = home;
    this.shown = new Map();
  }

  notice(code, message) {
    const toast = this.show(code, message, "notice", []);
    setTimeout(() => this.drop(code, toast), STAYS);
  }

  error(code, message, actions = []) {
    this.show(code, message, "error", actions);
  }

  show(code, message, kind, actions) {
    const there = this.shown.get(code);
    if (kind === "notice" && there?.querySelector("p").textContent === message) return there;
    this.drop(code, there);
    const toast = document.createElement("div");
    toast.className = `toast ${kind}`;
    toast.setAttribute("role", kind === "error" ? "alert" : "status");
    const text = document.createElement("p");
    text.textContent = message;
    toast.append(text);
    for (const [label, act] of [...actions, ["Close", () => {}]]) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = label;
      button.onclick = () => {
        this.drop(code, toast);
        act();
      };
      toast.append(button);
    }
    this.shown.set(code, toast);
    this.box.append(toast);
    return toast;
  }

  drop(code, toast) {
    if (!toast || this.shown.get(code) !== toast) return;
    const held = toast.contains(document.activeElement);
    toast.remove();
    if (held) this.home.focus();
    this.shown.delete(code);
  }

  clear() {
    for (const [code, toast] of [...this.shown]) this.drop(code, toast);
  }
}
