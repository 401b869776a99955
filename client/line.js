/** The line to the gateway: the browser's wire over one WebSocket. */

import { token } from "./rtc.js";
import { RATE } from "./sound.js";

const BEHIND = RATE * 2; // bytes that may wait to be sent: one second of audio

export class Line {
  constructor({ onopen, onmessage, onaudio, onclose, onslow }) {
    Object.assign(this, { onopen, onmessage, onaudio, onclose, onslow });
    this.sent = { frames: 0, bytes: 0, reports: 0, dropped: 0 };
    this.playing = { item: "", generation: 0, position: 0 };
    this.opened = false;
    this.kind = "WebSocket";
  }

  open(reports) {
    const address = new URL("browser", document.baseURI);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const shown = token();
    if (shown) address.searchParams.set("token", shown);
    this.socket = new WebSocket(address, "trunkline");
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => {
      this.opened = true;
      this.send({ type: "start", reports });
    };
    this.socket.onmessage = ({ data }) => this.take(data);
    this.socket.onclose = ({ code, reason }) => this.onclose(code, reason, this.opened);
  }

  take(data) {
    if (typeof data !== "string") {
      const { item, generation, position } = this.playing;
      this.playing.position += data.byteLength / 2;
      this.onaudio(item, generation, position, data);
      return;
    }
    const message = JSON.parse(data);
    if (message.type === "audio") this.playing = message;
    else this.onmessage(message);
  }

  get live() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  send(message) {
    if (this.live) this.socket.send(JSON.stringify(message));
  }

  sendAudio(frame) {
    if (!this.live) return;
    if (this.socket.bufferedAmount > BEHIND) {
      this.sent.dropped += 1;
      this.onslow();
      return;
    }
    this.socket.send(frame);
    this.sent.frames += 1;
    this.sent.bytes += frame.byteLength;
  }

  sendPlayed(item, samples, generation) {
    this.sent.reports += 1;
    this.send({ type: "played", item, samples, generation });
  }

  close() {
    this.send({ type: "hangup" });
    this.socket?.close(1000);
  }
}
