// A conversation with `@openai/agents-realtime`: a typed question, a tool, an interruption, an end.
// node agents.mjs URL SPEECH.pcm; prints one JSON object a line of what happens.
import { readFileSync } from "node:fs";
import { RealtimeAgent, RealtimeSession } from "@openai/agents-realtime";
import { tool } from "@openai/agents-core";
import { z } from "zod";

const [, , url, file] = process.argv;
const speech = readFileSync(file);
const say = (what) => console.log(JSON.stringify(what));

const find = tool({
  name: "find",
  description: "Find an order.",
  parameters: z.object({ number: z.number() }),
  execute: async ({ number }) => {
    say({ found: number });
    return "It ships on Monday.";
  },
});
const agent = new RealtimeAgent({ name: "desk", instructions: "Help with orders.", tools: [find] });
const session = new RealtimeSession(agent, { transport: "websocket", tracingDisabled: true });

let speaking = false;
// It truncates by the clock, and once more where the caller goes on: that the rest is gone is no error.
const expected = /already shorter/;
session.on("error", (error) => {
  const told = JSON.stringify(error);
  if (!expected.test(told)) say({ error: told });
});
session.on("audio", () => {
  if (speaking) return;
  speaking = true;
  say({ speaking: true });
  for (let at = 0; at < speech.length; at += 9600) {
    const piece = speech.subarray(at, at + 9600);
    session.sendAudio(piece.buffer.slice(piece.byteOffset, piece.byteOffset + piece.length));
  }
});
session.on("audio_interrupted", () => say({ interrupted: true }));
session.transport.on("*", (event) => {
  if (event.type !== "response.done") return;
  say({ done: event.response.status, output: event.response.output.map((item) => item.type) });
  const last = event.response.output.at(-1)?.content?.[0]?.transcript;
  if (event.response.status === "completed" && last) {
    say({ said: last, items: session.history.length });
    session.close();
  }
});
await session.connect({ apiKey: "any", url });
session.sendMessage("Where is order seven?");
