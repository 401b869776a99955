/**
 * The line to the gateway over WebRTC: sound on a track, the rest of the browser's wire on a data
 * channel. It has the face of the line over a WebSocket, and may be replaced while a call lives.
 */

const CHANNEL = "trunkline";
const CALLS = "v1/realtime/calls";

export class RefusedError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** What the gateway says of WebRTC here; null where it has none. */
export async function wayTo(base) {
  if (!window.RTCPeerConnection) return null;
  try {
    const answer = await fetch(new URL("v1/realtime/ice_servers", base), { headers: credentials() });
    const way = await answer.json();
    return answer.ok && way.iceServers ? way : null;
  } catch {
    return null;
  }
}

export class RtcLine {
  constructor({ onmessage, onclose, onsound, onlost }) {
    Object.assign(this, { onmessage, onclose, onsound, onlost });
    this.kind = "WebRTC";
    this.sent = { frames: 0, bytes: 0, reports: 0, dropped: 0 };
    this.over = false;
    this.established = false;
  }

  /**
   * Connect, to a new call or (with `where`) to one that goes on. Throws RefusedError where the
   * gateway will not, and any other error where no way is found in `patience` milliseconds.
   */
  async open(way, track, where, patience) {
    const pc = new RTCPeerConnection({
      iceServers: way.iceServers,
      iceTransportPolicy: way.iceTransportPolicy,
      bundlePolicy: "max-bundle",
    });
    this.connection = pc;
    this.sender = track
      ? pc.addTrack(track)
      : pc.addTransceiver("audio", { direction: "recvonly" }).sender;
    pc.ontrack = ({ track: theirs }) => (this.sound = new MediaStream([theirs]));
    this.channel = pc.createDataChannel(CHANNEL);
    this.channel.onmessage = ({ data }) => this.take(JSON.parse(data));
    this.channel.onclose = () => this.gone();
    pc.onconnectionstatechange = () => this.changed();
    try {
      await within(patience, this.connect(pc, way, where));
    } catch (error) {
      this.drop();
      throw error;
    }
  }

  async connect(pc, way, where) {
    await pc.setLocalDescription();
    if (way.iceServers.length > 0) await gathered(pc, 1000);
    const address = new URL(where ?? `${CALLS}?channel=${CHANNEL}`, document.baseURI);
    const headers = { "content-type": "application/sdp", ...credentials() };
    const answer = await fetch(address, { method: "POST", headers, body: pc.localDescription.sdp });
    const text = await answer.text();
    if (answer.status !== 201) throw new RefusedError(answer.status, reasonIn(text));
    this.where = answer.headers.get("location");
    await pc.setRemoteDescription({ type: "answer", sdp: text });
    await opened(this.channel);
    this.established = true;
    if (this.sound) this.onsound(this.sound);
    this.send({ type: "start", reports: true });
  }

  take(message) {
    if (this.over) return;
    if (message.type === "ended" || message.type === "error") this.farewell = message;
    this.onmessage(message);
  }

  changed() {
    const state = this.connection.connectionState;
    clearTimeout(this.doubt);
    if (state === "failed") this.gone();
    else if (state === "disconnected") this.doubt = setTimeout(() => this.gone(), 1500);
  }

  /** The line ended: by the gateway, which said so, or it broke. */
  gone() {
    if (this.over || !this.established) return;
    const { farewell } = this;
    this.drop();
    if (!farewell) this.onlost();
    else if (farewell.type === "ended") this.onclose(1000, farewell.reason, true);
    else this.onclose(1008, farewell.message, true);
  }

  get live() {
    return !this.over && this.channel?.readyState === "open";
  }

  send(message) {
    if (this.live) this.channel.send(JSON.stringify(message));
  }

  /** Speak through another microphone. */
  async replace(track) {
    await this.sender.replaceTrack(track);
  }

  /** Milliseconds that sound lately waited here before it was played, and that a packet travels. */
  async figures() {
    const found = { buffer: 0, trip: 0 };
    for (const report of (await this.connection.getStats()).values()) {
      if (report.type === "inbound-rtp" && report.jitterBufferEmittedCount > 0) {
        found.buffer = (1000 * report.jitterBufferDelay) / report.jitterBufferEmittedCount;
      } else if (report.type === "candidate-pair" && report.nominated) {
        found.trip = 1000 * (report.currentRoundTripTime ?? 0);
      }
    }
    return found;
  }

  close() {
    this.send({ type: "hangup" });
    // What is being sent is lost when the connection is closed at once.
    setTimeout(() => this.drop(), 300);
    this.over = true;
  }

  drop() {
    this.over = true;
    clearTimeout(this.doubt);
    this.connection?.close();
  }
}

/** Behind the #, where no server and no log sees it until it is needed. */
export function token() {
  return new URLSearchParams(location.hash.slice(1)).get("token");
}

function credentials() {
  const shown = token();
  return shown ? { authorization: `Bearer ${shown}` } : {};
}

function reasonIn(text) {
  try {
    return JSON.parse(text).error.message;
  } catch {
    return text.slice(0, 200);
  }
}

function within(ms, work) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no way was found in time")), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function opened(channel) {
  return new Promise((resolve, reject) => {
    channel.addEventListener("open", resolve, { once: true });
    channel.addEventListener("close", () => reject(new Error("the line closed")), { once: true });
  });
}

/** Until all ways are known, but never for long: what is known by then is offered. */
function gathered(pc, ms) {
  if (pc.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    pc.addEventListener("icegatheringstatechange", () => {
      if (pc.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    });
  });
}
