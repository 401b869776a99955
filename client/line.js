/** The line to the gateway: the browser's wire over one WebSocket. */

import { RefusedError, token } from "./rtc.js";
import { RATE } from "./sound.js";

const GONE = 4404; // close code: the call that was asked for has ended
const BEHIND = RATE * 2; // bytes that may wait to be sent: one second of audio

export class Line {
  constructor({ onmessage, onaudio, onclose, onlost, onslow }) {
    Object.assign(this, { onmessage, onaudio, onclose, onlost, onslow });
    this.sent = { frames: 0, bytes: 0, reports: 0, dropped: 0 };
    this.playing = { item: "", generation: 0, position: 0 };
    this.opened = false;
    this.established = false;
    this.over = false;
    this.kind = "WebSocket";
  }

  /** To a new call, or to one that goes on: then it settles when that is known. */
  open(reports, call) {
    const address = new URL("browser", document.baseURI);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const shown = token();
    if (shown) address.searchParams.set("token", shown);
    address.searchParams.set(call ? "call" : "returns", call ?? "1");
    this.socket = new WebSocket(address, "trunkline");
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => {
      this.opened = true;
      this.send({ type: "start", reports });
    };
    this.socket.onmessage = ({ data }) => this.take(data);
    return new Promise((resolve, reject) => {
      this.known = resolve;
      this.socket.onclose = ({ code, reason }) => {
        reject(new RefusedError(code === GONE ? 404 : 503, reason));
        this.closed(code, reason);
      };
    });
  }

  closed(code, reason) {
    if (this.over) return;
    if (this.established && !this.farewell && code !== 1000) this.onlost();
    else this.onclose(code, reason, this.opened);
  }

  /** Nobody is to hear of it any more. */
  drop() {
    this.over = true;
    this.socket.close();
  }

  take(data) {
    if (this.over) return;
    if (typeof data !== "string") {
      const { item, generation, position } = this.playing;
      this.playing.position += data.byteLength / 2;
      this.onaudio(item, generation, position, data);
      return;
    }
    const message = JSON.parse(data);
    if (message.type === "audio") {
      this.playing = message;
      return;
    }
    if (message.type === "started") {
      this.established = true;
      this.known();
    } else if (message.type === "error" || message.type === "ended") {
      this.farewell = message;
    }
    this.onmessage(message);
  }

  get live() {
    return !this.over && this.socket?.readyState === WebSocket.OPEN;
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
